//! Who is in the inboxes of others: their identity logs, verified.
//!
//! An entry is verified when it is first read, and kept in the inbox's file. A node that is asked for more is asked for the
//! last entry that we have once more: if it now tells another one, or ends before it, its answer is not believed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::{Category, ErrorCode};
use chancery_xmtp_wire::{
    identity::{
        AssociationState, IdentityLog, IdentityUpdate, InboxId, MembershipDiff, NoChain, SignatureError, VerifiedUpdate,
    },
    proto::identity::associations,
};
use prost::Message as _;

use crate::{
    network::{LoggedUpdate, NodeApi, NodeError},
    storage::{SharedDb, StorageError},
};

/// Inboxes whose logs are asked for at once: official clients ask for 50, and the logs of so many fit into one answer
/// whatever their owners put there (xmtp spec 2.3.10: 25 MiB).
const AT_ONCE: usize = 48;

/// The identity logs of inboxes as far as they were read. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    known: Arc<Mutex<BTreeMap<InboxId, Known>>>,
}

/// What is known of an inbox.
#[derive(Debug)]
struct Known {
    log: IdentityLog,
    last: Option<(u64, IdentityUpdate)>,
    states: BTreeMap<u64, Arc<AssociationState>>,
    /// The first entry that breaks the rules. Nobody can say who is in the inbox from there on.
    broken: Option<u64>,
    /// Ids that the node was asked for and does not have.
    absent: BTreeSet<u64>,
}

/// What is known of an entry of an identity log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The inbox after it.
    State(Arc<AssociationState>),
    /// The log goes beyond this id, or the node was asked, and there is no such entry.
    Absent,
    /// The log breaks the rules there or before.
    Broken,
    /// The log was not read as far as that.
    Unread,
}

/// Why identity logs could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The inbox's file.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The node ends the log before an entry that it showed earlier. It may lag behind.
    #[error("the node has forgotten entries of inbox {0}")]
    Shorter(InboxId),
    /// The node shows another entry than it did earlier.
    #[error("the node has rewritten the log of inbox {0}")]
    Rewritten(InboxId),
    /// Only somebody who can ask a chain, or knows retired keys, can verify the log. It may be valid.
    #[error("the log of inbox {0} cannot be verified here")]
    Unverifiable(InboxId),
}

impl DirectoryError {
    /// Whether the same may do later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Node(error) => error.is_retryable(),
            Self::Storage(StorageError::Full | StorageError::Locked { .. }) | Self::Shorter(_) => true,
            Self::Storage(_) | Self::Rewritten(_) | Self::Unverifiable(_) => false,
        }
    }
}

impl ErrorCode for DirectoryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Node(error) => error.code(),
            Self::Storage(error) => error.code(),
            Self::Shorter(_) => "XMTP_DIRECTORY_SHORTER",
            Self::Rewritten(_) => "XMTP_DIRECTORY_REWRITTEN",
            Self::Unverifiable(_) => "XMTP_DIRECTORY_UNVERIFIABLE",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Node(error) => error.category(),
            Self::Storage(error) => error.category(),
            Self::Shorter(_) | Self::Rewritten(_) | Self::Unverifiable(_) => Category::Unavailable,
        }
    }
}

impl Directory {
    /// A directory in which nobody is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what is new in the logs of `inboxes`. A log that breaks the rules is read as far as it keeps them.
    ///
    /// # Errors
    /// Any [`DirectoryError`]. What was verified before it is kept.
    pub async fn refresh(&self, node: &dyn NodeApi, db: &SharedDb, inboxes: &[InboxId]) -> Result<(), DirectoryError> {
        let inboxes: Vec<_> = inboxes.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut failed = None;
        for some in inboxes.chunks(AT_ONCE) {
            match self.refresh_some(node, db, some).await {
                Ok(()) => {}
                // the rest would fare no better
                Err(error @ (DirectoryError::Node(_) | DirectoryError::Storage(_))) => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn refresh_some(&self, node: &dyn NodeApi, db: &SharedDb, inboxes: &[InboxId]) -> Result<(), DirectoryError> {
        self.load(db, inboxes)?;
        let last: Vec<_> = inboxes.iter().map(|inbox| self.last(*inbox)).collect();
        // so that the last known entry comes once more
        let after = |last: &Option<(u64, _)>| last.as_ref().map_or(0, |(id, _)| id.saturating_sub(1));
        let asked: Vec<_> = inboxes.iter().copied().zip(last.iter().map(after)).collect();
        let answers = node.identity_updates(&asked).await?;
        if answers.len() != asked.len() {
            return Err(NodeError::Malformed("identity logs of others than were asked for").into());
        }
        let (mut new, mut failed) = (Vec::new(), None);
        for ((inbox, last), entries) in inboxes.iter().zip(last).zip(answers) {
            let result = self.take(*inbox, last, entries, &mut new);
            failed = failed.or(result.err());
        }
        if !new.is_empty() {
            db.transaction(|tx| {
                for (inbox, sequence_id, update) in &new {
                    let entry = associations::IdentityUpdate::from(update).encode_to_vec();
                    tx.keep_identity_entry(*inbox, *sequence_id, &entry)?;
                }
                Ok::<_, StorageError>(())
            })?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// Reads the logs of those of whom the wanted entry is not known, from the file or from the node. Afterwards
    /// [`Directory::entry`] answers for all of them: what the node does not have is absent.
    ///
    /// # Errors
    /// Those of [`Directory::refresh`].
    pub async fn at_least(
        &self,
        node: &dyn NodeApi,
        db: &SharedDb,
        wanted: &[(InboxId, u64)],
    ) -> Result<(), DirectoryError> {
        let inboxes: Vec<_> = wanted.iter().map(|(inbox, _)| *inbox).collect();
        self.load(db, &inboxes)?;
        let unread: Vec<_> = wanted
            .iter()
            .copied()
            .filter(|(inbox, sequence_id)| self.peek(*inbox, *sequence_id) == Entry::Unread)
            .collect();
        let inboxes: Vec<_> = unread.iter().map(|(inbox, _)| *inbox).collect();
        match self.refresh(node, db, &inboxes).await {
            // what is wanted may lie before what cannot be verified
            Err(DirectoryError::Unverifiable(_))
                if unread.iter().all(|(inbox, id)| self.peek(*inbox, *id) != Entry::Unread) => {}
            read => read?,
        }
        let mut known = lock(&self.known);
        for (inbox, sequence_id) in unread {
            let known = known.entry(inbox).or_insert_with(|| Known::new(inbox));
            if known.entry(sequence_id) == Entry::Unread {
                known.absent.insert(sequence_id);
            }
        }
        Ok(())
    }

    /// What is known of an entry of a log.
    ///
    /// That the node does not have it is said once, to whoever made it look ([`Directory::at_least`]); later it may have it,
    /// for sequence ids are given out in one order for all logs, and somebody may name one in advance.
    #[must_use]
    pub fn entry(&self, inbox: InboxId, sequence_id: u64) -> Entry {
        let mut known = lock(&self.known);
        let Some(known) = known.get_mut(&inbox) else {
            return Entry::Unread;
        };
        match known.entry(sequence_id) {
            Entry::Unread if known.absent.remove(&sequence_id) => Entry::Absent,
            entry => entry,
        }
    }

    fn peek(&self, inbox: InboxId, sequence_id: u64) -> Entry {
        lock(&self.known)
            .get(&inbox)
            .map_or(Entry::Unread, |known| known.entry(sequence_id))
    }

    /// The inbox after the entry `sequence_id`; `None` if that is not known, or not so.
    #[must_use]
    pub fn state_at(&self, inbox: InboxId, sequence_id: u64) -> Option<Arc<AssociationState>> {
        match self.peek(inbox, sequence_id) {
            Entry::State(state) => Some(state),
            _ => None,
        }
    }

    /// The inbox as of the last entry that was read.
    #[must_use]
    pub fn state(&self, inbox: InboxId) -> Option<Arc<AssociationState>> {
        self.state_at(inbox, self.latest(inbox)?)
    }

    /// The id of the last entry that was read and keeps the rules.
    #[must_use]
    pub fn latest(&self, inbox: InboxId) -> Option<u64> {
        lock(&self.known)
            .get(&inbox)?
            .states
            .last_key_value()
            .map(|(id, _)| *id)
    }

    /// Whether entries that were read lie between `after` and `up_to`, the latter included.
    #[must_use]
    pub fn has_entries(&self, inbox: InboxId, after: u64, up_to: u64) -> bool {
        let known = lock(&self.known);
        let mut ids = known.get(&inbox).into_iter().flat_map(|known| known.states.keys());
        ids.any(|id| *id > after && *id <= up_to)
    }

    /// What lies between two entries; without `old`, all who are there at `new`. `None` if one of them is not known.
    #[must_use]
    pub fn diff(&self, inbox: InboxId, old: Option<u64>, new: u64) -> Option<MembershipDiff> {
        let later = self.state_at(inbox, new)?;
        Some(match old {
            Some(old) => self.state_at(inbox, old)?.diff(&later),
            None => MembershipDiff {
                added: later.members().map(|(member, _)| member.clone()).collect(),
                removed: Vec::new(),
            },
        })
    }

    /// Forgets of whom nothing is known: whoever sends us a welcome can name as many who never were.
    pub fn forget_unknown(&self) {
        lock(&self.known).retain(|_, known| known.last.is_some());
    }

    /// Reads from the file what is not in memory.
    fn load(&self, db: &SharedDb, inboxes: &[InboxId]) -> Result<(), DirectoryError> {
        for inbox in inboxes {
            if lock(&self.known).contains_key(inbox) {
                continue;
            }
            let kept = db.transaction(|tx| tx.identity_log(*inbox))?;
            let mut known = Known::new(*inbox);
            for (sequence_id, entry) in kept {
                let update = IdentityUpdate::decode(&entry).map_err(|_| StorageError::Format)?;
                // verified once already; who can write to the file could write a key there as well
                let verified = update.verify(&NoChain).map_err(|_| StorageError::Format)?;
                known
                    .append(sequence_id, update, verified)
                    .map_err(|()| StorageError::Format)?;
            }
            lock(&self.known).entry(*inbox).or_insert(known);
        }
        Ok(())
    }

    fn last(&self, inbox: InboxId) -> Option<(u64, IdentityUpdate)> {
        lock(&self.known).get(&inbox)?.last.clone()
    }

    /// Takes what a node answered that was asked for `last` and what follows it, and says which entries are new.
    fn take(
        &self,
        inbox: InboxId,
        last: Option<(u64, IdentityUpdate)>,
        entries: Vec<LoggedUpdate>,
        new: &mut Vec<(InboxId, u64, IdentityUpdate)>,
    ) -> Result<(), DirectoryError> {
        if let Some((id, update)) = last {
            match entries.iter().find(|entry| entry.sequence_id >= id) {
                None => return Err(DirectoryError::Shorter(inbox)),
                Some(entry) if entry.sequence_id == id && entry.update == update => {}
                Some(_) => return Err(DirectoryError::Rewritten(inbox)),
            }
        }
        let mut known = lock(&self.known);
        let known = known.entry(inbox).or_insert_with(|| Known::new(inbox));
        known.broken = None;
        for LoggedUpdate {
            sequence_id, update, ..
        } in entries
        {
            // another reader may have been faster
            if sequence_id <= known.log.last_sequence_id() {
                continue;
            }
            let verified = match update.verify(&NoChain) {
                Err(SignatureError::ChainUnavailable | SignatureError::LegacyUnsupported) => {
                    return Err(DirectoryError::Unverifiable(inbox));
                }
                verified => verified.map_err(|_| ()),
            };
            let appended = verified.and_then(|verified| known.append(sequence_id, update.clone(), verified));
            if appended.is_err() {
                known.broken = Some(sequence_id);
                break;
            }
            new.push((inbox, sequence_id, update));
        }
        Ok(())
    }
}

impl Known {
    fn new(inbox: InboxId) -> Self {
        Self {
            log: IdentityLog::new(inbox),
            last: None,
            states: BTreeMap::new(),
            broken: None,
            absent: BTreeSet::new(),
        }
    }

    fn entry(&self, sequence_id: u64) -> Entry {
        match self.states.get(&sequence_id) {
            Some(state) => Entry::State(Arc::clone(state)),
            None if self.broken.is_some_and(|broken| sequence_id >= broken) => Entry::Broken,
            // every log begins above 0
            None if sequence_id <= self.log.last_sequence_id() || sequence_id == 0 => Entry::Absent,
            None => Entry::Unread,
        }
    }

    fn append(&mut self, sequence_id: u64, update: IdentityUpdate, verified: VerifiedUpdate) -> Result<(), ()> {
        let state = self.log.append(sequence_id, verified).map_err(|_| ())?.clone();
        self.states.insert(sequence_id, Arc::new(state));
        self.last = Some((sequence_id, update));
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // what is behind it is whole at every step: a panic elsewhere leaves nothing half done
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
