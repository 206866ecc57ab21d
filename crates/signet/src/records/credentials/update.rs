//! Changing what a credential allows: less at once, more only by a new one (signet spec 2.4).

use chancery_policy::messaging::{Materiality, ScopeSet, Scopes};
use chancery_signet_wire::{
    Author,
    action::input::CredentialUpdateScopes,
    record::credential::{RevocationReason, ScopesChanged},
};
use serde_json::json;

use super::{
    end, find,
    row::{self, Credential},
};
use crate::{
    authorize::Right,
    records::{
        Case, Rule,
        policies::{self, row::Policy},
    },
    store::{Problem, Tx},
};

/// Gives `credential` other scopes, or ends it when they allow what it did not.
fn change(
    tx: &Tx<'_>,
    case: &Case<'_>,
    mut credential: Credential,
    confirm: Scopes,
    to: ScopeSet,
) -> Result<ScopesChanged, Problem> {
    let difference = Materiality::between(credential.effective, to);
    let reason = difference.reason();
    if difference.requires_reauthorization() {
        end::revoke(
            tx,
            case,
            &credential,
            RevocationReason::ReauthorizationRequired,
            reason.as_deref(),
        )?;
        return Ok(ScopesChanged {
            updated: false,
            material: true,
            reason,
        });
    }
    credential.effective = to;
    credential.confirm = confirm;
    credential.save_scopes(tx.sql)?;
    let detail = json!({"allow": to.allow, "deny": to.deny, "confirm": confirm, "change": reason});
    case.record(tx, "credential.scopes", credential.id, detail)?;
    Ok(ScopesChanged {
        updated: true,
        material: difference.is_material(),
        reason,
    })
}

/// Gives the credentials under `policy` what it says now.
pub(crate) fn follow(tx: &Tx<'_>, case: &Case<'_>, policy: &Policy) -> Result<(), Problem> {
    for credential in row::in_force_under(tx.sql, policy.id, tx.now)? {
        let to = ScopeSet::merge(Some(policy.scopes), Some(credential.own()));
        if to != credential.effective || policy.confirm != credential.confirm {
            change(tx, case, credential, policy.confirm, to)?;
        }
    }
    Ok(())
}

/// A credential may itself ask for other scopes: fewer it gets, and more ends it, so that it gains nothing.
impl Rule for CredentialUpdateScopes {
    type Done = ScopesChanged;
    const RIGHT: Right = Right::See;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<ScopesChanged, Problem> {
        let mut credential = find(case, &self.credential_id)?;
        let itself = case.caller.credential().is_some();
        let may = itself || case.caller.administers(Author::Operator(credential.operator_id));
        if !may || (itself && self.policy_id.is_some()) {
            return Err(case.caller.refused().into());
        }
        if !credential.in_force(tx.now) {
            return Err(row::ended(&credential, tx.now).into());
        }
        let policy = match (&self.policy_id, credential.policy_id) {
            (Some(reference), _) => Some(policies::find(case, reference)?),
            (None, Some(id)) => policies::row::load(tx.sql, id)?,
            (None, None) => None,
        };
        let before = (credential.allow, credential.deny, credential.policy_id);
        let scopes = self.scopes.unwrap_or_default();
        let own = credential.own().replaced(scopes.allow, scopes.deny);
        credential.allow = scopes.allow.or(credential.allow);
        credential.deny = scopes.deny.or(credential.deny);
        let to = ScopeSet::merge(policy.as_ref().map(|policy| policy.scopes), Some(own));
        let confirm = policy.as_ref().map_or(credential.confirm, |policy| policy.confirm);
        credential.policy_id = policy.map(|policy| policy.id);
        let after = (credential.allow, credential.deny, credential.policy_id);
        if before == after && to == credential.effective && confirm == credential.confirm {
            // nothing to keep, and nothing to record: who asks for nothing over and over fills no log
            return Ok(ScopesChanged {
                updated: true,
                material: false,
                reason: None,
            });
        }
        change(tx, case, credential, confirm, to)
    }
}
