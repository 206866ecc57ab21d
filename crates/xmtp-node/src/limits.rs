//! Every limit, with its reason. Those that somebody may want to set are fields of [`Limits`](crate::Limits).

use std::time::Duration;

/// Largest gRPC message in either direction, in bytes: what official clients send and take (xmtp spec 2.3.10).
pub(crate) const MAX_GRPC_MESSAGE: usize = 25 << 20;
/// Most payload of one answer or page, in bytes: leaves room below [`MAX_GRPC_MESSAGE`] for what protobuf adds.
pub(crate) const MAX_ANSWER: usize = 24 << 20;
/// Payload of an answer up to which it counts as small, in bytes: a page of ordinary messages. A larger one takes one of a
/// few places, so that many at once do not fill the memory.
pub(crate) const SMALL_ANSWER: usize = 256 << 10;
/// Larger answers that are held at once.
pub(crate) const LARGE_ANSWERS: usize = 8;

/// Largest group message, in bytes. Official clients put up to 1 MiB of attachment into a message; a commit that adds 250
/// members with ten installations each, and the welcome to it, which holds the tree, stay below this too.
pub(crate) const MAX_MESSAGE: usize = 4 << 20;
/// Longest sender HMAC, in bytes: the output of any hash in use.
pub(crate) const MAX_HMAC: usize = 64;
/// Longest HPKE public key of a welcome, in bytes: an X-Wing key has 1,216.
pub(crate) const MAX_HPKE_KEY: usize = 4096;
/// Largest sealed metadata of a welcome, in bytes: it holds one number.
pub(crate) const MAX_WELCOME_METADATA: usize = 1024;
/// Most messages in one request. Official clients send one intent at a time, which is one message or two.
pub(crate) const MAX_MESSAGES: usize = 256;
/// Most welcomes in one request: a group of 250 members with ten installations each, added at once.
pub(crate) const MAX_WELCOMES: usize = 4096;
/// Most installations whose key packages one request asks for, for the same group.
pub(crate) const MAX_FETCHED_KEY_PACKAGES: usize = 4096;
/// Most inboxes or identifiers in one request. Official clients ask for 50.
pub(crate) const MAX_INBOXES: usize = 1024;
/// Most groups of which one request asks for the newest message. Official clients ask for all of theirs at once.
pub(crate) const MAX_NEWEST: usize = 16_384;
/// Longest identifier, in bytes: a passkey of 256 bytes in hex digits.
pub(crate) const MAX_IDENTIFIER: usize = 512;

/// Most and usual rows of a page (xmtp spec 2.3.4).
pub(crate) const PAGE_ROWS: usize = 100;
/// Most entries in one publishing to commit logs (xmtp spec 2.3.10).
pub(crate) const MAX_COMMIT_ENTRIES: usize = 10;
/// Most groups in one query of commit logs (xmtp spec 2.3.10).
pub(crate) const MAX_COMMIT_QUERIES: usize = 20;
/// Bytes of one page of a commit log: with those of as many groups as one query has they are a small answer.
pub(crate) const COMMIT_LOG_BYTES: usize = SMALL_ANSWER / MAX_COMMIT_QUERIES;
/// Largest commit log entry, in bytes: it is a handful of hashes and numbers.
pub(crate) const MAX_COMMIT_ENTRY: usize = 16 << 10;
/// Largest identity update, in bytes: a passkey's signature with its client data takes 2 KiB, and an update has a few.
pub(crate) const MAX_IDENTITY_UPDATE: usize = 64 << 10;
/// Replayed identity logs that are kept: each up to a few hundred KiB.
pub(crate) const REPLAYED_LOGS: usize = 64;
/// Largest identity log, in bytes: 256 updates as official clients make them are half of this. Whoever asks for the logs of
/// 48 inboxes at once gets them all in one answer, however large their owners make them.
pub(crate) const MAX_IDENTITY_LOG: usize = 512 << 10;
/// Identity updates that are judged or wait for it: a quarter of [`REQUESTS_IN_FLIGHT`], so that a flood of them leaves the
/// rest to messages. With as many signatures as they may have they take half a minute of one core.
pub(crate) const MAX_JUDGED: usize = 256;
/// Lines that updates of one inbox wait in, one after the other, spread over the inboxes.
pub(crate) const INBOX_LINES: usize = 256;
/// How often an identity update is validated anew because another one of its inbox came first.
pub(crate) const UPDATE_ATTEMPTS: usize = 8;

/// Most filters of one subscription: an agent in twenty thousand groups. Each costs some 150 bytes.
pub(crate) const MAX_FILTERS: usize = 20_000;
/// Most filters of all open subscriptions.
pub(crate) const MAX_ALL_FILTERS: usize = 1_000_000;
/// Most messages that wait for one stream's reader. Whoever falls further behind is sent away and comes back with a cursor.
pub(crate) const MAX_QUEUED: usize = 4096;
/// Most bytes that wait for one stream's reader.
pub(crate) const MAX_QUEUED_BYTES: usize = 8 << 20;
/// Bytes that wait for the readers of all streams, each message counted once.
pub(crate) const MAX_ALL_QUEUED_BYTES: usize = 256 << 20;
/// Largest request for a subscription, in bytes: as many filters as there may be, twice over.
pub(crate) const MAX_SUBSCRIPTION: usize = 2 << 20;
/// Rows that one reading of history takes: a page.
pub(crate) const HISTORY_ROWS: usize = PAGE_ROWS;
/// Bytes that one reading of history takes: what a stream holds whose client does not read.
pub(crate) const HISTORY_BYTES: usize = 64 << 10;
/// Topics that one reading of history looks at: short enough that nobody waits for a reader for long.
pub(crate) const HISTORY_TOPICS: usize = 512;

/// Open connections: a client opens one, which may hold some hundred KiB that nobody has read.
pub(crate) const CONNECTIONS: usize = 4096;
/// Open streams of one address. All clients of one machine have one address on loopback.
pub(crate) const STREAMS_PER_ADDRESS: usize = 4096;
/// Requests of one address in a second, for the same reason far above what any client does by itself.
pub(crate) const REQUESTS_PER_SECOND: u32 = 10_000;
/// Addresses whose requests are counted.
pub(crate) const COUNTED_ADDRESSES: usize = 65_536;
/// Requests that are under way at once, open streams not counted. Each may hold [`SMALL_REQUEST`] and [`SMALL_ANSWER`] bytes.
pub(crate) const REQUESTS_IN_FLIGHT: usize = 1024;
/// Size up to which a request counts as small, in bytes: an ordinary message. A larger one waits for room.
pub(crate) const SMALL_REQUEST: usize = 64 << 10;
/// Bytes of larger requests that are held at once: five of the largest.
pub(crate) const LARGE_REQUEST_BYTES: usize = 128 << 20;
/// How long a request may take to arrive and be answered. Far beyond what an fsync takes on a slow disk.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to read an answer, before its connection is cut.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
