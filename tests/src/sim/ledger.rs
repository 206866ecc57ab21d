//! The book of everything that was promised, and what became of it. Checks are made as things happen.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_base::Ulid;
use chancery_identity::AgentDid;
use chancery_relay::store::Row;
use chancery_relay_wire::relay::DeliveryState;
use tokio::time::Instant;

use super::{
    stage::Handed,
    violation::{Kind, Violation},
};

/// (sender, message id).
pub(super) type Key = (usize, String);
/// (sender, recipient, conversation).
pub(super) type LaneKey = (usize, usize, Option<String>);

/// How long a revocation may take to act.
pub(super) const REVOKED_WITHIN: Duration = Duration::from_secs(1);
/// More violations than this say nothing new.
const MAX_VIOLATIONS: usize = 50;

pub(super) struct Ledger {
    begun: Instant,
    pub(super) dids: Vec<AgentDid>,
    /// Silence of the feed after which nothing may be accepted.
    pub(super) stale_after: Duration,
    book: Mutex<Book>,
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) messages: BTreeMap<Key, Message>,
    pub(super) lanes: BTreeMap<LaneKey, LaneBook>,
    /// Messages that the relay's store holds or held.
    stored: BTreeSet<Key>,
    seen: BTreeSet<Ulid>,
    /// Messages that the relay gave up, with its reason.
    pub(super) buried: BTreeMap<Key, String>,
    last_row: i64,
    positions: BTreeMap<AgentDid, i64>,
    lane_positions: BTreeMap<i64, i64>,
    /// The last number in each conversation. The relay forgets a lane with its last message, and makes it anew when the
    /// conversation goes on: the numbers then go on above it.
    conversations: BTreeMap<LaneKey, i64>,
    nonces: BTreeSet<String>,
    /// The relay's lives.
    life: Life,
    handed: Vec<(Handed, bool)>,
    pub(super) violations: Vec<Violation>,
}

#[derive(Default)]
struct Life {
    number: u64,
    /// When the relay was last told anything of revocations.
    heard: Option<Instant>,
}

/// A message, from its sender's point of view and its recipient's.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) to: usize,
    pub(super) lane: Option<String>,
    /// Place in its lane.
    pub(super) order: u64,
    pub(super) payload: String,
    pub(super) content_type: Option<String>,
    /// Sent through a connector, which signs.
    pub(super) signed: bool,
    /// Whoever sent it was told that it is taken.
    pub(super) acknowledged: bool,
    /// Requests that reached the webhook.
    pub(super) arrivals: u32,
    /// Those among them that had an effect there.
    pub(super) effects: u32,
    /// Attempts that ended without an answer that was recorded.
    pub(super) cut_off: u32,
    /// The owner let it go again after its lane went on.
    pub(super) out_of_line: bool,
    pub(super) delivery: Option<Ulid>,
}

#[derive(Debug, Default)]
pub(super) struct LaneBook {
    last_order: u64,
    /// Highest place that had an effect.
    pub(super) delivered: u64,
    /// Numbers that the relay gave.
    pub(super) numbers: BTreeMap<u64, Key>,
}

impl Ledger {
    pub(super) fn new(begun: Instant, dids: Vec<AgentDid>, stale_after: Duration) -> Self {
        Self {
            begun,
            dids,
            stale_after,
            book: Mutex::default(),
        }
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn agent(&self, did: &AgentDid) -> usize {
        self.dids
            .iter()
            .position(|known| known == did)
            .expect("an agent of ours")
    }

    pub(super) fn flag(&self, book: &mut Book, kind: Kind, what: String) {
        if book.violations.len() < MAX_VIOLATIONS {
            let at_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            book.violations.push(Violation { kind, at_ms, what });
        }
    }

    /// Something that does not hold.
    pub(super) fn complain(&self, kind: Kind, what: String) {
        self.flag(&mut self.book(), kind, what);
    }

    // --- what is sent -----------------------------------------------------------------------------------------------

    /// A message is about to be handed in.
    pub(super) fn sends(&self, key: Key, to: usize, lane: Option<String>, payload: String, signed: bool) {
        let mut book = self.book();
        let lane_key = (key.0, to, lane.clone());
        let lane_book = book.lanes.entry(lane_key).or_default();
        lane_book.last_order += 1;
        let order = lane_book.last_order;
        let message = Message {
            to,
            lane,
            order,
            payload,
            content_type: None,
            signed,
            acknowledged: false,
            arrivals: 0,
            effects: 0,
            cut_off: 0,
            out_of_line: false,
            delivery: None,
        };
        book.messages.insert(key, message);
    }

    /// Its sender was told that it is taken.
    pub(super) fn acknowledged(&self, key: &Key) {
        if let Some(message) = self.book().messages.get_mut(key) {
            message.acknowledged = true;
        }
    }

    /// Its sender was told that it is not taken: it does not count.
    pub(super) fn refused(&self, key: &Key) {
        self.book().messages.remove(key);
    }

    /// An attempt at the webhook ended, and what it said is not recorded.
    pub(super) fn cut_off(&self, key: &Key) {
        if let Some(message) = self.book().messages.get_mut(key) {
            message.cut_off += 1;
        }
    }

    /// The owner lets a message go again.
    pub(super) fn out_of_line(&self, key: &Key) {
        if let Some(message) = self.book().messages.get_mut(key) {
            message.out_of_line = true;
        }
    }

    // --- the relay's life -------------------------------------------------------------------------------------------

    pub(super) fn relay_begins(&self, life: u64) {
        self.book().life = Life {
            number: life,
            heard: None,
        };
    }

    pub(super) fn relay_ends(&self) {
        let mut book = self.book();
        let life = book.life.number;
        for (handed, lasting) in &mut book.handed {
            // what it was told long enough ago it has written down
            *lasting |= handed.life == life && handed.at.elapsed() >= REVOKED_WITHIN;
        }
    }

    /// The relay was handed something by the feed.
    pub(super) fn heard(&self, life: u64) {
        let mut book = self.book();
        if book.life.number == life {
            book.life.heard = Some(Instant::now());
        }
    }

    pub(super) fn handed(&self, handed: Handed) {
        self.book().handed.push((handed, false));
    }

    /// A connector was admitted on this proof.
    pub(super) fn admitted(&self, agent: usize, nonce: &str) {
        let mut book = self.book();
        if !book.nonces.insert(format!("{agent} {nonce}")) {
            self.flag(
                &mut book,
                Kind::ProofTwice,
                format!("agent {agent} was admitted twice on {nonce}"),
            );
        }
        if book.revoked(agent) {
            self.flag(&mut book, Kind::Revoked, format!("agent {agent} was admitted"));
        }
    }

    /// Notes what the relay has given up: it forgets it after a while.
    pub(super) fn note_buried(&self, rows: &[Row]) {
        let mut book = self.book();
        for row in rows.iter().filter(|row| row.state == DeliveryState::DeadLettered) {
            if let Some(reason) = &row.reason {
                let key = (self.agent(&row.message.sender), row.message.message_id.clone());
                book.buried.insert(key, reason.clone());
            }
        }
    }

    /// Looks at what is new in the relay's store.
    pub(super) fn look(&self, rows: &dyn Fn(i64) -> Vec<Row>) {
        let mut book = self.book();
        for row in rows(book.last_row) {
            book.last_row = row.seq;
            self.look_at(&mut book, row);
        }
    }

    /// The same, for what must be there: row numbers begin anew when the store has forgotten all that it had.
    pub(super) fn is_stored(&self, key: &Key, rows: &dyn Fn(i64) -> Vec<Row>) -> bool {
        self.look(rows);
        if !self.book().stored.contains(key) {
            self.book().last_row = 0;
            self.look(rows);
        }
        self.book().stored.contains(key)
    }

    fn look_at(&self, book: &mut Book, row: Row) {
        if !book.seen.insert(row.delivery_id) {
            return;
        }
        let message = &row.message;
        let key = (self.agent(&message.sender), message.message_id.clone());
        let last = book.positions.get(&message.recipient).copied().unwrap_or(0);
        let due = last + 1;
        book.positions.insert(message.recipient.clone(), row.position);
        let in_lane = book.lane_positions.insert(row.lane, row.lane_seq);
        let conversation = (key.0, self.agent(&message.recipient), message.conversation.clone());
        let before = book.conversations.insert(conversation, row.lane_seq).unwrap_or(0);
        let follows = in_lane.map_or(row.lane_seq > before, |last| row.lane_seq == last + 1);
        if row.position != due || !follows {
            let what = format!(
                "{key:?} has position {} instead of {due}, or lane number {} after {in_lane:?} and {before}",
                row.position, row.lane_seq
            );
            self.flag(book, Kind::Position, what);
        }
        match book.messages.get(&key) {
            Some(known) if known.payload.as_bytes() == &*message.payload => {}
            _ => {
                let what = format!("{key:?} was stored otherwise than it was sent");
                self.flag(book, Kind::Altered, what);
            }
        }
        book.stored.insert(key);
    }
}

impl Book {
    /// Whether the relay must have acted on the revocation of `agent` by now.
    pub(super) fn revoked(&self, agent: usize) -> bool {
        use chancery_identity::revocation::Scope;
        self.handed.iter().any(|(handed, lasting)| {
            let known = *lasting || handed.life == self.life.number && handed.at.elapsed() > REVOKED_WITHIN;
            handed.agent == agent && handed.scope == Scope::Agent && known
        })
    }

    /// Whether the relay must have noticed by now that it hears nothing.
    pub(super) fn stale(&self, after: Duration) -> bool {
        let grace = Duration::from_secs(1);
        self.life.heard.is_none_or(|at| at.elapsed() > after + grace)
    }
}
