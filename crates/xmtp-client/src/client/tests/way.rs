//! A way to the node on which a test says what happens.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chancery_xmtp_wire::{
    identity::{Identifier, IdentityUpdate, InboxId, InstallationKey},
    mls::message::{ContentType, GroupMessage},
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use futures_util::future::BoxFuture as Step;
use openmls::group::GroupId;

use crate::network::{
    BoxFuture, BoxStream, GroupEnvelope, LoggedUpdate, MemoryNode, NodeApi, NodeError, Page, WelcomeBody,
    WelcomeEnvelope, WelcomeToSend,
};

/// What happens before a commit is let through.
type Before = Box<dyn Fn() -> Step<'static, ()> + Send + Sync>;

/// A way to a node in memory. Clones are the same way.
#[derive(Clone)]
pub(super) struct Way {
    node: MemoryNode,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    refuses_commits: AtomicBool,
    commits: AtomicUsize,
    before_a_commit: Mutex<Option<Arc<Before>>>,
    hides_pointees: AtomicBool,
    asked_for_pointees: AtomicUsize,
    hidden: Mutex<HashSet<u64>>,
    lost: Mutex<Option<GroupId>>,
    takes_nothing: AtomicBool,
    reading: Reading,
}

/// Pages of groups that are being read.
#[derive(Default)]
struct Reading {
    takes: Mutex<Duration>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Way {
    pub(super) fn new(node: &MemoryNode) -> Self {
        Self {
            node: node.clone(),
            told: Arc::default(),
        }
    }

    /// Lets no commit through from now on, or again.
    pub(super) fn refuse_commits(&self, refuse: bool) {
        self.told.refuses_commits.store(refuse, Ordering::SeqCst);
    }

    /// How many commits were to be sent.
    pub(super) fn commits(&self) -> usize {
        self.told.commits.load(Ordering::SeqCst)
    }

    /// Does something before each commit from now on, or nothing again.
    pub(super) fn before_a_commit(&self, before: Option<Before>) {
        *self.told.before_a_commit.lock().unwrap() = before.map(Arc::new);
    }

    /// Has nothing from now on to which a pointer leads, or has it again.
    pub(super) fn hide_pointees(&self, hide: bool) {
        self.told.hides_pointees.store(hide, Ordering::SeqCst);
    }

    /// How often what a pointer leads to was asked for, since that was asked last.
    pub(super) fn asked_for_pointees(&self) -> usize {
        self.told.asked_for_pointees.swap(0, Ordering::SeqCst)
    }

    /// Never shows the message of a group with this id.
    pub(super) fn hide(&self, id: u64) {
        self.told.hidden.lock().unwrap().insert(id);
    }

    /// Reads this group no more.
    pub(super) fn lose(&self, group: &GroupId) {
        *self.told.lost.lock().unwrap() = Some(group.clone());
    }

    /// Takes nothing for any group from now on, or again.
    pub(super) fn refuse_all(&self, refuse: bool) {
        self.told.takes_nothing.store(refuse, Ordering::SeqCst);
    }

    /// Takes so long, by tokio's clock, for each page of a group.
    pub(super) fn reading_takes(&self, long: Duration) {
        *self.told.reading.takes.lock().unwrap() = long;
    }

    /// How many pages of groups were read at a time at most.
    pub(super) fn most_at_a_time(&self) -> usize {
        self.told.reading.most.load(Ordering::SeqCst)
    }

    async fn read(&self, group: &GroupId, after: u64) -> Result<Page<GroupEnvelope>, NodeError> {
        let reading = &self.told.reading;
        let now = reading.now.fetch_add(1, Ordering::SeqCst) + 1;
        reading.most.fetch_max(now, Ordering::SeqCst);
        let takes = *reading.takes.lock().unwrap();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        reading.now.fetch_sub(1, Ordering::SeqCst);
        if self.told.lost.lock().unwrap().as_ref() == Some(group) {
            return Err(NodeError::Unavailable("this group is lost".into()));
        }
        let mut page = self.node.group_messages(group, after).await?;
        let hidden = self.told.hidden.lock().unwrap();
        page.entries.retain(|entry| !hidden.contains(&entry.id));
        Ok(page)
    }

    async fn look(&self, destination: [u8; 32], after: u64) -> Result<Page<WelcomeEnvelope>, NodeError> {
        let mut page = self.node.welcomes(destination, after).await?;
        let is_pointee = |entry: &WelcomeEnvelope| {
            let algorithm = WelcomeWrapperAlgorithm::SymmetricKey;
            matches!(entry.body, WelcomeBody::Welcome { algorithm: found, .. } if found == algorithm)
        };
        if page.entries.iter().any(is_pointee) {
            self.told.asked_for_pointees.fetch_add(1, Ordering::SeqCst);
            if self.told.hides_pointees.load(Ordering::SeqCst) {
                page.entries.retain(|entry| !is_pointee(entry));
            }
        }
        Ok(page)
    }

    async fn pass(&self, messages: Vec<(Bytes, Bytes)>) -> Result<(), NodeError> {
        if self.told.takes_nothing.load(Ordering::SeqCst) {
            return Err(NodeError::Unavailable("nothing today".into()));
        }
        let is_commit = |payload: &Bytes| {
            GroupMessage::parse(payload).is_ok_and(|parsed| parsed.content_type == ContentType::Commit)
        };
        if messages.iter().any(|(payload, _)| is_commit(payload)) {
            self.told.commits.fetch_add(1, Ordering::SeqCst);
            let before = self.told.before_a_commit.lock().unwrap().clone();
            if let Some(before) = before {
                before().await;
            }
            if self.told.refuses_commits.load(Ordering::SeqCst) {
                return Err(NodeError::Refused("no commits today".to_owned()));
            }
        }
        self.node.send_group_messages(messages).await
    }
}

impl NodeApi for Way {
    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        self.node.publish_identity_update(update)
    }

    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        self.node.identity_updates(after)
    }

    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        self.node.inbox_ids(identifiers)
    }

    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()> {
        self.node.upload_key_package(key_package)
    }

    fn key_packages<'a>(&'a self, installations: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>> {
        self.node.key_packages(installations)
    }

    fn send_group_messages(&self, messages: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()> {
        Box::pin(self.pass(messages))
    }

    fn group_messages<'a>(&'a self, group: &'a GroupId, after: u64) -> BoxFuture<'a, Page<GroupEnvelope>> {
        Box::pin(self.read(group, after))
    }

    fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> BoxFuture<'_, ()> {
        self.node.send_welcomes(welcomes)
    }

    fn welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>> {
        Box::pin(self.look(destination, after))
    }

    fn follow_groups<'a>(&'a self, after: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>> {
        self.node.follow_groups(after)
    }

    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        self.node.follow_welcomes(destination, after)
    }
}
