//! Credentials: what harnesses are let in with (signet spec 1.7).

pub(crate) mod end;
pub(crate) mod issue;
pub(crate) mod row;
pub(crate) mod update;

use chancery_policy::messaging::Allowlist;
use chancery_signet_wire::{
    Author, CredentialId, Failure, Reference,
    action::input::{ByCredential, CredentialList},
    record::credential::{CredentialRecord, CredentialView},
    resolve,
};

use crate::{
    authorize::Right,
    records::{Case, Look, operators},
    store::Problem,
};
use row::Credential;

/// The credentials that the caller may know of, the oldest first: of its operators, or itself.
pub(crate) fn known(case: &Case<'_>) -> Result<Vec<Credential>, Problem> {
    if let Some(own) = case.caller.credential() {
        return Ok(vec![own.clone()]);
    }
    let mut known = row::all(case.sql)?;
    known.retain(|credential| case.caller.sees(Author::Operator(credential.operator_id)));
    Ok(known)
}

/// The credential that `reference` stands for, of those that the caller may know of.
pub(crate) fn find(case: &Case<'_>, reference: &Reference) -> Result<Credential, Problem> {
    let mut known = known(case)?;
    let id: CredentialId = resolve(reference, known.iter().map(|credential| (credential.id, None)))?;
    let at = known.iter().position(|credential| credential.id == id);
    at.map(|at| known.swap_remove(at))
        .ok_or_else(|| Failure::not_found("credential", reference.as_str()).into())
}

/// The credential that `reference` stands for, if the caller may change it.
pub(crate) fn administered(case: &Case<'_>, reference: &Reference) -> Result<Credential, Problem> {
    let credential = find(case, reference)?;
    if case.caller.administers(Author::Operator(credential.operator_id)) {
        Ok(credential)
    } else {
        Err(case.caller.refused().into())
    }
}

impl Look for ByCredential {
    type Found = CredentialView;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<CredentialView, Problem> {
        let credential = find(case, &self.credential_id)?;
        let operator = operators::row::load(case.sql, credential.operator_id)?;
        let types = Allowlist::effective(
            case.settings.content_types.as_ref(),
            operator.and_then(|operator| operator.content_types).as_ref(),
            credential.content_types.as_ref(),
        );
        // none in common lets nothing through
        let types = types.map(|types| types.iter().cloned().collect()).unwrap_or_default();
        credential.view(case.now, Some(types))
    }
}

impl Look for CredentialList {
    type Found = Vec<CredentialRecord>;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Vec<CredentialRecord>, Problem> {
        let operator = match &self.operator_id {
            Some(reference) => Some(operators::find(case, reference, true)?.id),
            None => None,
        };
        let all = self.all.unwrap_or(false);
        known(case)?
            .iter()
            .filter(|credential| operator.is_none_or(|id| credential.operator_id == id))
            .filter(|credential| all || credential.in_force(case.now))
            .map(|credential| credential.record(case.now))
            .collect()
    }
}
