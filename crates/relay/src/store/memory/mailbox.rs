//! Agents and mailboxes: connect, accept, claim, settle, defer, release.

use std::{collections::BTreeSet, sync::Arc};

use chancery_identity::AgentDid;
use chancery_relay_wire::relay::DeliveryState;

use super::state::{Delivery, Lane, NonceKind, Peer, State};
use crate::store::{
    Accept, Accepted, Claim, Claimed, Connect, Connected, Defer, Deferred, Item, LaneId, NewMessage, NonceSeen,
    Perform, Refusal, Release, SenderAit, Seq, Settle, UseNonce,
};

impl Perform<UseNonce> for State {
    fn perform(&mut self, UseNonce(nonce): UseNonce) -> Result<(), Refusal> {
        self.spend(&nonce, NonceKind::Request, false)
    }
}

impl Perform<NonceSeen> for State {
    fn perform(&mut self, step: NonceSeen) -> Result<bool, Refusal> {
        Ok(self.nonces.contains_key(&(step.agent, step.nonce)))
    }
}

impl Perform<Connect> for State {
    fn perform(&mut self, step: Connect) -> Result<Connected, Refusal> {
        if self.is_revoked(&step.agent) {
            return Err(Refusal::SenderRevoked);
        }
        self.spend(&step.nonce, NonceKind::Connect, step.allow_reuse)?;
        let agent = self.agent(&step.agent);
        agent.ait = Some(step.ait);
        agent.epoch += 1;
        let epoch = agent.epoch;
        Ok(Connected {
            epoch,
            depth: self.depth(&step.agent),
        })
    }
}

impl Perform<Accept> for State {
    fn perform(&mut self, step: Accept) -> Result<Accepted, Refusal> {
        let Accept { message, .. } = &step;
        let (sender, recipient) = (&message.sender, &message.recipient);
        let to_self = sender == recipient;
        if to_self || step.nonce.is_some() {
            self.agent(sender);
        }
        if !self.agents.contains_key(sender) {
            return Err(Refusal::NotPaired);
        }
        if self.is_revoked(sender) {
            return Err(Refusal::SenderRevoked);
        }
        if let Some(nonce) = &step.nonce {
            self.spend(nonce, NonceKind::Request, false)?;
        }
        if self.is_revoked(recipient) {
            return Err(Refusal::RecipientRevoked);
        }
        let key = (recipient.clone(), sender.clone());
        if to_self {
            self.peers.entry(key.clone()).or_default();
        }
        let peer = self.peers.get(&key).ok_or(Refusal::NotPaired)?;
        let muted = peer.muted;
        if peer.blocked {
            return Err(Refusal::Blocked);
        }
        if peer.paired.is_none() && !to_self {
            return Err(Refusal::NotPaired);
        }
        let depth = self.depth(recipient);
        let same_id = |d: &&Delivery| d.message.sender == *sender && d.message.message_id == message.message_id;
        if let Some((seq, earlier)) = self.deliveries.iter().find(|(_, d)| same_id(d)) {
            if earlier.message.recipient != *recipient || earlier.hash != step.hash {
                return Err(Refusal::Conflict);
            }
            return Ok(Accepted {
                seq: *seq,
                delivery_id: earlier.id,
                position: earlier.position,
                lane: earlier.lane,
                lane_seq: earlier.lane_seq,
                state: earlier.state,
                repeat: true,
                claimed: false,
                depth,
            });
        }
        if depth >= step.max_messages {
            return Err(Refusal::MailboxFull);
        }
        if self
            .waiting(recipient)
            .filter(|(_, d)| d.message.sender == *sender)
            .count() as u64
            >= step.max_per_sender
        {
            return Err(Refusal::SenderShareFull);
        }
        self.agent(sender).ait = Some(Arc::clone(&message.sender_ait));
        let (lane, lane_seq) = self.next_in_lane(message);
        let mailbox = self.agent(recipient);
        mailbox.last_position += 1;
        let position = mailbox.last_position;
        let claimed = step.claim == Some(mailbox.epoch) && !muted;
        let epoch = mailbox.epoch;
        let seq = self.deliveries.last_key_value().map_or(1, |(last, _)| last + 1);
        let delivery = Delivery {
            id: step.delivery_id,
            message: Arc::clone(message),
            hash: step.hash,
            lane,
            lane_seq,
            position,
            state: DeliveryState::Queued,
            attempts: u32::from(claimed),
            claimed: if claimed { epoch } else { 0 },
            accepted_at: step.now,
            updated_at: step.now,
            reason: None,
            receipt_at: None,
            receipt_sig: None,
            receipt_due: false,
        };
        self.deliveries.insert(seq, delivery);
        Ok(Accepted {
            seq,
            delivery_id: step.delivery_id,
            position,
            lane,
            lane_seq,
            state: DeliveryState::Queued,
            repeat: false,
            claimed,
            depth: depth + 1,
        })
    }
}

impl State {
    fn next_in_lane(&mut self, message: &NewMessage) -> (LaneId, i64) {
        let conversation = message.conversation.clone().unwrap_or_default();
        let found = self.lanes.iter_mut().find(|(_, lane)| {
            lane.recipient == message.recipient && lane.sender == message.sender && lane.conversation == conversation
        });
        if let Some((id, lane)) = found {
            lane.last_seq += 1;
            return (*id, lane.last_seq);
        }
        // never one that was forgotten: a session may remember it
        self.last_lane += 1;
        let id = self.last_lane;
        let (recipient, sender) = (message.recipient.clone(), message.sender.clone());
        let base = self
            .peers
            .get(&(recipient.clone(), sender.clone()))
            .map_or(0, |peer| peer.lane_base);
        self.lanes.insert(
            id,
            Lane {
                recipient,
                sender,
                conversation,
                last_seq: base + 1,
            },
        );
        (id, base + 1)
    }

    /// Forgets the lane when `last` was the last message in it; whether it was.
    pub(super) fn forget_lane(&mut self, id: LaneId, last: i64) -> bool {
        let waits = self
            .deliveries
            .values()
            .any(|d| d.lane == id && d.state == DeliveryState::Queued);
        let Some(lane) = self.lanes.get(&id).filter(|lane| lane.last_seq == last && !waits) else {
            return false;
        };
        if let Some(peer) = self.peers.get_mut(&(lane.recipient.clone(), lane.sender.clone())) {
            peer.lane_base = peer.lane_base.max(last);
        }
        self.lanes.remove(&id);
        true
    }

    fn waiting_row(&mut self, seq: Seq, id: chancery_base::Ulid, recipient: &AgentDid) -> Option<&mut Delivery> {
        self.deliveries
            .get_mut(&seq)
            .filter(|d| d.id == id && d.message.recipient == *recipient && d.state == DeliveryState::Queued)
    }
}

impl Perform<Settle> for State {
    fn perform(&mut self, step: Settle) -> Result<bool, Refusal> {
        if !self.is_current(&step.recipient, step.epoch) {
            return Ok(false);
        }
        Ok(self
            .waiting_row(step.seq, step.delivery_id, &step.recipient)
            .is_some_and(|delivery| {
                delivery.state = DeliveryState::Delivered;
                delivery.updated_at = step.now;
                true
            }))
    }
}

impl Perform<Defer> for State {
    fn perform(&mut self, step: Defer) -> Result<Deferred, Refusal> {
        if !self.is_current(&step.recipient, step.epoch) {
            return Ok(Deferred::Stale);
        }
        let Some(delivery) = self.waiting_row(step.seq, step.delivery_id, &step.recipient) else {
            return Ok(Deferred::Stale);
        };
        let attempts = delivery.attempts;
        if attempts >= step.max_attempts {
            let reason = step.last_words(attempts);
            self.bury(&reason, step.now, |seq, _| *seq == step.seq);
            return Ok(Deferred::Dead);
        }
        delivery.attempts += 1;
        delivery.updated_at = step.now;
        Ok(Deferred::Again { attempt: attempts + 1 })
    }
}

impl Perform<Release> for State {
    fn perform(&mut self, step: Release) -> Result<(), Refusal> {
        for seq in step.seqs {
            if let Some(d) = self.deliveries.get_mut(&seq)
                && d.message.recipient == step.recipient
                && d.state == DeliveryState::Queued
                && d.claimed == step.epoch
            {
                d.attempts = d.attempts.saturating_sub(1);
                d.claimed = 0;
            }
        }
        Ok(())
    }
}

impl Perform<Claim> for State {
    fn perform(&mut self, step: Claim) -> Result<Claimed, Refusal> {
        if !self.is_current(&step.recipient, step.epoch) {
            return Ok(Claimed::nothing());
        }
        let muted = |d: &Delivery| {
            let key = (step.recipient.clone(), d.message.sender.clone());
            self.peers.get(&key).is_some_and(|peer: &Peer| peer.muted)
        };
        let lanes: BTreeSet<LaneId> = self
            .waiting(&step.recipient)
            .filter(|(_, d)| !muted(d))
            .map(|(_, d)| d.lane)
            .collect();
        let later = lanes.iter().filter(|lane| **lane > step.from_lane);
        let order: Vec<LaneId> = later
            .chain(lanes.iter().filter(|lane| **lane <= step.from_lane))
            .copied()
            .collect();
        let mut claimed = Claimed {
            next_lane: step.from_lane,
            complete: true,
            ..Claimed::default()
        };
        let (mut messages, mut bytes) = (step.max_messages, step.max_bytes);
        for lane in order {
            let hold = step.holds.iter().find(|hold| hold.lane == lane);
            let room = hold.map_or(step.per_lane, |hold| hold.room);
            let mut rows: Vec<(Seq, i64)> = self
                .waiting(&step.recipient)
                .filter(|(_, d)| d.lane == lane && d.claimed < step.epoch && d.accepted_at > step.expired_before)
                .map(|(seq, d)| (*seq, d.position))
                .collect();
            rows.sort_by_key(|(_, position)| *position);
            let wanted = room.min(messages);
            let mut taken = 0;
            for (seq, _) in rows {
                let Some(delivery) = self.deliveries.get_mut(&seq) else {
                    continue;
                };
                let size = delivery.message.payload.len();
                let full = !claimed.items.is_empty() && size > bytes;
                if taken == wanted || full {
                    claimed.left.push(lane);
                    // a lane that may take no more says nothing about the others
                    if full && taken < wanted {
                        bytes = 0;
                    }
                    break;
                }
                taken += 1;
                messages -= 1;
                bytes = bytes.saturating_sub(size);
                delivery.attempts += 1;
                delivery.claimed = step.epoch;
                let attempt = delivery.attempts;
                let ait = self
                    .agents
                    .get(&delivery.message.sender)
                    .and_then(|agent| agent.ait.clone());
                claimed.items.push(item(seq, delivery, attempt, ait));
            }
            if messages == 0 || bytes == 0 {
                claimed.complete = false;
                break;
            }
            claimed.next_lane = lane;
        }
        Ok(claimed)
    }
}

fn item(seq: Seq, delivery: &Delivery, attempt: u32, ait: Option<Arc<SenderAit>>) -> Item {
    let message = &delivery.message;
    Item {
        seq,
        delivery_id: delivery.id,
        lane: delivery.lane,
        lane_seq: delivery.lane_seq,
        position: delivery.position,
        attempt,
        accepted_at: delivery.accepted_at,
        message: Arc::new(NewMessage {
            sender: message.sender.clone(),
            recipient: message.recipient.clone(),
            message_id: message.message_id.clone(),
            conversation: message.conversation.clone(),
            content_type: message.content_type.clone(),
            reply_to: message.reply_to.clone(),
            sent_at: message.sent_at.clone(),
            sig: message.sig,
            payload: message.payload.clone(),
            sender_ait: ait.unwrap_or_else(|| Arc::clone(&message.sender_ait)),
        }),
    }
}
