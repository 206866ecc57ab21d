//! The store in memory: the oracle for the other one. It is deterministic: ordered maps only, no time, no threads.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use serde_json::value::RawValue;

use super::*;
use crate::ports::Verified;

/// Shared by all clones of a [`Store`](super::Store).
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryStore(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last_outbound: i64,
    outbound: BTreeMap<Ulid, OutRow>,
    last_inbound: i64,
    inbound: BTreeMap<Ulid, InRow>,
    /// Positions of inbound messages, in order.
    order: BTreeMap<i64, Ulid>,
    by_message: BTreeMap<(AgentDid, String), Ulid>,
    last_receipt: i64,
    receipts: BTreeMap<i64, (Ulid, OutReceipt)>,
    peers: BTreeMap<AgentDid, PeerRecord>,
}

#[derive(Debug)]
struct OutRow {
    seq: i64,
    message: Outbound,
    /// Gone once the relay has it.
    has_payload: bool,
    digest: String,
    state: OutboundState,
    reason: Option<String>,
    verified: Option<Verified>,
    refusals: u32,
    updated: Millis,
}

#[derive(Debug)]
struct InRow {
    seq: i64,
    message: Inbound,
    bytes: u64,
    hash: String,
    state: InboundState,
    attempts: u32,
    tries: u32,
    refusals: u32,
    since: Millis,
    next_attempt: Millis,
    last_attempt: Option<Millis>,
    last_error: Option<String>,
    changed: Millis,
}

impl OutRow {
    fn forget_payload(&mut self) {
        self.has_payload = false;
        self.message.payload = RawValue::NULL.to_owned();
    }

    fn view(&self) -> OutboundView {
        OutboundView {
            message_id: self.message.id,
            to_agent_did: self.message.to.clone(),
            conversation_id: self.message.conversation_id.clone(),
            state: self.state,
            reason: self.reason.clone(),
            verified: self.verified,
            refusals: self.refusals,
            created_at_ms: self.message.created,
            updated_at_ms: self.updated,
        }
    }
}

impl InRow {
    fn kept(&self) -> bool {
        !matches!(self.state, InboundState::Delivered | InboundState::Purged)
    }

    fn forget_payload(&mut self) {
        self.message.payload = RawValue::NULL.to_owned();
    }

    fn waiting(&self) -> WaitingInbound {
        WaitingInbound {
            seq: self.seq,
            id: self.message.id,
            from: self.message.from.clone(),
            conversation_id: self.message.conversation_id.clone(),
            next_attempt: self.next_attempt,
        }
    }

    fn view(&self) -> InboundView {
        InboundView {
            request_id: self.message.id,
            message_id: self.message.message_id.clone(),
            from_agent_did: self.message.from.clone(),
            to_agent_did: self.message.to.clone(),
            payload_bytes: self.bytes,
            conversation_id: self.message.conversation_id.clone(),
            verified: self.message.verified,
            attempt_count: self.attempts,
            received_at_ms: self.message.received,
            last_attempt_at_ms: self.last_attempt,
            last_error: self.last_error.clone(),
            state: self.state,
            state_changed_at_ms: self.changed,
        }
    }
}

impl State {
    fn in_state(&mut self, id: Ulid, state: InboundState) -> Option<&mut InRow> {
        self.inbound.get_mut(&id).filter(|row| row.state == state)
    }

    /// Ids in `state`, in order: all, or those that are asked for.
    fn selected(&self, state: InboundState, ids: Option<&[Ulid]>) -> Vec<Ulid> {
        let wanted = |id: &Ulid| ids.is_none_or(|ids| ids.contains(id));
        let holds = |id: &Ulid| self.inbound.get(id).is_some_and(|row| row.state == state);
        self.order
            .values()
            .copied()
            .filter(|id| wanted(id) && holds(id))
            .collect()
    }

    fn put_receipt(&mut self, delivery: Ulid, receipt: Option<OutReceipt>) {
        let Some(receipt) = receipt else { return };
        self.receipts.retain(|_, (of, _)| *of != delivery);
        self.last_receipt += 1;
        self.receipts.insert(self.last_receipt, (delivery, receipt));
    }

    fn rows(&self) -> impl Iterator<Item = &InRow> {
        self.order.values().filter_map(|id| self.inbound.get(id))
    }
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn accept_outbound(&self, message: Outbound, limit: u64) -> AcceptedOutbound {
        let mut state = self.state();
        let digest = message.digest();
        if let Some(row) = state.outbound.get(&message.id) {
            return if row.digest == digest {
                AcceptedOutbound::Repeat
            } else {
                AcceptedOutbound::Conflict
            };
        }
        let queued = state
            .outbound
            .values()
            .filter(|row| row.state == OutboundState::Queued)
            .count();
        if queued as u64 >= limit {
            return AcceptedOutbound::Full;
        }
        state.last_outbound += 1;
        let seq = state.last_outbound;
        let row = OutRow {
            seq,
            digest,
            has_payload: true,
            state: OutboundState::Queued,
            reason: None,
            verified: None,
            refusals: 0,
            updated: message.created,
            message,
        };
        state.outbound.insert(row.message.id, row);
        AcceptedOutbound::Stored(seq)
    }

    pub(crate) fn queued_outbound(&self) -> Vec<QueuedOutbound> {
        let state = self.state();
        let mut queued: Vec<_> = state
            .outbound
            .values()
            .filter(|row| row.state == OutboundState::Queued)
            .map(|row| QueuedOutbound {
                seq: row.seq,
                id: row.message.id,
                to: row.message.to.clone(),
                conversation_id: row.message.conversation_id.clone(),
                created: row.message.created,
            })
            .collect();
        queued.sort_unstable_by_key(|entry| entry.seq);
        queued
    }

    pub(crate) fn load_outbound(&self, ids: Vec<Ulid>) -> Vec<Outbound> {
        let state = self.state();
        ids.iter()
            .filter_map(|id| state.outbound.get(id))
            .filter(|row| row.state == OutboundState::Queued && row.has_payload)
            .map(|row| row.message.clone())
            .collect()
    }

    pub(crate) fn outbound_accepted(&self, id: Ulid, now: Millis) -> bool {
        let mut state = self.state();
        let Some(row) = state
            .outbound
            .get_mut(&id)
            .filter(|row| row.state == OutboundState::Queued)
        else {
            return false;
        };
        row.state = OutboundState::Accepted;
        row.reason = None;
        row.updated = now;
        row.forget_payload();
        true
    }

    pub(crate) fn outbound_refused(&self, id: Ulid, reason: String, now: Millis) -> u32 {
        let mut state = self.state();
        let Some(row) = state
            .outbound
            .get_mut(&id)
            .filter(|row| row.state == OutboundState::Queued)
        else {
            return 0;
        };
        row.refusals += 1;
        row.reason = Some(reason);
        row.updated = now;
        row.refusals
    }

    pub(crate) fn outbound_dead(&self, id: Ulid, reason: String, now: Millis) -> bool {
        let mut state = self.state();
        let Some(row) = state
            .outbound
            .get_mut(&id)
            .filter(|row| row.state == OutboundState::Queued)
        else {
            return false;
        };
        row.state = OutboundState::DeadLettered;
        row.reason = Some(reason);
        row.updated = now;
        true
    }

    pub(crate) fn outbound_receipt(&self, receipt: InReceipt) -> ReceiptEffect {
        let mut state = self.state();
        let Some(row) = state
            .outbound
            .get_mut(&receipt.id)
            .filter(|row| row.message.to == receipt.by)
        else {
            return ReceiptEffect::Unknown;
        };
        let next = OutboundState::of(receipt.status);
        if !row.state.may_become(row.verified, next, receipt.verified) {
            return ReceiptEffect::Ignored;
        }
        let was_queued = row.state == OutboundState::Queued;
        row.state = next;
        row.reason = receipt.reason;
        row.verified = Some(receipt.verified);
        row.updated = receipt.now;
        row.forget_payload();
        ReceiptEffect::Recorded { was_queued }
    }

    pub(crate) fn outbound_view(&self, id: Ulid) -> Option<OutboundView> {
        self.state().outbound.get(&id).map(OutRow::view)
    }

    pub(crate) fn list_outbound(&self, wanted: OutboundState, limit: u32) -> (u64, Vec<OutboundView>) {
        let state = self.state();
        let mut rows: Vec<_> = state.outbound.values().filter(|row| row.state == wanted).collect();
        rows.sort_unstable_by_key(|row| row.seq);
        (
            rows.len() as u64,
            rows.into_iter().take(limit as usize).map(OutRow::view).collect(),
        )
    }

    pub(crate) fn accept_inbound(&self, message: Inbound, caps: Caps) -> AcceptedInbound {
        let mut state = self.state();
        let hash = message.payload_hash();
        let key = (message.from.clone(), message.message_id.clone());
        if let Some(row) = state.by_message.get(&key).and_then(|id| state.inbound.get(id)) {
            return if row.hash == hash {
                AcceptedInbound::Repeat
            } else {
                AcceptedInbound::Conflict
            };
        }
        if state.inbound.contains_key(&message.id) {
            return AcceptedInbound::Conflict;
        }
        let kept = state.inbound.values().filter(|row| row.kept());
        let (count, bytes) = kept.fold((0, 0), |(count, bytes), row| (count + 1, bytes + row.bytes));
        if count >= caps.messages {
            return AcceptedInbound::FullMessages;
        }
        if bytes + message.bytes() > caps.bytes {
            return AcceptedInbound::FullBytes;
        }
        state.last_inbound += 1;
        let seq = state.last_inbound;
        let id = message.id;
        let row = InRow {
            seq,
            bytes: message.bytes(),
            hash,
            state: InboundState::Pending,
            attempts: 0,
            tries: 0,
            refusals: 0,
            since: message.received,
            next_attempt: message.received,
            last_attempt: None,
            last_error: None,
            changed: message.received,
            message,
        };
        state.inbound.insert(id, row);
        state.order.insert(seq, id);
        state.by_message.insert(key, id);
        AcceptedInbound::Stored(seq)
    }

    pub(crate) fn recover(&self, redeliver: bool) -> Recovered {
        let mut state = self.state();
        let mut found = Recovered {
            redelivered: 0,
            held: 0,
        };
        for row in state
            .inbound
            .values_mut()
            .filter(|row| row.state == InboundState::Attempting)
        {
            if redeliver {
                row.state = InboundState::Pending;
                row.next_attempt = Millis(0);
                found.redelivered += 1;
            } else {
                row.state = InboundState::Held;
                row.last_error = Some(HELD_REASON.to_owned());
                found.held += 1;
            }
        }
        found
    }

    pub(crate) fn waiting_inbound(&self) -> Vec<WaitingInbound> {
        let state = self.state();
        state
            .rows()
            .filter(|row| row.state == InboundState::Pending)
            .map(InRow::waiting)
            .collect()
    }

    pub(crate) fn begin_attempt(&self, id: Ulid, now: Millis) -> Option<Attempt> {
        let mut state = self.state();
        let row = state.in_state(id, InboundState::Pending)?;
        row.state = InboundState::Attempting;
        row.attempts += 1;
        row.tries += 1;
        row.last_attempt = Some(now);
        row.changed = now;
        Some(Attempt {
            message: row.message.clone(),
            attempt: row.attempts,
            since: row.since,
            tries: row.tries,
            refusals: row.refusals,
        })
    }

    pub(crate) fn delivered(&self, id: Ulid, now: Millis, receipt: Option<OutReceipt>) -> bool {
        let mut state = self.state();
        let Some(row) = state.in_state(id, InboundState::Attempting) else {
            return false;
        };
        row.state = InboundState::Delivered;
        row.last_error = None;
        row.changed = now;
        row.forget_payload();
        state.put_receipt(id, receipt);
        true
    }

    pub(crate) fn attempt_failed(&self, id: Ulid, failure: AttemptFailure) -> bool {
        let mut state = self.state();
        let Some(row) = state.in_state(id, InboundState::Attempting) else {
            return false;
        };
        row.state = InboundState::Pending;
        row.refusals += u32::from(failure.refused);
        row.last_error = Some(failure.reason);
        row.next_attempt = failure.next_attempt;
        true
    }

    pub(crate) fn dead_letter(&self, id: Ulid, reason: String, now: Millis, receipt: Option<OutReceipt>) -> bool {
        let mut state = self.state();
        let Some(row) = state.in_state(id, InboundState::Attempting) else {
            return false;
        };
        row.state = InboundState::DeadLettered;
        row.last_error = Some(reason);
        row.changed = now;
        state.put_receipt(id, receipt);
        true
    }

    pub(crate) fn release_held(&self, ids: Option<Vec<Ulid>>, now: Millis) -> Vec<WaitingInbound> {
        let mut state = self.state();
        let ids = state.selected(InboundState::Held, ids.as_deref());
        let mut out = Vec::new();
        for id in ids {
            if let Some(row) = state.inbound.get_mut(&id) {
                row.state = InboundState::Pending;
                row.next_attempt = now;
                row.changed = now;
                out.push(row.waiting());
            }
        }
        out
    }

    pub(crate) fn replay_dead(&self, ids: Option<Vec<Ulid>>, now: Millis) -> Vec<WaitingInbound> {
        let mut state = self.state();
        let ids = state.selected(InboundState::DeadLettered, ids.as_deref());
        let mut out = Vec::new();
        for id in ids {
            if let Some(row) = state.inbound.get_mut(&id) {
                row.state = InboundState::Pending;
                row.tries = 0;
                row.refusals = 0;
                row.since = now;
                row.next_attempt = now;
                row.changed = now;
                out.push(row.waiting());
            }
        }
        out
    }

    pub(crate) fn purge_dead(&self, ids: Option<Vec<Ulid>>, now: Millis) -> u64 {
        let mut state = self.state();
        let ids = state.selected(InboundState::DeadLettered, ids.as_deref());
        for id in &ids {
            if let Some(row) = state.inbound.get_mut(id) {
                row.state = InboundState::Purged;
                row.changed = now;
                row.forget_payload();
            }
        }
        ids.len() as u64
    }

    pub(crate) fn list_inbound(&self, wanted: InboundState, limit: u32) -> (u64, Vec<InboundView>) {
        let state = self.state();
        let rows: Vec<_> = state.rows().filter(|row| row.state == wanted).collect();
        (
            rows.len() as u64,
            rows.into_iter().take(limit as usize).map(InRow::view).collect(),
        )
    }

    pub(crate) fn receipts_after(&self, after: i64, limit: u32) -> Vec<(i64, OutReceipt)> {
        let state = self.state();
        let behind = state.receipts.range(after.saturating_add(1)..);
        behind
            .take(limit as usize)
            .map(|(seq, (_, receipt))| (*seq, receipt.clone()))
            .collect()
    }

    pub(crate) fn receipt_acked(&self, frame: Ulid) -> bool {
        let mut state = self.state();
        let before = state.receipts.len();
        state.receipts.retain(|_, (_, receipt)| receipt.frame != frame);
        state.receipts.len() < before
    }

    pub(crate) fn remember_peer(&self, did: AgentDid, peer: PeerRecord) {
        self.state().peers.insert(did, peer);
    }

    pub(crate) fn peer(&self, did: AgentDid) -> Option<PeerRecord> {
        self.state().peers.get(&did).cloned()
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.state();
        let mut counts = Counts {
            receipts: state.receipts.len() as u64,
            ..Counts::default()
        };
        let mut oldest: Option<&OutRow> = None;
        for row in state.outbound.values() {
            match row.state {
                OutboundState::Queued => {
                    counts.outbound_queued += 1;
                    if oldest.is_none_or(|known| row.seq < known.seq) {
                        oldest = Some(row);
                    }
                }
                OutboundState::DeadLettered => counts.outbound_dead += 1,
                _ => {}
            }
        }
        counts.outbound_oldest = oldest.map(|row| row.message.created);
        for row in state.rows() {
            match row.state {
                InboundState::Pending => {
                    counts.pending += 1;
                    counts.pending_bytes += row.bytes;
                    counts.oldest_pending.get_or_insert(row.message.received);
                }
                InboundState::Attempting => counts.attempting += 1,
                InboundState::Held => counts.held += 1,
                InboundState::DeadLettered => {
                    counts.dead += 1;
                    counts.dead_bytes += row.bytes;
                    counts.oldest_dead.get_or_insert(row.changed);
                }
                _ => {}
            }
        }
        counts
    }

    pub(crate) fn prune(&self, before: Millis, receipts: u64) -> u64 {
        let mut state = self.state();
        let state = &mut *state;
        let total =
            |state: &State| state.outbound.len() + state.inbound.len() + state.receipts.len() + state.peers.len();
        let had = total(state);
        state
            .outbound
            .retain(|_, row| row.state == OutboundState::Queued || row.updated >= before);
        state.inbound.retain(|_, row| row.kept() || row.changed >= before);
        state.order.retain(|_, id| state.inbound.contains_key(id));
        state.by_message.retain(|_, id| state.inbound.contains_key(id));
        while state.receipts.len() as u64 > receipts {
            state.receipts.pop_first();
        }
        state.peers.retain(|_, peer| peer.expires >= before);
        (had - total(state)) as u64
    }
}
