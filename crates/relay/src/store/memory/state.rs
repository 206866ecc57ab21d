//! What is remembered, as plain maps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_identity::AgentDid;
use chancery_relay_wire::relay::DeliveryState;

use crate::store::{Buried, Epoch, Known, LaneId, NewMessage, NonceUse, Refusal, SenderAit, Seq, TicketRow};

/// Everything. Cloned before each step, so that a refused one has changed nothing; the maps of an oracle are small.
#[derive(Clone, Default)]
pub struct State {
    pub(super) agents: BTreeMap<AgentDid, Agent>,
    /// (owner of the mailbox, peer).
    pub(super) peers: BTreeMap<(AgentDid, AgentDid), Peer>,
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    /// The highest number that a lane ever had.
    pub(super) last_lane: LaneId,
    pub(super) deliveries: BTreeMap<Seq, Delivery>,
    pub(super) tickets: BTreeMap<Ulid, (TicketRow, Millis)>,
    pub(super) nonces: BTreeMap<(AgentDid, String), (NonceKind, Millis)>,
    pub(super) revoked_tokens: BTreeSet<Ulid>,
    pub(super) cursor: u64,
}

#[derive(Clone, Default)]
pub(super) struct Agent {
    pub(super) ait: Option<Arc<SenderAit>>,
    pub(super) epoch: Epoch,
    pub(super) last_position: i64,
    pub(super) revoked: bool,
}

#[derive(Clone, Default)]
pub(super) struct Peer {
    pub(super) paired: Option<(Millis, Ulid)>,
    pub(super) blocked: bool,
    pub(super) muted: bool,
    /// The highest position in any lane between the two that was forgotten.
    pub(super) lane_base: i64,
    pub(super) initiator_statement: Option<String>,
    pub(super) responder_statement: Option<String>,
}

#[derive(Clone)]
pub(super) struct Lane {
    pub(super) recipient: AgentDid,
    pub(super) sender: AgentDid,
    pub(super) conversation: String,
    pub(super) last_seq: i64,
}

#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) id: Ulid,
    pub(super) message: Arc<NewMessage>,
    pub(super) hash: [u8; 32],
    pub(super) lane: LaneId,
    pub(super) lane_seq: i64,
    pub(super) position: i64,
    pub(super) state: DeliveryState,
    pub(super) attempts: u32,
    pub(super) claimed: Epoch,
    pub(super) accepted_at: Millis,
    pub(super) updated_at: Millis,
    pub(super) reason: Option<String>,
    pub(super) receipt_at: Option<String>,
    pub(super) receipt_sig: Option<Signature>,
    pub(super) receipt_due: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NonceKind {
    Request,
    Connect,
}

impl State {
    /// Carries out `step`, or changes nothing.
    pub(super) fn atomically<S: Known>(&mut self, step: S) -> Result<S::Output, Refusal> {
        let before = self.clone();
        let outcome = step.on_memory(self);
        if outcome.is_err() {
            *self = before;
        }
        outcome
    }

    pub(super) fn agent(&mut self, did: &AgentDid) -> &mut Agent {
        self.agents.entry(did.clone()).or_default()
    }

    pub(super) fn is_revoked(&self, did: &AgentDid) -> bool {
        self.agents.get(did).is_some_and(|agent| agent.revoked)
    }

    pub(super) fn waiting<'a>(&'a self, recipient: &'a AgentDid) -> impl Iterator<Item = (&'a Seq, &'a Delivery)> {
        self.deliveries.iter().filter(move |(_, delivery)| {
            delivery.state == DeliveryState::Queued && delivery.message.recipient == *recipient
        })
    }

    pub(super) fn depth(&self, recipient: &AgentDid) -> u64 {
        self.waiting(recipient).count() as u64
    }

    pub(super) fn is_current(&self, recipient: &AgentDid, epoch: Epoch) -> bool {
        self.agents.get(recipient).is_some_and(|agent| agent.epoch == epoch)
    }

    pub(super) fn spend(&mut self, nonce: &NonceUse, kind: NonceKind, allow_reuse: bool) -> Result<(), Refusal> {
        self.agent(&nonce.agent);
        let key = (nonce.agent.clone(), nonce.nonce.clone());
        match self.nonces.get(&key) {
            Some((earlier, _)) if allow_reuse && *earlier == kind => Ok(()),
            Some(_) => Err(Refusal::Replay),
            None => {
                self.nonces.insert(key, (kind, nonce.remember_until));
                Ok(())
            }
        }
    }

    /// Makes what `which` selects of the waiting messages dead letters.
    pub(super) fn bury(&mut self, reason: &str, now: Millis, which: impl Fn(&Seq, &Delivery) -> bool) -> Buried {
        let mut buried = Buried::default();
        for (seq, delivery) in &mut self.deliveries {
            if delivery.state == DeliveryState::Queued && which(seq, delivery) {
                delivery.state = DeliveryState::DeadLettered;
                delivery.reason = Some(reason.to_owned());
                delivery.updated_at = now;
                delivery.receipt_due = true;
                buried.count += 1;
                buried.senders.insert(delivery.message.sender.clone());
            }
        }
        buried
    }

    pub(super) fn distrust(&mut self, owner: &AgentDid, peer: &AgentDid, reason: &str, now: Millis) -> Buried {
        if let Some(row) = self.peers.get_mut(&(owner.clone(), peer.clone())) {
            row.paired = None;
            row.initiator_statement = None;
            row.responder_statement = None;
        }
        self.bury(reason, now, |_, d| {
            d.message.recipient == *owner && d.message.sender == *peer
        })
    }
}
