//! The questions to the owner that one connection has asked, each with the call that waits for its answer.
//!
//! They belong to their connection: no other can answer them, and they end with it.

use std::collections::BTreeMap;

use chancery_base::{Millis, Rng};
use chancery_custody::RootRecord;
use chancery_keys::{Approval, ApprovalError, Approvals, Asked, Clearance, Gates, Request, RequestId, What};
use chancery_signet_wire::{Class, Failure, Json, action::Call, admin::ApprovalNeeded};

use crate::settings::MAX_QUESTIONS;

/// The questions of one connection.
#[derive(Debug)]
pub(crate) struct Questions {
    approvals: Approvals,
    waiting: BTreeMap<RequestId, Call>,
}

/// What the owner said yes to.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) call: Call,
    pub(crate) clearance: Clearance,
}

impl Questions {
    /// None yet. The answers are judged by `root`.
    pub(crate) fn new(gates: Gates, root: &RootRecord) -> Self {
        Self {
            approvals: Approvals::new(gates, root.public_key),
            waiting: BTreeMap::new(),
        }
    }

    /// Asks whether `call` may be done, which is `what`; the question, which waits for `life_ms`.
    ///
    /// # Errors
    /// `validation` when it cannot be put to a person; `permission` with the limit when as many wait.
    pub(crate) fn ask(
        &mut self,
        (what, call): (What, Call),
        life_ms: i64,
        now: Millis,
        rng: &dyn Rng,
    ) -> Result<Request, Failure> {
        let waiting: Vec<RequestId> = self.approvals.waiting(now).map(|request| request.id).collect();
        self.waiting.retain(|id, _| waiting.contains(id));
        if self.waiting.len() >= MAX_QUESTIONS {
            return Err(refused(&ApprovalError::Full));
        }
        match self
            .approvals
            .ask(what, life_ms, now, rng)
            .map_err(|error| refused(&error))?
        {
            Asked::Waiting(request) => {
                self.waiting.insert(request.id, call);
                Ok(request)
            }
            // whoever asks has looked whether it waits
            Asked::Open(_) => Err(Failure::new(Class::Internal, "nobody has to be asked")),
        }
    }

    /// Takes the owner's answer, once.
    ///
    /// # Errors
    /// `permission` when nothing was asked so, the time is over, or the signature is not the root key's.
    pub(crate) fn settle(&mut self, approval: &Approval, now: Millis) -> Result<Settled, Failure> {
        let settled = self.approvals.settle(approval, now);
        if !matches!(settled, Err(ApprovalError::Signature)) {
            // answered, or over
            let call = self.waiting.remove(&approval.request);
            let clearance = settled.map_err(|error| refused(&error))?;
            let call = call.ok_or_else(|| refused(&ApprovalError::Unknown))?;
            return Ok(Settled { call, clearance });
        }
        Err(refused(&ApprovalError::Signature))
    }
}

/// What an approval that does not count is answered with.
pub(crate) fn refused(error: &ApprovalError) -> Failure {
    match error {
        ApprovalError::Full => Failure::throttled("approvals", 1000),
        ApprovalError::Parameters => Failure::new(Class::Validation, error.to_string()),
        _ => Failure::new(Class::Permission, error.to_string()),
    }
}

/// The failure by which a client is told what waits.
pub(crate) fn needed(request: &Request, root: &RootRecord) -> Failure {
    let written = |request, root| ApprovalNeeded { request, root }.failure();
    match (Json::of(request), Json::of(root)) {
        (Ok(request), Ok(root)) => written(request, root).ok(),
        _ => None,
    }
    .unwrap_or_else(|| Failure::new(Class::Internal, "the question could not be written"))
}
