//! What a credential is held to, as one state of the database has it.

use std::collections::BTreeSet;

use chancery_base::Millis;
use chancery_policy::messaging::{
    Allowlist, Bounds, Chats, ContentTypeId, HiddenMode, Reveal, Reveals, ScopeMode, ScopeSet, Scopes,
};
use chancery_signet_wire::{
    ConversationId, CredentialId, InboxId, OperatorId,
    frame::CloseCode,
    record::credential::{CredentialStatus, RevocationReason},
};
use chancery_store::rusqlite::{Connection, OptionalExtension as _, Row};

use crate::store::{
    Problem,
    column::{json, optional, optional_json, parsed, time},
};

/// What is configured of projection for the whole signet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The content types that pass; the five baseline types when nothing is configured.
    pub(crate) content_types: Option<BTreeSet<ContentTypeId>>,
    /// What becomes of what may be streamed and not read.
    pub(crate) hidden_mode: HiddenMode,
}

/// A credential and everything that is asked about it before something is shown or done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) id: CredentialId,
    pub(crate) operator: OperatorId,
    pub(crate) status: CredentialStatus,
    pub(crate) reason: Option<RevocationReason>,
    pub(crate) issued_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) bounds: Bounds,
    /// Scopes that need the owner's word each time.
    pub(crate) confirm: Scopes,
    /// Which version of its policy it was given.
    pub(crate) policy_version: Option<u64>,
    pub(crate) reveals: Reveals,
    /// Through which inbox it is in each of its chats.
    pub(crate) inboxes: Vec<(ConversationId, InboxId)>,
}

impl Standing {
    /// The credential `id`. `None` when there is none, and when it covers no chat or lets no content type through any
    /// more: what has no bounds is not let in.
    pub(crate) fn load(sql: &Connection, id: CredentialId, rules: &Rules) -> Result<Option<Self>, Problem> {
        let text = id.to_string();
        let inboxes = inboxes(sql, &text)?;
        let chats = Chats::new(ScopeMode::Shared, inboxes.iter().map(|(chat, _)| chat.to_string()));
        let row = sql
            .prepare_cached(
                "SELECT c.operator_id, c.effective, c.confirm, c.content_types, c.status, c.revocation_reason,
                        c.issued_at, c.expires_at, o.status, o.content_types, p.version
                 FROM credentials c JOIN operators o ON o.id = c.operator_id
                 LEFT JOIN policies p ON p.id = c.policy_id WHERE c.id = ?1",
            )?
            .query_row([&text], Stored::read)
            .optional()?;
        let (Some(stored), Ok(chats)) = (row, chats) else {
            return Ok(None);
        };
        let Ok(types) = Allowlist::effective(
            rules.content_types.as_ref(),
            stored.operator_types.as_ref(),
            stored.types.as_ref(),
        ) else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            operator: stored.operator,
            status: stored.status,
            reason: stored.reason,
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            bounds: Bounds {
                chats,
                scopes: stored.effective,
                types,
                issued_at: stored.issued_at,
                hidden_mode: rules.hidden_mode,
            },
            confirm: stored.confirm,
            policy_version: stored.policy_version,
            reveals: reveals(sql, &text)?,
            inboxes,
        }))
    }

    /// Whether it is in force at `now`; with what a connection closes when it is not.
    pub(crate) fn in_force(&self, now: Millis) -> Result<(), CloseCode> {
        match self.status {
            CredentialStatus::Active if now < self.expires_at => Ok(()),
            CredentialStatus::Active | CredentialStatus::Expired => Err(CloseCode::CredentialExpired),
            CredentialStatus::Revoked if self.reason == Some(RevocationReason::ReauthorizationRequired) => {
                Err(CloseCode::Reauthorize)
            }
            CredentialStatus::Revoked => Err(CloseCode::CredentialRevoked),
            CredentialStatus::Pending => Err(CloseCode::Reauthorize),
        }
    }

    /// Through which inbox it is in `chat`.
    pub(crate) fn inbox_in(&self, chat: ConversationId) -> Option<InboxId> {
        let found = self.inboxes.iter().find(|(covered, _)| *covered == chat)?;
        Some(found.1)
    }
}

/// The credential that a harness with this token's hash may use.
pub(crate) fn by_token(sql: &Connection, hash: &[u8]) -> Result<Option<CredentialId>, Problem> {
    Ok(sql
        .prepare_cached("SELECT id FROM credentials WHERE token_sha256 = ?1")?
        .query_row([hash], |row| parsed(row, 0))
        .optional()?)
}

/// The row as it is stored. What it holds was written by this code, so that it does not read is a defect.
struct Stored {
    operator: OperatorId,
    effective: ScopeSet,
    confirm: Scopes,
    types: Option<BTreeSet<ContentTypeId>>,
    status: CredentialStatus,
    reason: Option<RevocationReason>,
    issued_at: Millis,
    expires_at: Millis,
    operator_types: Option<BTreeSet<ContentTypeId>>,
    policy_version: Option<u64>,
}

impl Stored {
    fn read(row: &Row<'_>) -> chancery_store::rusqlite::Result<Self> {
        let status = parsed(row, 4)?;
        let operator_active = row.get_ref(8)?.as_str().is_ok_and(|status| status == "active");
        Ok(Self {
            operator: parsed(row, 0)?,
            effective: json(row, 1)?,
            confirm: json(row, 2)?,
            types: optional_json(row, 3)?,
            // nobody acts for an operator that is suspended
            status: match status {
                CredentialStatus::Active if !operator_active => CredentialStatus::Pending,
                status => status,
            },
            reason: optional(row, 5)?,
            issued_at: time(row, 6)?,
            expires_at: time(row, 7)?,
            operator_types: optional_json(row, 9)?,
            policy_version: row.get(10)?,
        })
    }
}

fn inboxes(sql: &Connection, id: &str) -> Result<Vec<(ConversationId, InboxId)>, Problem> {
    let found = sql
        .prepare_cached("SELECT chat_id, inbox_id FROM credential_chats WHERE credential_id = ?1")?
        .query_map([id], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

fn reveals(sql: &Connection, id: &str) -> Result<Reveals, Problem> {
    let granted = sql
        .prepare_cached("SELECT reveal FROM reveals WHERE credential_id = ?1 AND state = 'granted'")?
        .query_map([id], |row| json::<Reveal>(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    // more than fit were never granted
    Ok(Reveals::try_from(granted).unwrap_or_default())
}
