//! Tickets and pairs.

use super::state::{NonceKind, State};
use crate::store::{
    AddStatement, CONFIRMED_TICKET_RETENTION_MS, ConfirmTicket, CreateTicket, FindTicket, IsKnown, IsTrusted,
    ListPairs, MarkPeer, PairRow, Perform, Refusal, RemovePair, TicketRow, reason,
};

impl Perform<CreateTicket> for State {
    fn perform(&mut self, step: CreateTicket) -> Result<(), Refusal> {
        if self.is_revoked(&step.initiator) {
            return Err(Refusal::SenderRevoked);
        }
        self.spend(&step.nonce, NonceKind::Request, false)?;
        let row = TicketRow {
            text: step.text,
            key: step.key,
            initiator: step.initiator,
            initiator_profile: step.profile,
            only_responder: step.only_responder,
            expires_at: step.expires_at,
            confirmed: None,
            initiator_statement: None,
            responder_statement: None,
        };
        self.tickets
            .insert(step.kid, (row, step.expires_at.plus(CONFIRMED_TICKET_RETENTION_MS)));
        Ok(())
    }
}

impl Perform<FindTicket> for State {
    fn perform(&mut self, step: FindTicket) -> Result<Option<TicketRow>, Refusal> {
        Ok(self.tickets.get(&step.kid).map(|(row, _)| row.clone()))
    }
}

impl Perform<ConfirmTicket> for State {
    fn perform(&mut self, step: ConfirmTicket) -> Result<TicketRow, Refusal> {
        let (mut ticket, _) = self.tickets.get(&step.kid).cloned().ok_or(Refusal::TicketNotFound)?;
        ticket.may_confirm(&step.text, &step.responder, step.now)?;
        if self.is_revoked(&step.responder) {
            return Err(Refusal::SenderRevoked);
        }
        if self.is_revoked(&ticket.initiator) {
            return Err(Refusal::RecipientRevoked);
        }
        self.spend(&step.nonce, NonceKind::Request, false)?;
        let (a, b) = (ticket.initiator.clone(), step.responder.clone());
        for key in [(a.clone(), b.clone()), (b, a)] {
            self.agent(&key.0);
            let peer = self.peers.entry(key).or_default();
            peer.paired = Some((step.now, step.kid));
            peer.initiator_statement = None;
            peer.responder_statement = None;
        }
        ticket.confirmed = Some((step.responder, step.profile, step.now));
        self.tickets
            .insert(step.kid, (ticket.clone(), step.now.plus(CONFIRMED_TICKET_RETENTION_MS)));
        Ok(ticket)
    }
}

impl Perform<AddStatement> for State {
    fn perform(&mut self, step: AddStatement) -> Result<TicketRow, Refusal> {
        let (mut ticket, forget_at) = self.tickets.get(&step.kid).cloned().ok_or(Refusal::TicketNotFound)?;
        let (responder, _, _) = ticket.confirmed.clone().ok_or(Refusal::TicketNotConfirmed)?;
        let by_initiator = step.agent == ticket.initiator;
        if !by_initiator && step.agent != responder {
            return Err(Refusal::NotParticipant);
        }
        self.spend(&step.nonce, NonceKind::Request, false)?;
        let initiator = ticket.initiator.clone();
        for key in [(initiator.clone(), responder.clone()), (responder, initiator)] {
            if let Some(peer) = self.peers.get_mut(&key)
                && peer.paired.is_some_and(|(_, kid)| kid == step.kid)
            {
                let half = if by_initiator {
                    &mut peer.initiator_statement
                } else {
                    &mut peer.responder_statement
                };
                *half = Some(step.statement.clone());
            }
        }
        let half = if by_initiator {
            &mut ticket.initiator_statement
        } else {
            &mut ticket.responder_statement
        };
        *half = Some(step.statement);
        self.tickets.insert(step.kid, (ticket.clone(), forget_at));
        Ok(ticket)
    }
}

impl Perform<ListPairs> for State {
    fn perform(&mut self, step: ListPairs) -> Result<Vec<PairRow>, Refusal> {
        let own = self.peers.iter().filter(|((owner, _), _)| *owner == step.agent);
        let rows = own.filter_map(|((_, peer), row)| {
            let document = row.initiator_statement.clone().zip(row.responder_statement.clone());
            row.paired.map(|(since, _)| PairRow {
                peer: peer.clone(),
                since,
                document,
            })
        });
        Ok(rows.collect())
    }
}

impl Perform<RemovePair> for State {
    fn perform(&mut self, step: RemovePair) -> Result<(), Refusal> {
        let trusted = self.perform(IsTrusted {
            a: step.agent.clone(),
            b: step.peer.clone(),
        })?;
        if !trusted || step.agent == step.peer {
            return Err(Refusal::PairNotFound);
        }
        self.spend(&step.nonce, NonceKind::Request, false)?;
        self.distrust(&step.agent, &step.peer, reason::UNPAIRED, step.now);
        self.distrust(&step.peer, &step.agent, reason::UNPAIRED, step.now);
        Ok(())
    }
}

impl Perform<MarkPeer> for State {
    fn perform(&mut self, step: MarkPeer) -> Result<(), Refusal> {
        if !self.agents.contains_key(&step.agent) || !self.agents.contains_key(&step.peer) {
            return Err(Refusal::PairNotFound);
        }
        self.spend(&step.nonce, NonceKind::Request, false)?;
        let peer = self.peers.get_mut(&(step.agent, step.peer));
        let peer = peer.ok_or(Refusal::PairNotFound)?;
        peer.blocked = step.blocked;
        peer.muted = step.muted;
        Ok(())
    }
}

impl Perform<IsKnown> for State {
    fn perform(&mut self, step: IsKnown) -> Result<bool, Refusal> {
        Ok(self
            .peers
            .iter()
            .any(|((owner, _), peer)| *owner == step.agent && peer.paired.is_some()))
    }
}

impl Perform<IsTrusted> for State {
    fn perform(&mut self, step: IsTrusted) -> Result<bool, Refusal> {
        let paired = |key| self.peers.get(&key).is_some_and(|peer| peer.paired.is_some());
        Ok(step.a == step.b || paired((step.a, step.b)))
    }
}
