//! Operators: profiles that agents work under (signet spec 1.4).

pub(crate) mod row;

use chancery_policy::messaging::ScopeMode;
use chancery_signet_wire::{
    Author, Class, Failure, Label, OperatorId, Reference, Uuid,
    action::input::{ByOperator, Nothing, OperatorCreate, OperatorUpdate},
    record::{
        credential::RevocationReason,
        operator::{OperatorRecord, OperatorStatus, Removed},
    },
    resolve,
};
use serde_json::json;

use crate::{
    authorize::Right,
    records::{Case, Look, Rule, credentials, inboxes},
    settings::MAX_OPERATORS,
    store::{Problem, Tx},
};
use row::Operator;

/// The operator that `reference` stands for, of those that the caller may know of. Removed ones have no label any more, and
/// are found only where the caller looks for them by id.
pub(crate) fn find(case: &Case<'_>, reference: &Reference, removed: bool) -> Result<Operator, Problem> {
    let mut known = row::all(case.sql)?;
    known.retain(|operator| {
        (removed || operator.status != OperatorStatus::Removed) && case.caller.sees(Author::Operator(operator.id))
    });
    let label = |operator: &Operator| operator.status != OperatorStatus::Removed;
    let candidates = known
        .iter()
        .map(|operator| (operator.id, label(operator).then(|| operator.label.as_str())));
    let id = resolve(reference, candidates)?;
    let at = known.iter().position(|operator| operator.id == id);
    at.map(|at| known.swap_remove(at))
        .ok_or_else(|| Failure::not_found("operator", reference.as_str()).into())
}

/// The operator that `reference` stands for, if the caller may change it.
pub(crate) fn administered(case: &Case<'_>, reference: &Reference) -> Result<Operator, Problem> {
    let operator = find(case, reference, false)?;
    if case.caller.administers(Author::Operator(operator.id)) {
        Ok(operator)
    } else {
        Err(case.caller.refused().into())
    }
}

/// The wallet that is meant.
///
/// # Errors
/// `validation` when it is no id of one.
pub(crate) fn wallet(reference: &Reference) -> Result<Uuid, Failure> {
    let text = reference.as_str();
    text.strip_prefix("wallet_")
        .unwrap_or(text)
        .parse()
        .map_err(|_| Failure::validation("walletId", "not the ID of a wallet"))
}

fn label_is_free(case: &Case<'_>, label: &Label, but: Option<OperatorId>) -> Result<(), Problem> {
    let others = row::all(case.sql)?;
    let taken = others
        .iter()
        .filter(|other| other.status != OperatorStatus::Removed && Some(other.id) != but)
        .any(|other| other.label == *label);
    if taken {
        return Err(Failure::validation("label", "another operator has this label").into());
    }
    Ok(())
}

impl Rule for OperatorCreate {
    type Done = OperatorRecord;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<OperatorRecord, Problem> {
        case.caller.may_give(self.role)?;
        label_is_free(case, &self.label, None)?;
        let active = |operator: &&Operator| operator.status != OperatorStatus::Removed;
        if row::all(case.sql)?.iter().filter(active).count() >= MAX_OPERATORS {
            return Err(Failure::validation("label", "there are as many operators as there may be").into());
        }
        let operator = Operator {
            id: OperatorId::generate(&tx.rng()),
            role: self.role,
            scope_mode: self.scope_mode,
            provider: self.provider(),
            wallet_id: self.wallet_id.as_ref().map(wallet).transpose()?,
            label: self.label,
            disclosures: self.operator_disclosures,
            content_types: None,
            status: OperatorStatus::Active,
            created_by: case.author()?,
            created_at: tx.now,
        };
        operator.save(tx.sql)?;
        for inbox in self.inbox_ids.map(|list| list.into_vec()).unwrap_or_default() {
            inboxes::link(case, &inbox, &operator)?;
        }
        let detail = json!({"label": operator.label.as_str(), "role": operator.role.as_str(),
                            "scopeMode": operator.scope_mode.as_str()});
        case.record(tx, "operator.create", operator.id, detail)?;
        operator.record(tx.sql)
    }
}

impl Rule for OperatorUpdate {
    type Done = OperatorRecord;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<OperatorRecord, Problem> {
        let mut operator = administered(case, &self.operator_id)?;
        let changes = self.changes;
        let mut changed = Vec::new();
        if let Some(role) = changes.role.filter(|role| *role != operator.role) {
            case.caller.may_give(role)?;
            operator.role = role;
            changed.push("role");
        }
        if let Some(label) = changes.label.filter(|label| *label != operator.label) {
            label_is_free(case, &label, Some(operator.id))?;
            operator.label = label;
            changed.push("label");
        }
        if let Some(mode) = changes.scope_mode.filter(|mode| *mode != operator.scope_mode) {
            if mode == ScopeMode::PerChat && !credentials::row::kept_apart(tx.sql, operator.id)? {
                let reason = "credentials in force share chats or inboxes: revoke them first";
                return Err(Failure::validation("scopeMode", reason).into());
            }
            operator.scope_mode = mode;
            changed.push("scopeMode");
        }
        if let Some(provider) = changes.provider.filter(|provider| *provider != operator.provider) {
            operator.provider = provider;
            changed.push("provider");
        }
        if let Some(reference) = &changes.wallet_id {
            operator.wallet_id = Some(wallet(reference)?);
            changed.push("walletId");
        }
        if let Some(disclosures) = changes.operator_disclosures {
            operator.disclosures = Some(disclosures);
            changed.push("operatorDisclosures");
        }
        operator.save(tx.sql)?;
        if let Some(inboxes) = changes.inbox_ids {
            inboxes::relink(case, &inboxes.into_vec(), &operator)?;
            changed.push("inboxIds");
        }
        case.record(tx, "operator.update", operator.id, json!({"changed": changed}))?;
        operator.record(tx.sql)
    }
}

/// Removes an operator: its credentials end first, and its record stays.
pub(crate) struct Remove(pub(crate) ByOperator);

impl Rule for Remove {
    type Done = Removed;
    const RIGHT: Right = Right::Administer;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Removed, Problem> {
        let mut operator = administered(case, &self.0.operator_id)?;
        let revoked = credentials::end::revoke_of(tx, case, operator.id, RevocationReason::OwnerInitiated)?;
        operator.status = OperatorStatus::Removed;
        operator.save(tx.sql)?;
        tx.sql
            .prepare_cached("UPDATE operators SET removed_at = ?2 WHERE id = ?1")?
            .execute((operator.id.to_string(), tx.now.0))?;
        case.record(tx, "operator.remove", operator.id, json!({"credentials": revoked}))?;
        Ok(Removed { removed: true })
    }
}

impl Look for ByOperator {
    type Found = OperatorRecord;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<OperatorRecord, Problem> {
        find(case, &self.operator_id, true)?.record(case.sql)
    }
}

/// The operators that are not removed.
pub(crate) struct All(pub(crate) Nothing);

impl Look for All {
    type Found = Vec<OperatorRecord>;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Vec<OperatorRecord>, Problem> {
        let Nothing {} = self.0;
        row::all(case.sql)?
            .into_iter()
            .filter(|operator| {
                operator.status != OperatorStatus::Removed && case.caller.sees(Author::Operator(operator.id))
            })
            .map(|operator| operator.record(case.sql))
            .collect()
    }
}

/// That an operator can do nothing now.
pub(crate) fn inactive(operator: &Operator) -> Failure {
    Failure::new(
        Class::Validation,
        format!("operator {} is {}", operator.id, operator.status),
    )
    .with("operatorId", operator.id.to_string())
    .with("status", operator.status.as_str())
}

/// The operator of a name, for who may change it.
pub(crate) struct Administered(pub(crate) Reference);

impl Look for Administered {
    type Found = OperatorId;
    const RIGHT: Right = Right::Administer;

    fn look(self, case: &Case<'_>) -> Result<OperatorId, Problem> {
        administered(case, &self.0).map(|operator| operator.id)
    }
}
