//! Appending an identity update to its inbox's log.
//!
//! An update is judged against the log as it is read, outside the writer, because replaying a log takes milliseconds. It is
//! appended only if that log is still the whole log; when another update came first, it is judged anew. So no two updates
//! are judged against the same log and both appended.

use std::{
    collections::{VecDeque, hash_map::RandomState},
    hash::BuildHasher as _,
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use chancery_xmtp_wire::{
    identity::{
        AdmissionError, AssociationState, Identifier as Known, IdentityLog, IdentityUpdate, InboxId, MemberIdentifier,
        MembershipDiff, NoChain,
    },
    proto::identity::associations as proto,
};
use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::Status;

use super::identifier;
use crate::{
    engine::Engine,
    error::{Refusal, defect, invalid_update, store_failed},
    limits::{INBOX_LINES, MAX_IDENTITY_LOG, MAX_IDENTITY_UPDATE, MAX_JUDGED, REPLAYED_LOGS, UPDATE_ATTEMPTS},
    store::{
        Failure,
        commands::AppendIdentityUpdate,
        model::{Installation, LoggedUpdate, Membership},
        queries::InboxLog,
    },
};

/// Judges and appends `update`.
pub(super) async fn publish(engine: &Engine, logs: &Logs, update: proto::IdentityUpdate) -> Result<(), Status> {
    let bytes = Bytes::from(update.encode_to_vec());
    if bytes.len() > MAX_IDENTITY_UPDATE {
        return Err(Refusal::UpdateTooLarge.into());
    }
    let update = IdentityUpdate::try_from(update).map_err(|error| invalid_update(&error))?;
    update.within_limits().map_err(|error| invalid_update(&error))?;
    let inbox = update.inbox_id;
    let _place = logs.judged.try_acquire().map_err(|_| Refusal::Busy)?;
    let verify = move || update.verify(&NoChain).map_err(|error| invalid_update(&error));
    let update = logs.verifying(verify).await?;
    // one after the other, so that each finds the log that the one before has replayed
    let _line = logs.line(inbox).await;
    for _ in 0..UPDATE_ATTEMPTS {
        let Replayed { log, size } = match logs.take(inbox) {
            Some(replayed) => replayed,
            None => load(engine, logs, inbox).await?,
        };
        let after = log.last_sequence_id();
        let admitted = match log.admit(&update) {
            Ok(_) if size.saturating_add(bytes.len()) > MAX_IDENTITY_LOG => Err(AdmissionError::LogFull),
            admitted => admitted,
        };
        let state = match admitted {
            Ok(state) => state,
            Err(error) => {
                // a client that never heard that its update was taken sends it again, and so do those who raced
                logs.put(Replayed { log, size });
                let logged = engine
                    .find(InboxLog {
                        inbox: inbox.to_string(),
                    })
                    .await?;
                if logged.iter().any(|entry| entry.update == bytes) {
                    return Ok(());
                }
                if logged.last().map_or(0, |entry| entry.sequence_id) == after {
                    return Err(invalid_update(&error));
                }
                // it was judged against a log that is no longer the whole one
                logs.take(inbox);
                continue;
            }
        };
        let step = AppendIdentityUpdate {
            inbox: inbox.to_string(),
            after,
            update: bytes.clone(),
            membership: membership(log.state(), &state),
            now_ns: engine.now_ns(),
        };
        match engine.store.run(step).await {
            Ok(sequence_id) => {
                let mut log = log;
                // what was admitted can be appended; should it not, the log is read anew next time
                if log.append(sequence_id, update).is_ok() {
                    let size = size.saturating_add(bytes.len());
                    logs.put(Replayed { log, size });
                }
                return Ok(());
            }
            // another one was faster
            Err(Failure::Refused(_)) => {}
            Err(Failure::Store(error)) => return Err(store_failed(&error)),
        }
    }
    Err(Refusal::UpdateOvertaken.into())
}

/// Logs that were replayed lately: an inbox that is updated now is likely to be updated next, and its signatures need not
/// all be verified again. Only whoever took a log has it; who finds none reads it from the store.
pub(super) struct Logs {
    replayed: Mutex<VecDeque<Replayed>>,
    /// Updates of an inbox wait for each other here. Which inboxes share a line nobody can foresee.
    lines: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
    /// Places for updates that are judged.
    judged: Semaphore,
    /// Signatures are verified for so many at a time, so that those who send many leave time for everything else.
    cores: Semaphore,
}

/// A log, and the bytes of its updates.
struct Replayed {
    log: IdentityLog,
    size: usize,
}

impl Default for Logs {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            replayed: Mutex::default(),
            lines: (0..INBOX_LINES).map(|_| tokio::sync::Mutex::default()).collect(),
            hasher: RandomState::new(),
            judged: Semaphore::new(MAX_JUDGED),
            cores: Semaphore::new(cores.div_ceil(2)),
        }
    }
}

impl Logs {
    /// Waits until nobody else judges updates of `inbox`.
    async fn line(&self, inbox: InboxId) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let at = usize::try_from(self.hasher.hash_one(inbox) % INBOX_LINES as u64).unwrap_or(0);
        match self.lines.get(at) {
            Some(line) => Some(line.lock().await),
            None => None,
        }
    }

    /// Does what takes long because of signatures, off the threads that serve.
    async fn verifying<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let _core = self.cores.acquire().await.map_err(|_| Refusal::Busy)?;
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(defect("a task ended", &error)))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Replayed>> {
        self.replayed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, inbox: InboxId) -> Option<Replayed> {
        let mut logs = self.lock();
        let at = logs.iter().position(|one| one.log.inbox_id() == inbox)?;
        logs.remove(at)
    }

    fn put(&self, replayed: Replayed) {
        let log = &replayed.log;
        let mut logs = self.lock();
        // of two that raced, the later one is there already
        if let Some(at) = logs.iter().position(|other| other.log.inbox_id() == log.inbox_id()) {
            let newer = logs
                .get(at)
                .is_some_and(|other| other.log.last_sequence_id() >= log.last_sequence_id());
            if newer {
                return;
            }
            logs.remove(at);
        }
        logs.push_back(replayed);
        if logs.len() > REPLAYED_LOGS {
            logs.pop_front();
        }
    }
}

async fn load(engine: &Engine, logs: &Logs, inbox: InboxId) -> Result<Replayed, Status> {
    let logged = engine
        .find(InboxLog {
            inbox: inbox.to_string(),
        })
        .await?;
    let size = logged.iter().map(|entry| entry.update.len()).sum();
    let log = logs.verifying(move || replay(inbox, &logged)).await?;
    Ok(Replayed { log, size })
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
