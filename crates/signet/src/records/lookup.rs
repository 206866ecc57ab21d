//! What a name stands for (signet spec 9.8). Nothing is an answer too, and the one for what the caller may not know of.

use chancery_signet_wire::{
    Class, ResourceKind,
    action::input::LookupResolve,
    record::lookup::{CredentialBrief, IdMapping, Lookup, OperatorBrief, PolicyBrief},
};
use chancery_store::rusqlite::OptionalExtension as _;

use crate::{
    authorize::Right,
    records::{Case, Look, chats, credentials, inboxes, operators, policies},
    store::Problem,
};

/// What was found; a name that stands for nothing, or for more than one thing, is not found.
fn found<T>(result: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Problem::Refused(failure)) if matches!(failure.class, Class::NotFound | Class::Validation) => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// A name that begins like another kind's id is not the beginning of an id of this one.
fn may_be(query: &str, kind: ResourceKind) -> bool {
    query.starts_with(kind.prefix()) || !ResourceKind::PREFIXES.iter().any(|prefix| query.starts_with(prefix))
}

impl Look for LookupResolve {
    type Found = Lookup;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Lookup, Problem> {
        let query = self.query.as_str();
        let operator = match may_be(query, ResourceKind::Operator) {
            true => found(operators::find(case, &self.query, true))?,
            false => None,
        };
        let policy = match may_be(query, ResourceKind::Policy) {
            true => found(policies::find(case, &self.query))?,
            false => None,
        };
        let credential = match may_be(query, ResourceKind::Credential) {
            true => found(credentials::find(case, &self.query))?,
            false => None,
        };
        let inbox = match may_be(query, ResourceKind::Inbox) {
            true => found(inboxes::find(case, &self.query))?,
            false => None,
        };
        let chat = match may_be(query, ResourceKind::Conversation) {
            true => found(chats::find(case, &self.query))?,
            false => None,
        };
        let mapping = match (&inbox, chat) {
            (Some(inbox), _) => inbox.network_id.clone().map(|network_id| IdMapping {
                local_id: inbox.id.to_string(),
                network_id,
            }),
            (None, Some(chat)) => Some(IdMapping {
                local_id: chat.id.to_string(),
                network_id: chat.name.0,
            }),
            (None, None) => message(case, query)?,
        };
        Ok(Lookup {
            query: query.to_owned(),
            found: operator.is_some()
                || policy.is_some()
                || credential.is_some()
                || inbox.is_some()
                || mapping.is_some(),
            mapping,
            inbox: inbox.map(inboxes::row::Inbox::summary),
            operator: operator.map(|operator| OperatorBrief {
                id: operator.id,
                label: operator.label,
                role: operator.role,
                status: operator.status,
            }),
            policy: policy.map(|policy| PolicyBrief {
                id: policy.id,
                label: policy.label,
                updated_at: policy.updated_at.into(),
            }),
            credential: match credential {
                Some(credential) => Some(brief(case, &credential)?),
                None => None,
            },
        })
    }
}

fn brief(case: &Case<'_>, credential: &credentials::row::Credential) -> Result<CredentialBrief, Problem> {
    let record = credential.record(case.now)?;
    Ok(CredentialBrief {
        id: credential.id,
        operator_id: credential.operator_id,
        policy_id: credential.policy_id,
        chat_ids: credential.chats.keys().copied().collect(),
        status: record.status,
        expires_at: record.expires_at,
    })
}

/// A message's two ids, whole. Only whoever sees everything may ask: a message's chat is not looked at.
fn message(case: &Case<'_>, query: &str) -> Result<Option<IdMapping>, Problem> {
    if !case.caller.is_root() {
        return Ok(None);
    }
    let found = case
        .sql
        .prepare_cached(
            "SELECT local_id, network_id FROM id_mappings WHERE kind = ?1 AND (local_id = ?2 OR network_id = ?2)",
        )?
        .query_row([ResourceKind::Message.as_str(), query], |row| {
            Ok(IdMapping {
                local_id: row.get(0)?,
                network_id: row.get(1)?,
            })
        })
        .optional()?;
    Ok(found)
}
