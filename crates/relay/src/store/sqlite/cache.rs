//! Counters of mailboxes and lanes, in memory between two commits.
//!
//! Every message changes three counters twice. The writer is the only one that changes them, so it keeps them here and
//! writes what a batch changed once, just before its commit. Steps that change the same rows by SQL hand the cache over
//! first ([`Cache::hand_over`]); after them it begins empty.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::Ulid;
use chancery_identity::AgentDid;
use chancery_store::{
    BatchHook, StoreError,
    rusqlite::{self, Connection, OptionalExtension as _, params},
};

use super::rows::{Numbered, Rows};
use crate::store::{Epoch, LaneId, Refusal};

/// Entries beyond which the cache is emptied at the next commit: some 20 MiB.
const MAX_ENTRIES: usize = 100_000;

/// An agent and its mailbox's counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agent {
    pub(super) id: i64,
    pub(super) revoked: bool,
    pub(super) ait_jti: Option<Ulid>,
    pub(super) epoch: Epoch,
    pub(super) next_position: i64,
    pub(super) depth: u64,
    changed: bool,
}

/// What the owner of a mailbox thinks of a sender, and how much of the mailbox the sender fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) paired: bool,
    pub(super) blocked: bool,
    pub(super) muted: bool,
    pub(super) waiting: u64,
    changed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    id: LaneId,
    next_seq: i64,
    changed: bool,
}

#[derive(Default)]
struct Changed {
    agents: Vec<AgentDid>,
    peers: Vec<(i64, i64)>,
    lanes: Vec<((i64, i64), String)>,
}

/// The cache. Owned by the writer's thread; behind a lock only because the commit's hook has it too.
#[derive(Default)]
pub(super) struct Cache {
    agents: HashMap<AgentDid, Agent>,
    /// (owner of the mailbox, sender).
    peers: Numbered<(i64, i64), Peer>,
    lanes: Numbered<(i64, i64), HashMap<String, Lane>>,
    lane_count: usize,
    rows: Rows,
    /// What is to be written: a commit looks at what its batch changed, and not at all that is cached.
    changed: Changed,
    /// What was read in this step: it may have been made in it, and go with it.
    read_agents: Vec<AgentDid>,
    read_peers: Vec<(i64, i64)>,
    /// SQL has the truth until the step is over.
    handed_over: bool,
    /// The running step has written the noted rows.
    rows_written: bool,
    /// A step failed half way: the batch must not be committed.
    broken: bool,
    /// A step is running. One that panics never ends, and nobody knows what it left here.
    running: bool,
}

impl Cache {
    pub(super) fn agent(&mut self, connection: &Connection, did: &AgentDid) -> rusqlite::Result<Option<Agent>> {
        if let Some(agent) = self.agents.get(did) {
            return Ok(Some(*agent));
        }
        let agent = connection
            .prepare_cached(
                "SELECT id, revoked_at IS NOT NULL, ait_jti, epoch, next_position, depth FROM agents WHERE did = ?1",
            )?
            .query_row([did.as_str()], |row| {
                Ok(Agent {
                    id: row.get(0)?,
                    revoked: row.get(1)?,
                    ait_jti: row.get::<_, Option<[u8; 16]>>(2)?.map(Ulid::from_bytes),
                    epoch: row.get(3)?,
                    next_position: row.get(4)?,
                    depth: row.get(5)?,
                    changed: false,
                })
            })
            .optional()?;
        if let Some(agent) = agent {
            self.agents.insert(did.clone(), agent);
            self.read_agents.push(did.clone());
        }
        Ok(agent)
    }

    pub(super) fn peer(&mut self, connection: &Connection, owner: i64, peer: i64) -> rusqlite::Result<Option<Peer>> {
        if let Some(found) = self.peers.get(&(owner, peer)) {
            return Ok(Some(*found));
        }
        let found = connection
            .prepare_cached(
                "SELECT paired_at IS NOT NULL, blocked, muted, waiting FROM peers WHERE owner = ?1 AND peer = ?2",
            )?
            .query_row([owner, peer], |row| {
                Ok(Peer {
                    paired: row.get(0)?,
                    blocked: row.get(1)?,
                    muted: row.get(2)?,
                    waiting: row.get(3)?,
                    changed: false,
                })
            })
            .optional()?;
        if let Some(found) = found {
            self.peers.insert((owner, peer), found);
            self.read_peers.push((owner, peer));
        }
        Ok(found)
    }

    /// The lane's number and the next position in it; the lane is made when it is new.
    pub(super) fn lane(
        &mut self,
        connection: &Connection,
        (owner, peer): (i64, i64),
        conversation: &str,
    ) -> rusqlite::Result<(LaneId, i64)> {
        let lanes = self.lanes.entry((owner, peer)).or_default();
        if let Some(lane) = lanes.get(conversation) {
            return Ok((lane.id, lane.next_seq));
        }
        let found: Option<(LaneId, i64)> = connection
            .prepare_cached(
                "SELECT id, next_seq FROM lanes WHERE recipient = ?1 AND sender = ?2 AND conversation = ?3",
            )?
            .query_row(params![owner, peer, conversation], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (id, next_seq) = match found {
            Some(found) => found,
            None => make_lane(connection, (owner, peer), conversation)?,
        };
        lanes.insert(
            conversation.to_owned(),
            Lane {
                id,
                next_seq,
                changed: false,
            },
        );
        self.lane_count += 1;
        Ok((id, next_seq))
    }

    /// The next position in a lane, when it is known here: what SQL says may be older.
    pub(super) fn next_in_lane(&self, pair: (i64, i64), conversation: &str) -> Option<i64> {
        Some(self.lanes.get(&pair)?.get(conversation)?.next_seq)
    }

    /// The lane is deleted.
    pub(super) fn forget_lane(&mut self, pair: (i64, i64), conversation: &str) {
        if let Some(lanes) = self.lanes.get_mut(&pair) {
            self.lane_count -= usize::from(lanes.remove(conversation).is_some());
            if lanes.is_empty() {
                self.lanes.remove(&pair);
            }
        }
    }

    /// The sender's identity token was kept.
    pub(super) fn ait_kept(&mut self, did: &AgentDid, jti: Ulid) {
        if let Some(agent) = self.agents.get_mut(did) {
            agent.ait_jti = Some(jti);
        }
    }

    /// A message was put into the mailbox of `recipient`.
    pub(super) fn accepted(&mut self, recipient: &AgentDid, pair: (i64, i64), conversation: &str) {
        if let Some(agent) = self.agents.get_mut(recipient) {
            agent.next_position += 1;
            agent.depth += 1;
            if !std::mem::replace(&mut agent.changed, true) {
                self.changed.agents.push(recipient.clone());
            }
        }
        if let Some(peer) = self.peers.get_mut(&pair) {
            peer.waiting += 1;
            if !std::mem::replace(&mut peer.changed, true) {
                self.changed.peers.push(pair);
            }
        }
        if let Some(lane) = self.lanes.get_mut(&pair).and_then(|lanes| lanes.get_mut(conversation)) {
            lane.next_seq += 1;
            if !std::mem::replace(&mut lane.changed, true) {
                self.changed.lanes.push((pair, conversation.to_owned()));
            }
        }
    }

    /// A message left the mailbox of `recipient`.
    pub(super) fn settled(&mut self, recipient: &AgentDid, pair: (i64, i64)) {
        if let Some(agent) = self.agents.get_mut(recipient) {
            agent.depth = agent.depth.saturating_sub(1);
            if !std::mem::replace(&mut agent.changed, true) {
                self.changed.agents.push(recipient.clone());
            }
        }
        if let Some(peer) = self.peers.get_mut(&pair) {
            peer.waiting = peer.waiting.saturating_sub(1);
            if !std::mem::replace(&mut peer.changed, true) {
                self.changed.peers.push(pair);
            }
        }
    }

    /// What is noted of rows.
    pub(super) fn rows(&mut self) -> &mut Rows {
        &mut self.rows
    }

    /// Writes the noted rows for a step that looks at them by SQL.
    pub(super) fn write_rows(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.rows_written = true;
        self.rows.write(connection)
    }

    /// Writes all counters, and leaves the truth to SQL until the step is over.
    pub(super) fn hand_over(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.handed_over {
            self.write(connection)?;
            self.handed_over = true;
        }
        Ok(())
    }

    /// A step begins.
    pub(super) fn step_began(&mut self) {
        self.broken |= self.running;
        self.running = true;
    }

    /// The step is over.
    pub(super) fn step_ended<T>(&mut self, outcome: &Result<T, Refusal>) {
        self.running = false;
        let handed_over = std::mem::take(&mut self.handed_over);
        let rows_written = std::mem::take(&mut self.rows_written);
        match outcome {
            Ok(_) => {
                if rows_written {
                    self.rows.written();
                }
                if handed_over {
                    self.clear();
                }
            }
            Err(Refusal::Store(_)) => self.broken = true,
            // what the step wrote is taken back with its savepoint: what was here before is right, and still to be written
            Err(_) => {
                for did in self.read_agents.drain(..) {
                    self.agents.remove(&did);
                }
                for pair in self.read_peers.drain(..) {
                    self.peers.remove(&pair);
                }
            }
        }
        self.read_agents.clear();
        self.read_peers.clear();
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Changed { agents, peers, lanes } = &self.changed;
        let mut statement =
            connection.prepare_cached("UPDATE agents SET next_position = ?2, depth = ?3 WHERE id = ?1")?;
        for agent in agents.iter().filter_map(|did| self.agents.get(did)) {
            statement.execute(params![agent.id, agent.next_position, agent.depth])?;
        }
        let mut statement =
            connection.prepare_cached("UPDATE peers SET waiting = ?3 WHERE owner = ?1 AND peer = ?2")?;
        for ((owner, id), peer) in peers.iter().filter_map(|pair| Some((pair, self.peers.get(pair)?))) {
            statement.execute(params![owner, id, peer.waiting])?;
        }
        let mut statement = connection.prepare_cached("UPDATE lanes SET next_seq = ?2 WHERE id = ?1")?;
        for lane in lanes.iter().filter_map(|(pair, name)| self.lanes.get(pair)?.get(name)) {
            statement.execute(params![lane.id, lane.next_seq])?;
        }
        Ok(())
    }

    fn all_written(&mut self) {
        let Changed { agents, peers, lanes } = std::mem::take(&mut self.changed);
        for did in agents {
            if let Some(agent) = self.agents.get_mut(&did) {
                agent.changed = false;
            }
        }
        for pair in peers {
            if let Some(peer) = self.peers.get_mut(&pair) {
                peer.changed = false;
            }
        }
        for (pair, name) in lanes {
            if let Some(lane) = self.lanes.get_mut(&pair).and_then(|lanes| lanes.get_mut(&name)) {
                lane.changed = false;
            }
        }
        self.rows.written();
        if self.agents.len() + self.peers.len() + self.lane_count + self.rows.len() > MAX_ENTRIES {
            self.clear();
        }
    }

    fn clear(&mut self) {
        *self = Self {
            broken: self.broken,
            ..Self::default()
        };
    }
}

/// A new lane: its number, which no lane ever had, and its first position, which none of its messages ever had.
fn make_lane(
    connection: &Connection,
    (owner, peer): (i64, i64),
    conversation: &str,
) -> rusqlite::Result<(LaneId, i64)> {
    let base: Option<i64> = connection
        .prepare_cached("SELECT lane_base FROM peers WHERE owner = ?1 AND peer = ?2")?
        .query_row([owner, peer], |row| row.get(0))
        .optional()?;
    let first = base.unwrap_or(0) + 1;
    connection
        .prepare_cached(
            "INSERT INTO lanes (id, recipient, sender, conversation, next_seq)
             VALUES (1 + max((SELECT last FROM lane_ids WHERE id = 1), (SELECT coalesce(max(id), 0) FROM lanes)),
                     ?1, ?2, ?3, ?4)",
        )?
        .execute(params![owner, peer, conversation, first])?;
    Ok((connection.last_insert_rowid(), first))
}

/// The cache as the steps and the commit's hook share it.
#[derive(Clone, Default)]
pub(super) struct SharedCache(Arc<Mutex<Cache>>);

impl SharedCache {
    pub(super) fn lock(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatchHook for SharedCache {
    fn before_commit(&mut self, tx: &Connection) -> Result<(), StoreError> {
        let mut cache = self.lock();
        if cache.broken || cache.running {
            return Err(StoreError::BatchLost);
        }
        cache.rows.write(tx)?;
        cache.write(tx)?;
        cache.all_written();
        Ok(())
    }

    fn rolled_back(&mut self) {
        *self.lock() = Cache::default();
    }
}
