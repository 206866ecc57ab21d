//! Credentials as they are stored.

use std::collections::{BTreeMap, BTreeSet};

use chancery_base::{Millis, ed25519::PublicKey};
use chancery_policy::messaging::{ContentTypeId, ScopeSet, Scopes};
use chancery_signet_wire::{
    Author, ConversationId, CredentialId, Failure, InboxId, List, OperatorId, PolicyId, Positive,
    record::credential::{CredentialConfig, CredentialRecord, CredentialStatus, CredentialView, RevocationReason},
};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, Row, params};

use crate::{
    records::{Case, stored},
    store::{
        Problem,
        column::{json, optional, optional_json, optional_time, parsed, time, unreadable},
    },
};

/// A credential.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) operator_id: OperatorId,
    pub(crate) policy_id: Option<PolicyId>,
    /// Its own lists, beside the policy's; none when it was issued without.
    pub(crate) allow: Option<Scopes>,
    pub(crate) deny: Option<Scopes>,
    /// What both come to.
    pub(crate) effective: ScopeSet,
    /// Scopes that need the owner's word each time.
    pub(crate) confirm: Scopes,
    pub(crate) content_types: Option<BTreeSet<ContentTypeId>>,
    pub(crate) ttl_ms: i64,
    pub(crate) harness_key: Option<PublicKey>,
    pub(crate) harness_uid: Option<u32>,
    pub(crate) status: CredentialStatus,
    pub(crate) issued_by: Author,
    pub(crate) issued_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) last_heartbeat: Option<Millis>,
    pub(crate) revoked_at: Option<Millis>,
    pub(crate) revocation_reason: Option<RevocationReason>,
    /// Its chats, and through which inbox it is in each.
    pub(crate) chats: BTreeMap<ConversationId, InboxId>,
}

const COLUMNS: &str = "id, operator_id, policy_id, allow, deny, effective, confirm, content_types, ttl_ms, harness_key, \
                       harness_uid, status, issued_by, issued_at, expires_at, last_heartbeat, revoked_at, \
                       revocation_reason";

impl Credential {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let key: Option<[u8; 32]> = row.get(9)?;
        Ok(Self {
            id: parsed(row, 0)?,
            operator_id: parsed(row, 1)?,
            policy_id: optional(row, 2)?,
            allow: optional_json(row, 3)?,
            deny: optional_json(row, 4)?,
            effective: json(row, 5)?,
            confirm: json(row, 6)?,
            content_types: optional_json(row, 7)?,
            ttl_ms: row.get(8)?,
            harness_key: key
                .map(|key| PublicKey::from_bytes(&key).map_err(|error| unreadable(9, error)))
                .transpose()?,
            harness_uid: row.get(10)?,
            status: parsed(row, 11)?,
            issued_by: parsed(row, 12)?,
            issued_at: time(row, 13)?,
            expires_at: time(row, 14)?,
            last_heartbeat: optional_time(row, 15)?,
            revoked_at: optional_time(row, 16)?,
            revocation_reason: optional(row, 17)?,
            chats: BTreeMap::new(),
        })
    }

    fn with_chats(mut self, sql: &Connection) -> Result<Self, Problem> {
        self.chats = sql
            .prepare_cached("SELECT chat_id, inbox_id FROM credential_chats WHERE credential_id = ?1")?
            .query_map([self.id.to_string()], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Whether it is in force at `now`. Its time ends it, whether or not somebody has noted that.
    pub(crate) fn in_force(&self, now: Millis) -> bool {
        self.status == CredentialStatus::Active && now < self.expires_at
    }

    /// Its own lists.
    pub(crate) fn own(&self) -> ScopeSet {
        ScopeSet {
            allow: self.allow.unwrap_or_default(),
            deny: self.deny.unwrap_or_default(),
        }
    }

    /// Its status at `now`.
    fn status(&self, now: Millis) -> CredentialStatus {
        match self.status {
            CredentialStatus::Active if !self.in_force(now) => CredentialStatus::Expired,
            status => status,
        }
    }

    fn config(&self) -> Result<CredentialConfig, Problem> {
        let chats = List::try_from(self.chats.keys().copied().collect::<Vec<_>>());
        let seconds = u64::try_from(self.ttl_ms / 1000)
            .ok()
            .and_then(|secs| Positive::try_from(secs).ok());
        Ok(CredentialConfig {
            operator_id: self.operator_id,
            chat_ids: chats.map_err(|_| Problem::Corrupt("a credential without chats"))?,
            policy_id: self.policy_id,
            allow: self.allow,
            deny: self.deny,
            ttl_seconds: seconds,
            content_types: self.content_types.as_ref().map(|types| types.iter().cloned().collect()),
            harness_key: self.harness_key,
            harness_uid: self.harness_uid,
        })
    }

    fn inboxes(&self) -> Vec<InboxId> {
        let inboxes: BTreeSet<_> = self.chats.values().copied().collect();
        inboxes.into_iter().collect()
    }

    /// As it is shown at `now`.
    pub(crate) fn record(&self, now: Millis) -> Result<CredentialRecord, Problem> {
        Ok(CredentialRecord {
            id: self.id,
            config: self.config()?,
            inbox_ids: self.inboxes(),
            status: self.status(now),
            issued_at: self.issued_at.into(),
            expires_at: self.expires_at.into(),
            issued_by: self.issued_by,
        })
    }

    /// As it is shown at work, with `types` that pass.
    pub(crate) fn view(&self, now: Millis, types: Option<Vec<ContentTypeId>>) -> Result<CredentialView, Problem> {
        let record = self.record(now)?;
        Ok(CredentialView {
            id: record.id,
            config: record.config,
            inbox_ids: record.inbox_ids,
            status: record.status,
            issued_at: record.issued_at,
            expires_at: record.expires_at,
            issued_by: record.issued_by,
            credential_id: self.id,
            operator_id: self.operator_id,
            effective_scopes: self.effective,
            content_types: types,
            is_expired: record.status == CredentialStatus::Expired,
            last_heartbeat: self.last_heartbeat.map(Into::into),
            revoked_at: self.revoked_at.map(Into::into),
            revocation_reason: self.revocation_reason,
        })
    }

    /// Writes a new one, whose token has this hash.
    pub(crate) fn insert(&self, sql: &Connection, token_sha256: &[u8; 32]) -> Result<(), Problem> {
        sql.prepare_cached(
            "INSERT INTO credentials (id, operator_id, policy_id, allow, deny, effective, confirm, content_types, ttl_ms,
                harness_key, harness_uid, token_sha256, status, issued_by, issued_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            self.id.to_string(),
            self.operator_id.to_string(),
            self.policy_id.map(|id| id.to_string()),
            self.allow.map(|scopes| stored(&scopes)).transpose()?,
            self.deny.map(|scopes| stored(&scopes)).transpose()?,
            stored(&self.effective)?,
            stored(&self.confirm)?,
            self.content_types.as_ref().map(stored).transpose()?,
            self.ttl_ms,
            self.harness_key.as_ref().map(|key| key.to_bytes()),
            self.harness_uid,
            token_sha256,
            self.status.as_str(),
            self.issued_by.to_string(),
            self.issued_at.0,
            self.expires_at.0,
        ])?;
        for (chat, inbox) in &self.chats {
            sql.prepare_cached("INSERT INTO credential_chats (credential_id, chat_id, inbox_id) VALUES (?1, ?2, ?3)")?
                .execute((self.id.to_string(), chat.to_string(), inbox.to_string()))?;
        }
        Ok(())
    }

    /// Writes what scopes it has now.
    pub(crate) fn save_scopes(&self, sql: &Connection) -> Result<(), Problem> {
        sql.prepare_cached(
            "UPDATE credentials SET policy_id = ?2, allow = ?3, deny = ?4, effective = ?5, confirm = ?6 WHERE id = ?1",
        )?
        .execute(params![
            self.id.to_string(),
            self.policy_id.map(|id| id.to_string()),
            self.allow.map(|scopes| stored(&scopes)).transpose()?,
            self.deny.map(|scopes| stored(&scopes)).transpose()?,
            stored(&self.effective)?,
            stored(&self.confirm)?,
        ])?;
        Ok(())
    }
}

/// The credential `id`.
pub(crate) fn load(sql: &Connection, id: CredentialId) -> Result<Option<Credential>, Problem> {
    sql.prepare_cached(&format!("SELECT {COLUMNS} FROM credentials WHERE id = ?1"))?
        .query_row([id.to_string()], Credential::read)
        .optional()?
        .map(|credential| credential.with_chats(sql))
        .transpose()
}

/// All credentials, the oldest first.
pub(crate) fn all(sql: &Connection) -> Result<Vec<Credential>, Problem> {
    let found: Vec<Credential> = sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM credentials ORDER BY issued_at, rowid"))?
        .query_map([], Credential::read)?
        .collect::<Result<_, _>>()?;
    found.into_iter().map(|credential| credential.with_chats(sql)).collect()
}

/// How many credentials are in force at `now`.
pub(crate) fn count_in_force(sql: &Connection, now: Millis) -> Result<u64, Problem> {
    Ok(sql
        .prepare_cached("SELECT count(*) FROM credentials WHERE status = 'active' AND expires_at > ?1")?
        .query_row([now.0], |row| row.get(0))?)
}

/// The credentials of `operator` that are in force at `now`, the oldest first.
pub(crate) fn in_force_of(sql: &Connection, operator: OperatorId, now: Millis) -> Result<Vec<Credential>, Problem> {
    let found: Vec<Credential> = sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM credentials WHERE operator_id = ?1 AND status = 'active' AND expires_at > ?2
             ORDER BY issued_at, rowid"
        ))?
        .query_map((operator.to_string(), now.0), Credential::read)?
        .collect::<Result<_, _>>()?;
    found.into_iter().map(|credential| credential.with_chats(sql)).collect()
}

/// The credentials under `policy` that are in force at `now`.
pub(crate) fn in_force_under(sql: &Connection, policy: PolicyId, now: Millis) -> Result<Vec<Credential>, Problem> {
    let found: Vec<Credential> = sql
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM credentials WHERE policy_id = ?1 AND status = 'active' AND expires_at > ?2
             ORDER BY issued_at, rowid"
        ))?
        .query_map((policy.to_string(), now.0), Credential::read)?
        .collect::<Result<_, _>>()?;
    found.into_iter().map(|credential| credential.with_chats(sql)).collect()
}

/// Whether the credentials in force of `operator` are of one chat each, and no two chats have one inbox.
pub(crate) fn kept_apart(sql: &Connection, operator: OperatorId) -> Result<bool, Problem> {
    let shared: i64 = sql
        .prepare_cached(
            "SELECT count(*) FROM (
                SELECT 1 FROM credential_chats cc JOIN credentials c ON c.id = cc.credential_id
                WHERE c.operator_id = ?1 AND c.status = 'active'
                GROUP BY cc.inbox_id HAVING count(DISTINCT cc.chat_id) > 1
                UNION ALL
                SELECT 1 FROM credential_chats cc JOIN credentials c ON c.id = cc.credential_id
                WHERE c.operator_id = ?1 AND c.status = 'active'
                GROUP BY cc.credential_id HAVING count(*) > 1)",
        )?
        .query_row([operator.to_string()], |row| row.get(0))?;
    Ok(shared == 0)
}

/// The policies of the credentials that the caller may know of.
pub(crate) fn policies_of(case: &Case<'_>) -> Result<BTreeSet<PolicyId>, Problem> {
    if case.caller.is_root() {
        return Ok(BTreeSet::new());
    }
    if let Some(credential) = case.caller.credential() {
        return Ok(credential.policy_id.into_iter().collect());
    }
    let pairs: Vec<(OperatorId, PolicyId)> = case
        .sql
        .prepare_cached("SELECT DISTINCT operator_id, policy_id FROM credentials WHERE policy_id IS NOT NULL")?
        .query_map([], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    let known = pairs
        .into_iter()
        .filter(|(operator, _)| case.caller.sees(Author::Operator(*operator)));
    Ok(known.map(|(_, policy)| policy).collect())
}

/// That a credential is over.
pub(crate) fn ended(credential: &Credential, now: Millis) -> Failure {
    let status = credential.status(now);
    Failure::validation("credentialId", &format!("the credential is {status}"))
        .with("credentialId", credential.id.to_string())
        .with("status", status.as_str())
}
