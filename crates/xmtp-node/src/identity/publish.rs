//! Appending an identity update to its inbox's log.
//!
//! An update is judged against the log as it is read, outside the writer, because replaying a log takes milliseconds. It is
//! appended only if that log is still the whole log; when another update came first, it is judged anew. So no two updates
//! are judged against the same log and both appended.

use bytes::Bytes;
use chancery_xmtp_wire::{
    identity::{
        AssociationState, Identifier as Known, IdentityLog, IdentityUpdate, InboxId, MemberIdentifier, MembershipDiff,
        NoChain, VerifiedUpdate,
    },
    proto::identity::associations as proto,
};
use prost::Message as _;
use tonic::Status;

use super::identifier;
use crate::{
    engine::Engine,
    error::{Refusal, defect, refused, store_failed},
    limits::{MAX_IDENTITY_UPDATE, MAX_INBOX_UPDATES, UPDATE_ATTEMPTS},
    store::{
        Failure,
        commands::AppendIdentityUpdate,
        model::{Installation, LoggedUpdate, Membership},
        queries::InboxLog,
    },
};

/// Judges and appends `update`.
pub(super) async fn publish(engine: &Engine, update: proto::IdentityUpdate) -> Result<(), Status> {
    let bytes = Bytes::from(update.encode_to_vec());
    if bytes.len() > MAX_IDENTITY_UPDATE {
        return Err(Refusal::UpdateTooLarge.into());
    }
    let update = IdentityUpdate::try_from(update).map_err(|error| refused(&error))?;
    let inbox = update.inbox_id;
    let mut verified = blocking(move || update.verify(&NoChain).map_err(|error| refused(&error))).await?;
    for _ in 0..UPDATE_ATTEMPTS {
        let logged = engine
            .find(InboxLog {
                inbox: inbox.to_string(),
            })
            .await?;
        if logged.len() >= MAX_INBOX_UPDATES {
            return Err(Refusal::InboxLogFull.into());
        }
        let judged = blocking(move || judge(inbox, &logged, verified)).await?;
        verified = judged.update;
        let step = AppendIdentityUpdate {
            inbox: inbox.to_string(),
            after: judged.after,
            update: bytes.clone(),
            membership: judged.membership,
            now_ns: engine.now_ns(),
        };
        match engine.store.run(step).await {
            Ok(_) => return Ok(()),
            // another one was faster
            Err(Failure::Refused(_)) => {}
            Err(Failure::Store(error)) => return Err(store_failed(&error)),
        }
    }
    Err(Refusal::UpdateOvertaken.into())
}

/// An update that may follow upon a log.
struct Judged {
    update: VerifiedUpdate,
    after: u64,
    membership: Membership,
}

fn judge(inbox: InboxId, logged: &[LoggedUpdate], update: VerifiedUpdate) -> Result<Judged, Status> {
    let log = replay(inbox, logged)?;
    let state = log.admit(&update).map_err(|error| refused(&error))?;
    Ok(Judged {
        membership: membership(log.state(), &state),
        after: log.last_sequence_id(),
        update,
    })
}

/// What is in the log was judged when it came in: that it does not replay is a defect.
fn replay(inbox: InboxId, logged: &[LoggedUpdate]) -> Result<IdentityLog, Status> {
    let mut log = IdentityLog::new(inbox);
    for entry in logged {
        let update = IdentityUpdate::decode(&entry.update).map_err(|error| defect(BROKEN, &error))?;
        let update = update.verify(&NoChain).map_err(|error| defect(BROKEN, &error))?;
        log.append(entry.sequence_id, update)
            .map_err(|error| defect(BROKEN, &error))?;
    }
    Ok(log)
}

const BROKEN: &str = "an identity log does not replay";

fn membership(before: Option<&AssociationState>, after: &AssociationState) -> Membership {
    let diff = before.map_or_else(
        || MembershipDiff {
            added: after.members().map(|(member, _)| member.clone()).collect(),
            removed: Vec::new(),
        },
        |before| before.diff(after),
    );
    let mut membership = Membership::default();
    for (members, identifiers, installations) in [
        (
            diff.added,
            &mut membership.identifiers_added,
            &mut membership.installations_added,
        ),
        (
            diff.removed,
            &mut membership.identifiers_removed,
            &mut membership.installations_removed,
        ),
    ] {
        for member in members {
            match member {
                MemberIdentifier::Installation(key) => installations.push(Installation(key.to_bytes())),
                MemberIdentifier::Ethereum(address) => identifiers.push(identifier(&Known::Ethereum(address))),
                MemberIdentifier::Passkey(passkey) => identifiers.push(identifier(&Known::Passkey(passkey))),
            }
        }
    }
    membership
}

/// Signatures take long enough to keep them off the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Status> + Send + 'static) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(defect("a task ended", &error)))
}
