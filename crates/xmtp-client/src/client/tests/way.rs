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
    identity::{
        AccountId, Action, EthereumAddress, Identifier, IdentityUpdate, InboxId, InstallationKey, Signature, Update,
    },
    mls::message::{ContentType, GroupMessage},
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use futures_util::{StreamExt as _, future::BoxFuture as Step};
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
    takes_what_it_refuses: AtomicBool,
    /// What sending to a group is answered with.
    sending: Mutex<Option<NodeError>>,
    /// Bytes of a message above which it is refused.
    most_bytes: Mutex<Option<usize>>,
    /// What publishing a key package is answered with.
    offering: Mutex<Option<NodeError>>,
    /// What asking for welcomes is answered with.
    welcoming: Mutex<Option<NodeError>>,
    /// In whose log stands what only a chain can judge.
    unverifiable: Mutex<Option<InboxId>>,
    /// Welcomes that come once more.
    replayed: Mutex<Vec<WelcomeEnvelope>>,
    /// Messages of groups that no stream brings.
    left_out: Mutex<HashSet<u64>>,
    /// Groups that one stream followed at most.
    followed: AtomicUsize,
    kept: Mutex<Option<Arc<Mutex<Option<Bytes>>>>>,
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

    /// Has what it refuses all the same.
    pub(super) fn take_what_is_refused(&self, takes: bool) {
        self.told.takes_what_it_refuses.store(takes, Ordering::SeqCst);
    }

    /// Answers this to whatever is sent to a group from now on, or takes it again.
    pub(super) fn answer_sending(&self, answer: Option<NodeError>) {
        *self.told.sending.lock().unwrap() = answer;
    }

    /// Takes messages of so many bytes at most from now on.
    pub(super) fn take_at_most(&self, bytes: Option<usize>) {
        *self.told.most_bytes.lock().unwrap() = bytes;
    }

    /// Answers this to key packages from now on, or takes them again.
    pub(super) fn answer_offering(&self, answer: Option<NodeError>) {
        *self.told.offering.lock().unwrap() = answer;
    }

    /// Answers this to who asks for welcomes from now on, or shows them again.
    pub(super) fn answer_welcomes(&self, answer: Option<NodeError>) {
        *self.told.welcoming.lock().unwrap() = answer;
    }

    /// Ends the log of this inbox with something that only a chain can judge.
    pub(super) fn make_unverifiable(&self, inbox: InboxId) {
        *self.told.unverifiable.lock().unwrap() = Some(inbox);
    }

    /// Tells a welcome, also one that was told.
    pub(super) fn replay(&self, welcome: WelcomeEnvelope) {
        self.told.replayed.lock().unwrap().push(welcome);
    }

    /// Keeps the last commit that was to be sent in `place`.
    pub(super) fn keep_commits(&self, place: &Arc<Mutex<Option<Bytes>>>) {
        *self.told.kept.lock().unwrap() = Some(Arc::clone(place));
    }

    /// Brings the message of a group with this id by no stream.
    pub(super) fn leave_out(&self, id: u64) {
        self.told.left_out.lock().unwrap().insert(id);
    }

    /// How many groups one stream followed at most.
    pub(super) fn most_in_a_stream(&self) -> usize {
        self.told.followed.load(Ordering::SeqCst)
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
        let answer = self.told.welcoming.lock().unwrap().clone();
        if let Some(answer) = answer {
            return Err(answer);
        }
        let mut page = self.node.welcomes(destination, after).await?;
        let replayed = self.told.replayed.lock().unwrap().clone();
        page.entries
            .extend(replayed.into_iter().filter(|entry| entry.id > after));
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
            if let Some(place) = self.told.kept.lock().unwrap().as_ref() {
                *place.lock().unwrap() = messages.first().map(|(payload, _)| payload.clone());
            }
            let before = self.told.before_a_commit.lock().unwrap().clone();
            if let Some(before) = before {
                before().await;
            }
            if self.told.refuses_commits.load(Ordering::SeqCst) {
                if self.told.takes_what_it_refuses.load(Ordering::SeqCst) {
                    self.node.send_group_messages(messages).await?;
                }
                return Err(NodeError::Refused("no commits today".to_owned()));
            }
        }
        let answer = self.told.sending.lock().unwrap().clone();
        if let Some(answer) = answer {
            return Err(answer);
        }
        let most = self.told.most_bytes.lock().unwrap().unwrap_or(usize::MAX);
        if messages.iter().any(|(payload, _)| payload.len() > most) {
            if self.told.takes_what_it_refuses.load(Ordering::SeqCst) {
                self.node.send_group_messages(messages).await?;
            }
            return Err(NodeError::Refused("too large".to_owned()));
        }
        self.node.send_group_messages(messages).await
    }

    async fn logs(&self, after: &[(InboxId, u64)]) -> Result<Vec<Vec<LoggedUpdate>>, NodeError> {
        let mut logs = self.node.identity_updates(after).await?;
        let unverifiable = *self.told.unverifiable.lock().unwrap();
        for ((inbox, _), log) in after.iter().zip(&mut logs) {
            if Some(*inbox) == unverifiable {
                log.push(LoggedUpdate {
                    sequence_id: u64::from(u32::MAX),
                    server_timestamp_ns: 0,
                    update: by_contract(*inbox),
                });
            }
        }
        Ok(logs)
    }

    async fn offer(&self, key_package: Bytes) -> Result<(), NodeError> {
        let answer = self.told.offering.lock().unwrap().clone();
        match answer {
            Some(answer) => Err(answer),
            None => self.node.upload_key_package(key_package).await,
        }
    }
}

impl NodeApi for Way {
    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        self.node.publish_identity_update(update)
    }

    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        Box::pin(self.logs(after))
    }

    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        self.node.inbox_ids(identifiers)
    }

    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()> {
        Box::pin(self.offer(key_package))
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
        self.told.followed.fetch_max(after.len(), Ordering::SeqCst);
        let told = Arc::clone(&self.told);
        Box::pin(async move {
            let all = self.node.follow_groups(after).await?;
            let shown: BoxStream<_> = Box::pin(all.filter(move |entry| {
                let left_out = told.left_out.lock().unwrap();
                let shown = entry.as_ref().is_ok_and(|entry| !left_out.contains(&entry.id));
                std::future::ready(shown)
            }));
            Ok(shown)
        })
    }

    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        self.node.follow_welcomes(destination, after)
    }
}

/// An update that a contract has signed.
fn by_contract(inbox: InboxId) -> IdentityUpdate {
    Update {
        inbox_id: inbox,
        client_timestamp_ns: 1,
        actions: vec![Action::Revoke {
            member: InstallationKey::from_bytes([9; 32]).into(),
            signature: Signature::Erc6492 {
                account: AccountId {
                    chain_id: 1,
                    address: EthereumAddress::from_bytes([7; 20]),
                },
                block_number: 1,
                signature: vec![1],
            },
        }],
    }
}
