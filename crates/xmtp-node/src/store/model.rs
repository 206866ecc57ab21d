//! What is kept, row by row.

use std::sync::Arc;

use bytes::Bytes;

/// A public key that names an installation, or the destination of a welcome pointer: 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Installation(pub(crate) [u8; 32]);

impl Installation {
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// What an inbox is reached by from outside: an address or a passkey.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identifier {
    pub(crate) kind: IdentifierKind,
    /// An address as `0x` and 40 lower-case hex digits; a passkey's public key in lower-case hex.
    pub(crate) text: String,
}

/// Kinds of identifiers, numbered as in `xmtp.identity.associations.IdentifierKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum IdentifierKind {
    Ethereum = 1,
    Passkey = 2,
}

/// A message of a group, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewGroupMessage {
    /// From the MLS header.
    pub(crate) group: Bytes,
    pub(crate) data: Bytes,
    pub(crate) sender_hmac: Bytes,
    pub(crate) should_push: bool,
    /// From the MLS header.
    pub(crate) is_commit: bool,
}

/// A message of a group, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMessage {
    /// Strictly increasing over all groups, in the order in which messages became visible; above 0.
    pub(crate) id: u64,
    /// Nanoseconds since the epoch, strictly increasing with `id`.
    pub(crate) created_ns: u64,
    pub(crate) message: NewGroupMessage,
}

/// A welcome as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewWelcome {
    pub(crate) installation: Installation,
    pub(crate) kind: WelcomeKind,
    /// The sealed welcome, or the sealed pointer.
    pub(crate) data: Bytes,
    /// What it is sealed to; empty where the algorithm is symmetric.
    pub(crate) hpke_public_key: Bytes,
    /// `WelcomeWrapperAlgorithm` or `WelcomePointerWrapperAlgorithm`, as sent.
    pub(crate) wrapper_algorithm: i32,
    /// Sealed `WelcomeMetadata`; empty for pointers.
    pub(crate) metadata: Bytes,
}

/// The two forms of a welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WelcomeKind {
    Welcome = 1,
    Pointer = 2,
}

/// A welcome as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Welcome {
    /// Strictly increasing over all installations; above 0.
    pub(crate) id: u64,
    /// As with [`GroupMessage`].
    pub(crate) created_ns: u64,
    pub(crate) welcome: NewWelcome,
}

/// An identity update of an inbox, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedUpdate {
    /// Strictly increasing over all inboxes; above 0.
    pub(crate) sequence_id: u64,
    /// As with [`GroupMessage`].
    pub(crate) server_timestamp_ns: u64,
    /// `xmtp.identity.associations.IdentityUpdate`, encoded.
    pub(crate) update: Bytes,
}

/// What an identity update changes about who is in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Membership {
    pub(crate) identifiers_added: Vec<Identifier>,
    pub(crate) identifiers_removed: Vec<Identifier>,
    pub(crate) installations_added: Vec<Installation>,
    pub(crate) installations_removed: Vec<Installation>,
}

/// An entry of a group's commit log as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCommitEntry {
    pub(crate) group: Bytes,
    pub(crate) entry: Bytes,
    /// `RecoverableEd25519Signature`, encoded.
    pub(crate) signature: Bytes,
}

/// An entry of a group's commit log as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitEntry {
    /// Strictly increasing over all groups; above 0.
    pub(crate) sequence_id: u64,
    pub(crate) entry: Bytes,
    pub(crate) signature: Bytes,
}

/// What both kinds of messages have, for pages and streams.
pub(crate) trait Row {
    fn id(&self) -> u64;
    /// Bytes that it holds, for the limits on pages and queues.
    fn weight(&self) -> usize;
}

/// What a row holds beside its payload: keys, numbers, and the heads of its allocations.
const ROW_OVERHEAD: usize = 128;

impl Row for GroupMessage {
    fn id(&self) -> u64 {
        self.id
    }

    fn weight(&self) -> usize {
        ROW_OVERHEAD + self.message.data.len() + self.message.sender_hmac.len()
    }
}

impl Row for Welcome {
    fn id(&self) -> u64 {
        self.id
    }

    fn weight(&self) -> usize {
        let welcome = &self.welcome;
        ROW_OVERHEAD + welcome.data.len() + welcome.hpke_public_key.len() + welcome.metadata.len()
    }
}

impl Row for CommitEntry {
    fn id(&self) -> u64 {
        self.sequence_id
    }

    fn weight(&self) -> usize {
        ROW_OVERHEAD + self.entry.len() + self.signature.len()
    }
}

impl<R: Row> Row for Arc<R> {
    fn id(&self) -> u64 {
        (**self).id()
    }

    fn weight(&self) -> usize {
        (**self).weight()
    }
}

/// Which rows of one topic are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) order: Order,
    /// The last row that the caller has, which is not repeated; 0 for none.
    pub(crate) cursor: u64,
    /// Most rows.
    pub(crate) rows: usize,
    /// Most bytes; one row is given whatever it weighs.
    pub(crate) bytes: usize,
}

/// Oldest or newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows<R> {
    pub(crate) rows: Vec<R>,
    /// Why it ends.
    pub(crate) end: End,
}

/// Why a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// There are no more rows.
    Exhausted,
    /// It has as many rows as were asked for.
    Rows,
    /// Another row would exceed its bytes.
    Bytes,
}

/// Rows for which a page has room from the start.
const ROOM: usize = 100;

/// Collects a page from rows in order. Asks for no row that would not be in it.
pub(crate) fn collect<R: Row, E>(page: Page, rows: impl Iterator<Item = Result<R, E>>) -> Result<Rows<R>, E> {
    let mut taken = Vec::with_capacity(page.rows.min(ROOM));
    let mut bytes = 0_usize;
    for row in rows.take(page.rows) {
        let row = row?;
        bytes = bytes.saturating_add(row.weight());
        if bytes > page.bytes && !taken.is_empty() {
            return Ok(Rows {
                rows: taken,
                end: End::Bytes,
            });
        }
        taken.push(row);
    }
    let end = if taken.len() >= page.rows {
        End::Rows
    } else {
        End::Exhausted
    };
    Ok(Rows { rows: taken, end })
}

/// Rows of several topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History<R> {
    /// In the order of the topics, oldest first within each.
    pub(crate) rows: Vec<R>,
    /// Topics, from the first of the question on, of which every row was read.
    pub(crate) finished: usize,
}

/// Reads topic after topic, each after its own cursor, until the limits are reached.
pub(crate) fn gather<K, R: Row, E>(
    after: &[(K, u64)],
    rows: usize,
    bytes: usize,
    mut read: impl FnMut(&K, Page) -> Result<Rows<R>, E>,
) -> Result<History<R>, E> {
    let mut history = History {
        rows: Vec::new(),
        finished: 0,
    };
    let mut weight = 0_usize;
    for (key, cursor) in after {
        let page = Page {
            order: Order::Ascending,
            cursor: *cursor,
            rows: rows.saturating_sub(history.rows.len()),
            bytes: bytes.saturating_sub(weight),
        };
        if page.rows == 0 || page.bytes == 0 {
            break;
        }
        let mut part = read(key, page)?;
        weight = part.rows.iter().map(Row::weight).fold(weight, usize::saturating_add);
        history.rows.append(&mut part.rows);
        if part.end != End::Exhausted {
            break;
        }
        history.finished += 1;
    }
    Ok(history)
}
