//! Getting open sends to the network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_signet_wire::{Class, Failure, SealId, frame::Provenance};
use tokio::{sync::watch, time::Instant};

use super::{
    ask::{Bound, Recheck, Settle},
    rows::{Open, Outcome, SendId},
};
use crate::{
    network::{Content, NetworkError, Sent},
    seals::UNBOUND,
    store::Problem,
    stream::standing,
    traffic::Traffic,
};

/// First pause before a send is tried again; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause: a network that is back is used within this time.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// The sends that are on their way. Who asks for one that is waits for the same answer.
#[derive(Debug, Default)]
pub(crate) struct Posting(Mutex<HashMap<SendId, watch::Receiver<Option<Outcome>>>>);

impl Posting {
    fn lock(&self) -> MutexGuard<'_, HashMap<SendId, watch::Receiver<Option<Outcome>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic {
    /// Sends `open`, and answers once it is settled. It is sent whether somebody waits for the answer or not. Without
    /// `patience` it is tried until the network answers.
    pub(crate) async fn post(
        self: &Arc<Self>,
        open: Open,
        seal: Option<SealId>,
        patience: Option<Duration>,
    ) -> Result<Outcome, Failure> {
        let mut answer = self.posted(open, seal, patience);
        let settled = answer.wait_for(Option::is_some).await;
        settled
            .ok()
            .and_then(|outcome| outcome.clone())
            .ok_or_else(|| Failure::new(Class::Cancelled, "the signet is ending"))
    }

    fn posted(
        self: &Arc<Self>,
        open: Open,
        seal: Option<SealId>,
        patience: Option<Duration>,
    ) -> watch::Receiver<Option<Outcome>> {
        let id = open.id;
        let mut posting = self.posting.lock();
        if let Some(answer) = posting.get(&id) {
            return answer.clone();
        }
        let (tell, answer) = watch::channel(None);
        posting.insert(id, answer.clone());
        drop(posting);
        let traffic = Arc::clone(self);
        self.spawn(async move {
            let outcome = traffic.send(open, seal, patience).await;
            traffic.posting.lock().remove(&id);
            match outcome {
                Ok(outcome) => {
                    tell.send_replace(Some(outcome));
                }
                // it stays open, and goes out when the signet starts again
                Err(error) => tracing::error!(%error, "a send was not settled"),
            }
        });
        answer
    }

    /// Sends everything that was open when the signet ended, if it may still be sent.
    pub(crate) async fn post_all(self: &Arc<Self>) -> Result<(), Problem> {
        let all = self.store.read(super::rows::all_open).await?;
        for open in all {
            let traffic = Arc::clone(self);
            self.spawn(async move {
                if let Err(error) = traffic.post_again(open).await {
                    tracing::error!(%error, "an open send was not taken up");
                }
            });
        }
        Ok(())
    }

    async fn post_again(self: &Arc<Self>, open: Open) -> Result<(), Problem> {
        let recheck = Recheck {
            open: open.clone(),
            decided: Arc::clone(&self.decided),
        };
        match self.commit(recheck).await? {
            Ok(()) => {
                let seal = self.seals.current(open.credential, open.chat).await.ok().flatten();
                // nobody waits: whether it went out before, only the network can tell
                self.posted(open, seal, None);
            }
            Err(failure) => {
                self.settle(open, Err(failure), None).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, open: Open, seal: Option<SealId>, patience: Option<Duration>) -> Result<Outcome, Problem> {
        let answer = self.offer(&open, patience).await?;
        let warning = seal.is_none().then(|| UNBOUND.to_owned());
        let outcome = self.settle(open.clone(), answer, warning).await?;
        match seal {
            Some(seal) => self.bind(&open, outcome, seal).await,
            None => Ok(outcome),
        }
    }

    /// Offers it to the network until that answers, or `patience` is over.
    async fn offer(&self, open: &Open, patience: Option<Duration>) -> Result<Result<Sent, Failure>, Problem> {
        let (draft, chat) = (open.draft.clone(), open.chat);
        let resolved = self.store.read(move |sql| {
            let name = crate::stream::ids::conversation(sql, chat)?;
            Ok(name.map(|name| draft.resolved(sql, chat).map(|content| (name, content))))
        });
        let (name, content) = match resolved.await? {
            None => return Ok(Err(Failure::not_found("conversation", &chat.to_string()))),
            Some(resolved) => resolved?,
        };
        let content: Content = match content {
            Ok(content) => content,
            Err(failure) => return Ok(Err(failure)),
        };
        let over = patience.map(|patience| Instant::now() + patience);
        let mut pause = FIRST_PAUSE;
        loop {
            let tried = match self.inbox(open.inbox) {
                Some(inbox) => inbox.send(&name, &content, &open.network_key).await,
                None => Err(NetworkError::Unreachable("the inbox is not open".to_owned())),
            };
            match tried {
                Err(error) if error.is_retryable() && over.is_none_or(|over| Instant::now() + pause < over) => {
                    tracing::debug!(%error, "a send is tried again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                answer => return Ok(answer.map_err(|error| failed(&error))),
            }
        }
    }

    async fn settle(
        &self,
        open: Open,
        answer: Result<Sent, Failure>,
        warning: Option<String>,
    ) -> Result<Outcome, Problem> {
        let settle = Settle {
            open,
            answer,
            warning,
            keep: self.decided.keep,
        };
        self.commit(settle).await
    }

    /// Binds a message that is out. That it is not bound takes nothing back.
    async fn bind(&self, open: &Open, mut outcome: Outcome, seal: SealId) -> Result<Outcome, Problem> {
        let Outcome::Sent {
            message_id,
            provenance,
            warning,
            ..
        } = &mut outcome
        else {
            return Ok(outcome);
        };
        let id = open.credential;
        let rules = Arc::clone(&self.decided);
        let operator = self
            .store
            .read(move |sql| standing::Standing::load(sql, id, &rules.rules));
        let operator = operator.await?.map(|standing| standing.operator);
        match (self.seals.bind(seal, *message_id).await, operator) {
            (Ok(binding), Some(operator_id)) => {
                *provenance = Some(Provenance {
                    credential_id: open.credential,
                    operator_id,
                    seal_ref: binding.seal,
                    seal_signature: binding.signature,
                });
            }
            (Err(error), _) => *warning = Some(error.0),
            (Ok(_), None) => *warning = Some("the credential is gone".to_owned()),
        }
        let bound = Bound {
            id: open.id,
            outcome: outcome.clone(),
        };
        self.commit(bound).await?;
        Ok(outcome)
    }
}

/// What the network's refusal means to whoever asked.
pub(crate) fn failed(error: &NetworkError) -> Failure {
    let class = match error {
        NetworkError::Unreachable(_) => Class::Network,
        NetworkError::NotFound(_) => Class::NotFound,
        NetworkError::Forbidden(_) => Class::Permission,
        NetworkError::Invalid(_) | NetworkError::Unsupported(_) => Class::Validation,
        // the text names files and tables of this side
        NetworkError::Local(_) => return Failure::new(Class::Internal, "the inbox failed"),
    };
    let message = match error {
        // it names what the network calls things
        NetworkError::NotFound(_) => {
            "the network does not know the conversation, or this inbox is not in it".to_owned()
        }
        other => other.to_string(),
    };
    Failure::new(class, message)
}
