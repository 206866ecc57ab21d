//! The way to a node on which things go wrong, as a seed has it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use chancery_base::Rng;
use chancery_xmtp_wire::identity::{Identifier, IdentityUpdate, InboxId, InstallationKey};
use futures_util::{StreamExt as _, stream};
use openmls::group::GroupId;
use tokio::sync::watch;

use super::{
    BoxFuture, BoxStream, GroupEnvelope, LoggedUpdate, NodeApi, NodeError, Page, WelcomeEnvelope, WelcomeToSend,
};

/// How often what goes wrong, in per mille, and how long things take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Requests that never reach the node.
    pub lost_request: u32,
    /// Requests that take effect and whose answer never comes.
    pub lost_answer: u32,
    /// Entries of a stream that come twice.
    pub twice: u32,
    /// Entries of a stream in place of which it breaks off.
    pub broken_off: u32,
    /// The longest that a request takes to get there, and an answer to come back, in milliseconds of tokio's clock.
    pub delay_ms: u64,
}

/// One client's way to a node. Clones are the same way.
#[derive(Clone)]
pub struct Faulty {
    way: Arc<Way>,
}

struct Way {
    node: Arc<dyn NodeApi>,
    rng: Arc<dyn Rng>,
    faults: Mutex<Faults>,
    cut: watch::Sender<bool>,
}

impl Faulty {
    /// A way to `node` on which `faults` happen, drawn from `rng`.
    #[must_use]
    pub fn new(node: Arc<dyn NodeApi>, rng: Arc<dyn Rng>, faults: Faults) -> Self {
        Self {
            way: Arc::new(Way {
                node,
                rng,
                faults: Mutex::new(faults),
                cut: watch::Sender::default(),
            }),
        }
    }

    /// Sets what goes wrong from now on.
    pub fn set(&self, faults: Faults) {
        *self.way.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Cuts the way, or mends it. While it is cut no request gets through; streams that are open end at once.
    pub fn cut(&self, cut: bool) {
        self.way.cut.send_replace(cut);
    }
}

fn lost(what: &str) -> NodeError {
    NodeError::Unavailable(what.into())
}

impl Way {
    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> u64 {
        let mut drawn = [0; 8];
        self.rng.fill(&mut drawn);
        u64::from_le_bytes(drawn)
    }

    /// Whether it happens this time.
    fn happens(&self, per_mille: u32) -> bool {
        // nothing is drawn for what cannot happen, so that setting one fault leaves the others where they were
        per_mille > 0 && self.draw() % 1000 < u64::from(per_mille)
    }

    async fn wait(&self) {
        let longest = self.faults().delay_ms;
        if longest > 0 {
            tokio::time::sleep(Duration::from_millis(self.draw() % (longest + 1))).await;
        }
    }

    fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }

    async fn ask<T>(&self, asked: impl Future<Output = Result<T, NodeError>>) -> Result<T, NodeError> {
        self.wait().await;
        if self.is_cut() || self.happens(self.faults().lost_request) {
            return Err(lost("the request was lost"));
        }
        let answer = asked.await;
        self.wait().await;
        if self.is_cut() || self.happens(self.faults().lost_answer) {
            return Err(lost("the answer was lost"));
        }
        answer
    }

    fn stream<T: Clone + Send + 'static>(self: &Arc<Self>, inner: BoxStream<T>) -> BoxStream<T> {
        let state = Following {
            way: Arc::clone(self),
            cut: self.cut.subscribe(),
            inner,
            again: None,
            over: false,
        };
        Box::pin(stream::unfold(state, |mut following| async move {
            Some((following.next().await?, following))
        }))
    }
}

struct Following<T> {
    way: Arc<Way>,
    cut: watch::Receiver<bool>,
    inner: BoxStream<T>,
    again: Option<T>,
    over: bool,
}

impl<T: Clone> Following<T> {
    async fn next(&mut self) -> Option<Result<T, NodeError>> {
        if self.over {
            return None;
        }
        let item = if let Some(again) = self.again.take() {
            Ok(again)
        } else {
            self.way.wait().await;
            tokio::select! {
                biased;
                _ = self.cut.wait_for(|cut| *cut) => Err(lost("the way was cut")),
                item = self.inner.next() => item?,
            }
        };
        let item = item.and_then(|entry| {
            let faults = self.way.faults();
            if self.way.happens(faults.broken_off) {
                return Err(NodeError::Aborted("the stream broke off".into()));
            }
            if self.way.happens(faults.twice) {
                self.again = Some(entry.clone());
            }
            Ok(entry)
        });
        self.over = item.is_err();
        Some(item)
    }
}

impl NodeApi for Faulty {
    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.way.ask(self.way.node.publish_identity_update(update)).await })
    }

    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        Box::pin(async move { self.way.ask(self.way.node.identity_updates(after)).await })
    }

    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        Box::pin(async move { self.way.ask(self.way.node.inbox_ids(identifiers)).await })
    }

    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.way.ask(self.way.node.upload_key_package(key_package)).await })
    }

    fn key_packages<'a>(&'a self, installations: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>> {
        Box::pin(async move { self.way.ask(self.way.node.key_packages(installations)).await })
    }

    fn send_group_messages(&self, messages: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.way.ask(self.way.node.send_group_messages(messages)).await })
    }

    fn group_messages<'a>(&'a self, group: &'a GroupId, after: u64) -> BoxFuture<'a, Page<GroupEnvelope>> {
        Box::pin(async move { self.way.ask(self.way.node.group_messages(group, after)).await })
    }

    fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.way.ask(self.way.node.send_welcomes(welcomes)).await })
    }

    fn welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>> {
        Box::pin(async move { self.way.ask(self.way.node.welcomes(destination, after)).await })
    }

    fn follow_groups<'a>(&'a self, after: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>> {
        Box::pin(async move {
            let inner = self.way.ask(self.way.node.follow_groups(after)).await?;
            Ok(self.way.stream(inner))
        })
    }

    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        Box::pin(async move {
            let inner = self.way.ask(self.way.node.follow_welcomes(destination, after)).await?;
            Ok(self.way.stream(inner))
        })
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("faults", &self.way.faults())
            .field("cut", &self.way.is_cut())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
