//! Carrying out what was queued: made, sent, and done when the network has ordered it (xmtp spec 3.7).
//!
//! A commit is never merged before it has come back. If another one comes first for its epoch, openmls' pending commit is
//! dropped in the transaction that merges the other, and ours is made again for the next epoch.

use std::time::Duration;

use openmls::{group::GroupId, prelude::OpenMlsProvider as _};

use super::{ClientError, Inner, action::Action, commits::Making};
use crate::{
    network::NodeError,
    storage::{Intent, IntentId, IntentState},
};

/// How often it is sent, within one call, until it has come back or the node does not answer.
const SENDS: u32 = 5;
/// How long to wait before sending again, doubled each time.
const PAUSE: Duration = Duration::from_millis(50);

impl Inner {
    /// Queues `action`, and carries it out as far as the network allows.
    ///
    /// # Errors
    /// Why it cannot be done. After an error that is retryable it stays queued, and the next sync goes on with it.
    pub(super) async fn perform(&self, group: &GroupId, action: &Action) -> Result<(), ClientError> {
        self.writable(group)?;
        let id = self.db.transaction(|tx| {
            let id = tx.queue_intent(group, &action.encode()?)?;
            self.wait_for(id);
            Ok::<_, ClientError>(id)
        })?;
        let finished = self.finish(group).await;
        if let Some(error) = self.outcome(id) {
            return Err(error);
        }
        finished?;
        let left = self.db.transaction(|tx| tx.intents(group))?;
        if left.iter().any(|intent| intent.id == id) {
            // the group has come to wait for a newer program meanwhile
            self.writable(group)?;
        }
        Ok(())
    }

    /// Carries out what is queued for `group`, in order. What cannot be done is dropped, and whoever waits for it is told.
    ///
    /// # Errors
    /// Those of the file and the node. What is left stays queued.
    pub(super) async fn finish(&self, group: &GroupId) -> Result<(), ClientError> {
        let lane = self.lane(group);
        let _ours = lane.commits.lock().await;
        let mut sends = 0;
        while let Some((intent, action)) = self.next_commit(group)? {
            match intent.state {
                IntentState::Queued if intent.attempts >= action.attempts() => {
                    self.give_up(&intent, ClientError::Attempts(intent.attempts))?;
                }
                IntentState::Queued => {
                    sends = 0;
                    // made for the newest epoch that can be known
                    self.catch_up(group).await?;
                    match self.make_commit(&intent, &action).await {
                        Ok(Making::Made | Making::Moved) => {}
                        Ok(Making::Nothing) => self.db.transaction(|tx| tx.intent_over(intent.id))?,
                        Err(error) if error.is_retryable() => return Err(error),
                        Err(error) => self.give_up(&intent, error)?,
                    }
                }
                IntentState::Made { .. } if sends >= SENDS => {
                    return Err(NodeError::Unavailable("the commit does not come back".into()).into());
                }
                IntentState::Made { .. } => {
                    if sends > 0 {
                        tokio::time::sleep(PAUSE * 2_u32.saturating_pow(sends)).await;
                    }
                    sends += 1;
                    match self.send_commit(&intent).await {
                        Ok(()) => {}
                        Err(error) if error.is_retryable() && sends < SENDS => {}
                        Err(error @ ClientError::Node(NodeError::Refused(_))) => {
                            // whatever it says, an earlier request may have brought it there
                            self.catch_up(group).await?;
                            if self.next_commit(group)?.is_some_and(|(left, _)| left == intent) {
                                self.give_up(&intent, error)?;
                            }
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                    match self.catch_up(group).await {
                        Err(error) if error.is_retryable() && sends < SENDS => {}
                        other => {
                            other?;
                        }
                    }
                }
            }
        }
        self.send_welcomes().await
    }

    fn next_commit(&self, group: &GroupId) -> Result<Option<(Intent, Action)>, ClientError> {
        self.db.transaction(|tx| {
            if tx.conversation(group)?.is_none_or(|row| row.paused_for.is_some()) {
                return Ok(None);
            }
            for intent in tx.intents(group)? {
                let action = Action::decode(&intent.body)?;
                if action.is_commit() {
                    return Ok(Some((intent, action)));
                }
            }
            Ok(None)
        })
    }

    async fn send_commit(&self, intent: &Intent) -> Result<(), ClientError> {
        let payload = self.db.transaction(|tx| tx.payloads(&intent.group))?;
        let Some(made) = payload.into_iter().find(|made| made.intent == intent.id) else {
            return Ok(());
        };
        let mark = self.mark(&intent.group, &made.payload)?;
        Ok(self.node.send_group_messages(vec![(made.payload, mark)]).await?)
    }

    /// Drops an intent that cannot be carried out, and what was made of it and is not on the network.
    fn give_up(&self, intent: &Intent, why: ClientError) -> Result<(), ClientError> {
        self.db.transaction(|tx| {
            let mut group = self.load(tx, &intent.group)?;
            if matches!(intent.state, IntentState::Made { .. }) && group.is_active() {
                group.clear_pending_commit(tx.provider().storage())?;
            }
            // it may be over already: we were removed while it was made
            if tx.intents(&intent.group)?.iter().any(|other| other.id == intent.id) {
                tx.intent_over(intent.id)?;
            }
            if !why.is_retryable() {
                self.renewed_in_vain(tx, intent)?;
            }
            Ok::<_, ClientError>(())
        })?;
        self.tell(intent.id, why);
        Ok(())
    }

    /// Somebody waits for an intent, and asks for its [`outcome`](Self::outcome).
    pub(super) fn wait_for(&self, id: IntentId) {
        super::lock(&self.waiting).insert(id, None);
    }

    /// Tells whoever waits for an intent that it came to nothing.
    pub(super) fn tell(&self, id: IntentId, why: ClientError) {
        if let Some(outcome) = super::lock(&self.waiting).get_mut(&id) {
            *outcome = Some(why);
        }
    }

    /// Why an intent came to nothing, if it did. Nobody waits for it any more.
    pub(super) fn outcome(&self, id: IntentId) -> Option<ClientError> {
        super::lock(&self.waiting).remove(&id).flatten()
    }

    /// Whether something is to be done to a group that is not done.
    pub(super) fn has_work(&self, group: &GroupId) -> Result<bool, ClientError> {
        self.db.transaction(|tx| {
            let intents = tx.intents(group)?;
            Ok(intents.iter().any(|intent| intent.state == IntentState::Queued))
        })
    }
}
