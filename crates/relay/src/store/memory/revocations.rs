//! Revocations, as the registry's feed tells them, and sweeping.

use std::collections::BTreeMap;

use chancery_identity::revocation::Scope;
use chancery_relay_wire::relay::DeliveryState;

use super::state::State;
use crate::store::{
    ApplyRevocation, Buried, LoadRevocations, Perform, Refusal, ResetFeed, Revoked, Seq, Sweep, Swept, reason,
};

impl Perform<ApplyRevocation> for State {
    fn perform(&mut self, step: ApplyRevocation) -> Result<Buried, Refusal> {
        self.cursor = step.seq;
        if matches!(step.scope, Scope::Agent | Scope::Token) {
            self.revoked_tokens.insert(step.jti);
        }
        if step.scope != Scope::Agent {
            return Ok(Buried::default());
        }
        self.agent(&step.agent).revoked = true;
        let concerned: Vec<_> = self
            .peers
            .keys()
            .filter(|(owner, peer)| *owner == step.agent || *peer == step.agent)
            .cloned()
            .collect();
        let mut buried = Buried::default();
        for (owner, peer) in &concerned {
            buried.add(self.distrust(owner, peer, reason::REVOKED, step.now));
        }
        Ok(buried)
    }
}

impl Perform<ResetFeed> for State {
    fn perform(&mut self, _: ResetFeed) -> Result<(), Refusal> {
        self.cursor = 0;
        Ok(())
    }
}

impl Perform<LoadRevocations> for State {
    fn perform(&mut self, _: LoadRevocations) -> Result<Revoked, Refusal> {
        let agents = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.revoked)
            .map(|(did, _)| did.clone())
            .collect();
        Ok(Revoked {
            cursor: self.cursor,
            agents,
            tokens: self.revoked_tokens.iter().copied().collect(),
        })
    }
}

impl Perform<Sweep> for State {
    fn perform(&mut self, step: Sweep) -> Result<Swept, Refusal> {
        let mut swept = Swept::default();
        let stale = step.now.plus(-step.ttl_ms);
        let rows: Vec<Seq> = self
            .deliveries
            .keys()
            .filter(|seq| **seq > step.after)
            .take(step.limit)
            .copied()
            .collect();
        let mut lanes = BTreeMap::new();
        swept.next = rows.last().filter(|_| rows.len() == step.limit).copied();
        for seq in rows {
            let Some(d) = self.deliveries.get(&seq) else { continue };
            if d.accepted_at > stale {
                swept.next = None;
                break;
            }
            if d.state == DeliveryState::Queued {
                let expired = self.bury(reason::EXPIRED, step.now, |other, _| *other == seq);
                swept.expired.add(expired);
            } else if d.updated_at <= stale {
                let last = lanes.entry(d.lane).or_insert(d.lane_seq);
                *last = d.lane_seq.max(*last);
                self.deliveries.remove(&seq);
                swept.forgotten += 1;
            }
        }
        for (lane, last) in lanes {
            swept.lanes += u64::from(self.forget_lane(lane, last));
        }
        let before = self.nonces.len() + self.tickets.len();
        self.nonces.retain(|_, (_, until)| *until >= step.now);
        self.tickets.retain(|_, (_, forget_at)| *forget_at >= step.now);
        swept.forgotten += (before - self.nonces.len() - self.tickets.len()) as u64;
        Ok(swept)
    }
}
