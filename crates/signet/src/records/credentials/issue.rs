//! Issuing: the only moment at which a token is known.

use std::collections::{BTreeMap, BTreeSet};

use chancery_base::digest;
use chancery_policy::messaging::{Allowlist, ContentTypeId, ScopeMode, ScopeSet, Scopes};
use chancery_signet_wire::{
    BearerToken, ConversationId, CredentialId, Failure, InboxId, Positive,
    action::input::CredentialIssue,
    record::{
        credential::{CredentialStatus, IssuedCredential, RevocationReason},
        operator::OperatorStatus,
    },
};
use serde_json::json;

use super::{
    end,
    row::{self, Credential},
};
use crate::{
    authorize::Right,
    records::{
        Case, Rule, chats, inboxes,
        operators::{self, row::Operator},
        policies,
    },
    settings::MAX_TTL,
    store::{Problem, Tx},
};

impl Rule for CredentialIssue {
    type Done = IssuedCredential;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<IssuedCredential, Problem> {
        let operator = operators::administered(case, &self.operator_id)?;
        if operator.status != OperatorStatus::Active {
            return Err(operators::inactive(&operator).into());
        }
        let policy = match &self.policy_id {
            Some(reference) => Some(policies::find(case, reference)?),
            None => None,
        };
        let own = (self.allow.is_some() || self.deny.is_some()).then(|| ScopeSet {
            allow: self.allow.unwrap_or_default(),
            deny: self.deny.unwrap_or_default(),
        });
        let ttl_ms = ttl(self.ttl_seconds, case)?;
        let types: Option<BTreeSet<ContentTypeId>> =
            self.content_types.map(|types| types.into_vec().into_iter().collect());
        // kept as what passes now, so that a list above that grows later does not widen it
        let types = Allowlist::effective(
            case.settings.content_types.as_ref(),
            operator.content_types.as_ref(),
            types.as_ref(),
        )
        .map_err(|error| Failure::validation("contentTypes", &error.to_string()))?;
        let mut wanted = BTreeSet::new();
        for reference in self.chat_ids.as_slice() {
            wanted.insert(chats::find(case, reference)?.id);
        }
        let credential = Credential {
            id: CredentialId::generate(&tx.rng()),
            operator_id: operator.id,
            policy_id: policy.as_ref().map(|policy| policy.id),
            allow: self.allow,
            deny: self.deny,
            effective: ScopeSet::merge(policy.as_ref().map(|policy| policy.scopes), own),
            confirm: policy.map_or(Scopes::NONE, |policy| policy.confirm),
            content_types: Some(types.into()),
            ttl_ms,
            harness_key: self.harness_key,
            harness_uid: self.harness_uid,
            status: CredentialStatus::Active,
            issued_by: case.author()?,
            issued_at: tx.now,
            expires_at: tx.now.plus(ttl_ms),
            last_heartbeat: None,
            revoked_at: None,
            revocation_reason: None,
            chats: places(case, &operator, wanted)?,
        };
        make_room(tx, case, &operator)?;
        let token = BearerToken::generate(&tx.rng());
        credential.insert(tx.sql, &digest::sha256(token.reveal()))?;
        let detail = json!({
            "operator": operator.id,
            "chats": credential.chats.keys().collect::<Vec<_>>(),
            "allow": credential.effective.allow,
            "deny": credential.effective.deny,
            "expiresAt": credential.expires_at,
        });
        case.record(tx, "credential.issue", credential.id, detail)?;
        Ok(IssuedCredential {
            token,
            credential: credential.record(tx.now)?,
        })
    }
}

fn ttl(wanted: Option<Positive>, case: &Case<'_>) -> Result<i64, Failure> {
    let most = MAX_TTL.as_secs();
    let seconds = wanted.map_or_else(|| case.settings.default_ttl.as_secs().clamp(1, most), Positive::get);
    if seconds > most {
        return Err(Failure::validation(
            "ttlSeconds",
            &format!("longer than {most} seconds"),
        ));
    }
    i64::try_from(seconds)
        .map(|seconds| seconds.saturating_mul(1000))
        .map_err(|_| Failure::validation("ttlSeconds", "too long"))
}

/// Through which inbox the operator is in each chat: one of its own, else one that is nobody's. An operator that keeps its
/// chats apart has one chat, and an inbox that no credential of it uses elsewhere.
fn places(
    case: &Case<'_>,
    operator: &Operator,
    wanted: BTreeSet<ConversationId>,
) -> Result<BTreeMap<ConversationId, InboxId>, Problem> {
    if operator.scope_mode == ScopeMode::PerChat && wanted.len() > 1 {
        let reason = "the operator keeps chats apart, so a credential covers one chat";
        return Err(Failure::validation("chatIds", reason).into());
    }
    let mut places = BTreeMap::new();
    for chat in wanted {
        let members = inboxes::row::in_chat(case.sql, chat)?;
        let free = |inbox: &&inboxes::row::Inbox| {
            inbox.operator_id.is_none() && case.caller.administers_work_of(inbox.created_by)
        };
        let own = |inbox: &&inboxes::row::Inbox| inbox.operator_id == Some(operator.id);
        let chosen = members.iter().find(own).or_else(|| members.iter().find(free));
        let Some(inbox) = chosen else {
            let reason = format!("no inbox of the operator, and none that is nobody's, is in {chat}");
            return Err(Failure::validation("chatIds", &reason)
                .with("chatId", chat.to_string())
                .into());
        };
        if operator.scope_mode == ScopeMode::PerChat && used_elsewhere(case, operator, inbox.id, chat)? {
            let reason = format!("the operator keeps chats apart, and its inbox in {chat} is the one of another chat");
            return Err(Failure::validation("chatIds", &reason)
                .with("chatId", chat.to_string())
                .into());
        }
        places.insert(chat, inbox.id);
    }
    Ok(places)
}

fn used_elsewhere(case: &Case<'_>, operator: &Operator, inbox: InboxId, chat: ConversationId) -> Result<bool, Problem> {
    let others = row::in_force_of(case.sql, operator.id, case.now)?;
    Ok(others
        .iter()
        .flat_map(|credential| &credential.chats)
        .any(|(other, used)| *used == inbox && *other != chat))
}

/// Ends the oldest credentials of the operator until one more fits.
fn make_room(tx: &Tx<'_>, case: &Case<'_>, operator: &Operator) -> Result<(), Problem> {
    let most = usize::try_from(case.settings.max_concurrent.clamp(1, crate::settings::MAX_CONCURRENT)).unwrap_or(1);
    let mut active = row::in_force_of(tx.sql, operator.id, tx.now)?;
    let surplus = (active.len() + 1).saturating_sub(most);
    for oldest in active.drain(..surplus) {
        end::revoke(
            tx,
            case,
            &oldest,
            RevocationReason::PolicyViolation,
            Some("one credential too many"),
        )?;
    }
    Ok(())
}
