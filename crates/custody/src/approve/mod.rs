//! Approvers: who puts a question to the owner, and how the owner says yes.
//!
//! Each of them ends in a signature of the root key over exactly the question. None takes an answer from a pipe, and none
//! guesses: where nobody can be asked, the answer is no.

mod signer;
mod terminal;

use chancery_base::{Clock, Rng};
use chancery_keys::{Approval, ApproverKind, Asked, Clearance, Platform, Readiness, Request, What};

pub use signer::{MAX_TIMEOUT_MS, SIGNER_PATH, SIGNER_TIMEOUT, SignedBy, Signer, SignerKey, TIMEOUT_MS};
pub use terminal::AtTerminal;
pub(crate) use terminal::{passphrase, readiness as terminal_readiness};

use crate::custody::{Custody, RootRecord};
use crate::error::CustodyError;
use crate::places::Places;

/// Somebody who can ask the owner. Asking blocks until there is an answer.
pub trait Approver {
    /// What kind it is.
    fn kind(&self) -> ApproverKind;

    /// Whether it can ask now.
    fn readiness(&self) -> Readiness;

    /// Puts the question, and returns the owner's yes.
    ///
    /// # Errors
    /// [`CustodyError::Cancelled`] when the owner says no; whatever else keeps it from being a yes.
    fn approve(&self, request: &Request) -> Result<Approval, CustodyError>;
}

/// Who can approve under this root key: the program that holds it, or the owner at the terminal.
///
/// # Errors
/// [`CustodyError::SignerSettings`] when the root key is in an external signer and none is given.
pub fn approver(
    root: &RootRecord,
    places: &Places,
    signer: Option<&Signer>,
) -> Result<Box<dyn Approver>, CustodyError> {
    match (root.platform, &root.key_ref) {
        (Platform::SoftwareVault, _) => Ok(Box::new(AtTerminal::new(places, root.public_key))),
        (_, Some(key_ref)) => match signer {
            Some(signer) => Ok(Box::new(SignedBy::new(
                signer.clone(),
                key_ref.clone(),
                root.public_key,
            ))),
            None => Err(CustodyError::SignerSettings(
                "the root key is in a signer, and none is named",
            )),
        },
        (_, None) => Err(CustodyError::RootChanged),
    }
}

/// Gets clearance for `what`: at once where no gate holds it, else by asking with `approver`, for `life_ms` at most.
///
/// # Errors
/// [`CustodyError::Approval`]; those of [`Approver::approve`], after which the question is taken back.
pub fn clear(
    custody: &mut Custody,
    what: What,
    life_ms: i64,
    approver: &dyn Approver,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Result<Clearance, CustodyError> {
    let request = match custody.approvals().ask(what, life_ms, clock.now(), rng)? {
        Asked::Open(clearance) => return Ok(clearance),
        Asked::Waiting(request) => request,
    };
    let settled = approver
        .approve(&request)
        .and_then(|approval| Ok(custody.approvals().settle(&approval, clock.now())?));
    if settled.is_err() {
        custody.approvals().withdraw(request.id);
    }
    settled
}
