//! How credentials end, and how one goes on a little longer.

use chancery_base::Millis;
use chancery_signet_wire::{
    Class, CredentialId, Failure, OperatorId,
    action::input::CredentialRevoke,
    record::credential::{RevocationReason, Revoked},
};
use chancery_store::rusqlite::params;
use serde_json::json;

use super::{
    administered,
    row::{self, Credential},
};
use crate::{
    authorize::Right,
    records::{Case, Rule},
    store::{Problem, Step, Tx, column::parsed},
};

/// Takes `credential` back. `note` is for people. One that has ended stays as it ended.
pub(crate) fn revoke(
    tx: &Tx<'_>,
    case: &Case<'_>,
    credential: &Credential,
    reason: RevocationReason,
    note: Option<&str>,
) -> Result<(), Problem> {
    let changed = tx
        .sql
        .prepare_cached(
            "UPDATE credentials SET status = 'revoked', revoked_at = ?2, revocation_reason = ?3, revocation_note = ?4
             WHERE id = ?1 AND status IN ('active', 'pending')",
        )?
        .execute(params![credential.id.to_string(), tx.now.0, reason.as_str(), note])?;
    if changed > 0 {
        let detail = json!({"reason": reason.as_str(), "note": note});
        case.record(tx, "credential.revoke", credential.id, detail)?;
    }
    Ok(())
}

/// Takes back all credentials of `operator`; how many.
pub(crate) fn revoke_of(
    tx: &Tx<'_>,
    case: &Case<'_>,
    operator: OperatorId,
    reason: RevocationReason,
) -> Result<usize, Problem> {
    let active = row::in_force_of(tx.sql, operator, tx.now)?;
    for credential in &active {
        revoke(tx, case, credential, reason, None)?;
    }
    Ok(active.len())
}

impl Rule for CredentialRevoke {
    type Done = Revoked;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Revoked, Problem> {
        let credential = administered(case, &self.credential_id)?;
        revoke(tx, case, &credential, self.reason(), None)?;
        Ok(Revoked { revoked: true })
    }
}

/// Notes which credentials' time is over; answers when the next one's is.
pub(crate) struct Expire;

impl Step for Expire {
    type Done = Option<Millis>;

    fn run(self, tx: &Tx<'_>) -> Result<Option<Millis>, Problem> {
        let over: Vec<CredentialId> = tx
            .sql
            .prepare_cached("SELECT id FROM credentials WHERE status = 'active' AND expires_at <= ?1")?
            .query_map([tx.now.0], |row| parsed(row, 0))?
            .collect::<Result<_, _>>()?;
        for id in over {
            tx.sql
                .prepare_cached("UPDATE credentials SET status = 'expired' WHERE id = ?1")?
                .execute([id.to_string()])?;
            tx.record("credential.expire", "system", &id.to_string(), json!({}))?;
        }
        let next: Option<i64> = tx
            .sql
            .prepare_cached("SELECT min(expires_at) FROM credentials WHERE status = 'active'")?
            .query_row([], |row| row.get(0))?;
        Ok(next.map(Millis))
    }
}

/// Lets the credential that asks go on for as long as it was issued for, from now, if it is about to end.
pub(crate) struct Renew;

impl Rule for Renew {
    type Done = Millis;
    const RIGHT: Right = Right::See;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Millis, Problem> {
        let credential = case.caller.credential().ok_or_else(|| case.caller.refused())?;
        let window = i64::try_from(case.settings.renewal_window.as_millis()).unwrap_or(i64::MAX);
        if credential.expires_at.since(tx.now) > window {
            let failure = Failure::new(Class::Auth, "the credential is not about to end");
            return Err(failure.with("expiresAt", credential.expires_at.to_rfc3339()).into());
        }
        let end = tx.now.plus(credential.ttl_ms);
        tx.sql
            .prepare_cached("UPDATE credentials SET expires_at = ?2 WHERE id = ?1")?
            .execute((credential.id.to_string(), end.0))?;
        case.record(tx, "credential.renew", credential.id, json!({"expiresAt": end}))?;
        Ok(end)
    }
}
