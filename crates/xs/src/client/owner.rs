//! What only the owner may decide: the daemon answers with a question, the owner answers it here, and the daemon goes on.
//!
//! That a process has the daemon's uid, or a token, makes it an admin and not the owner. So a call may be refused with a question
//! in it ([`ApprovalNeeded`]): what is to be done, to the letter, until when, and a number nobody can guess. The owner is shown
//! it and says yes by the passphrase at the terminal or by the program that holds the root key; either ends in a signature of
//! the root key over exactly that question. It goes back over the same connection ([`SETTLE`]), and the answer to it is the
//! answer to the call. Nothing is taken from stdin, and a harness of the same user has no passphrase to give.

use chancery_custody::{
    Places, RootRecord,
    approve::{Signer, approver},
};
use chancery_keys::{Approval, Request};
use chancery_signet_config::ApproverChoice;
use chancery_signet_wire::{
    action::Call,
    admin::{ApprovalNeeded, SETTLE},
};

use super::{Client, members, not_understood};
use crate::{context::Context, custody::refused, problem::Result, tree::Tree};

/// Has `call` done, with the owner's word where it takes that.
pub(crate) fn call(client: &mut Client, call: &Call, context: &Context) -> Result<Tree> {
    let problem = match client.call(call) {
        Err(problem) => problem,
        answered => return answered,
    };
    let Some(needed) = ApprovalNeeded::of(problem.failure()) else {
        return Err(problem);
    };
    let approval = ask(&needed, context)?;
    client.request(SETTLE, members(&approval)?)
}

/// Puts the question to the owner.
fn ask(needed: &ApprovalNeeded, context: &Context) -> Result<Approval> {
    let request: Request = needed.request.read().map_err(|_| not_understood())?;
    let root: RootRecord = needed.root.read().map_err(|_| not_understood())?;
    let loaded = context.loaded()?;
    let signer = match loaded.config.approver.kind {
        ApproverChoice::Terminal => None,
        ApproverChoice::Auto | ApproverChoice::Signer => Signer::of_process().map_err(refused)?,
    };
    let paths = context.paths()?;
    let places = Places::in_dir(paths.data().path()).with_owner(paths.owner());
    let approver = approver(&root, &places, signer.as_ref()).map_err(refused)?;
    approver.approve(&request).map_err(refused)
}
