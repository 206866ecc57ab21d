//! Policies: scopes to use again, and what follows for credentials when they change (signet spec 1.6, 2.4).

pub(crate) mod row;

use chancery_policy::messaging::Scopes;
use chancery_signet_wire::{
    Failure, Label, PolicyId, Reference,
    action::input::{ByPolicy, Nothing, PolicyCreate, PolicyUpdate},
    record::{operator::Removed, policy::PolicyRecord},
    resolve,
};
use serde_json::json;

use crate::{
    authorize::Right,
    records::{Case, Look, Rule, credentials},
    settings::MAX_POLICIES,
    store::{Problem, Tx},
};
use row::Policy;

/// The policies that the caller may know of: those that it or its operators made, and the one that it works under.
pub(crate) fn known(case: &Case<'_>) -> Result<Vec<Policy>, Problem> {
    let under = credentials::row::policies_of(case)?;
    let mut known = row::all(case.sql)?;
    known.retain(|policy| case.caller.sees(policy.created_by) || under.contains(&policy.id));
    Ok(known)
}

/// The policy that `reference` stands for, of those that the caller may know of.
pub(crate) fn find(case: &Case<'_>, reference: &Reference) -> Result<Policy, Problem> {
    let mut known = known(case)?;
    let id: PolicyId = resolve(
        reference,
        known.iter().map(|policy| (policy.id, Some(policy.label.as_str()))),
    )?;
    let at = known.iter().position(|policy| policy.id == id);
    at.map(|at| known.swap_remove(at))
        .ok_or_else(|| Failure::not_found("policy", reference.as_str()).into())
}

fn administered(case: &Case<'_>, reference: &Reference) -> Result<Policy, Problem> {
    let policy = find(case, reference)?;
    if case.caller.administers_work_of(policy.created_by) {
        Ok(policy)
    } else {
        Err(case.caller.refused().into())
    }
}

fn label_is_free(case: &Case<'_>, label: &Label, but: Option<PolicyId>) -> Result<(), Problem> {
    let others = row::all(case.sql)?;
    let taken = others
        .iter()
        .any(|other| other.label == *label && Some(other.id) != but);
    if taken {
        return Err(Failure::validation("label", "another policy has this label").into());
    }
    Ok(())
}

impl Rule for PolicyCreate {
    type Done = PolicyRecord;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<PolicyRecord, Problem> {
        label_is_free(case, &self.label, None)?;
        if row::all(case.sql)?.len() >= MAX_POLICIES {
            return Err(Failure::validation("label", "there are as many policies as there may be").into());
        }
        let policy = Policy {
            id: PolicyId::generate(&tx.rng()),
            label: self.label,
            scopes: chancery_policy::messaging::ScopeSet {
                allow: self.allow,
                deny: self.deny,
            },
            confirm: self.confirm.unwrap_or(Scopes::NONE),
            version: 1,
            created_by: case.author()?,
            created_at: tx.now,
            updated_at: tx.now,
            removed_at: None,
        };
        policy.save(tx.sql)?;
        case.record(tx, "policy.create", policy.id, contents(&policy))?;
        Ok(policy.record())
    }
}

impl Rule for PolicyUpdate {
    type Done = PolicyRecord;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<PolicyRecord, Problem> {
        let mut policy = administered(case, &self.policy_id)?;
        let changes = self.changes;
        if let Some(label) = changes.label.filter(|label| *label != policy.label) {
            label_is_free(case, &label, Some(policy.id))?;
            policy.label = label;
        }
        policy.scopes = policy.scopes.replaced(changes.allow, changes.deny);
        policy.confirm = changes.confirm.unwrap_or(policy.confirm);
        policy.version = policy.version.saturating_add(1);
        // later with each change, whatever the clock says
        policy.updated_at = tx.now.max(policy.updated_at.plus(1));
        policy.save(tx.sql)?;
        case.record(tx, "policy.update", policy.id, contents(&policy))?;
        credentials::update::follow(tx, case, &policy)?;
        Ok(policy.record())
    }
}

fn contents(policy: &Policy) -> serde_json::Value {
    json!({
        "label": policy.label.as_str(),
        "allow": policy.scopes.allow,
        "deny": policy.scopes.deny,
        "confirm": policy.confirm,
        "version": policy.version,
    })
}

/// Removes a policy. Credentials that were issued with it keep what they have.
pub(crate) struct Remove(pub(crate) ByPolicy);

impl Rule for Remove {
    type Done = Removed;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Removed, Problem> {
        let mut policy = administered(case, &self.0.policy_id)?;
        policy.removed_at = Some(tx.now);
        policy.save(tx.sql)?;
        case.record(tx, "policy.remove", policy.id, json!({}))?;
        Ok(Removed { removed: true })
    }
}

impl Look for ByPolicy {
    type Found = PolicyRecord;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<PolicyRecord, Problem> {
        find(case, &self.policy_id).map(Policy::record)
    }
}

/// The policies.
pub(crate) struct All(pub(crate) Nothing);

impl Look for All {
    type Found = Vec<PolicyRecord>;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Vec<PolicyRecord>, Problem> {
        let Nothing {} = self.0;
        Ok(known(case)?.into_iter().map(Policy::record).collect())
    }
}
