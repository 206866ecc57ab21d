//! Tickets and pairs.

use chancery_base::{Millis, Ulid, ed25519::PublicKey};
use chancery_identity::AgentDid;
use chancery_relay_wire::relay::Profile;
use chancery_store::rusqlite::{self, OptionalExtension as _, params, types::Type};

use super::{Tx, corrupt, did, optional_did};
use crate::store::{
    AddStatement, CONFIRMED_TICKET_RETENTION_MS, ConfirmTicket, CreateTicket, FindTicket, IsKnown, IsTrusted,
    ListPairs, MarkPeer, PairRow, Perform, Refusal, RemovePair, TicketRow, reason,
};

fn profile(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Profile> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| corrupt(column, Type::Text, e))
}

fn to_json(profile: &Profile) -> String {
    // names and an origin: writing them to memory cannot fail
    serde_json::to_string(profile).unwrap_or_default()
}

impl Tx<'_> {
    fn ticket(&self, kid: Ulid) -> rusqlite::Result<Option<TicketRow>> {
        self.0
            .prepare_cached(
                "SELECT text, key, initiator, initiator_profile, only_responder, expires_at, responder,
                        responder_profile, confirmed_at, initiator_statement, responder_statement
                 FROM tickets WHERE kid = ?1",
            )?
            .query_row([kid.to_bytes()], |row| {
                let key = PublicKey::from_bytes(&row.get(1)?).map_err(|e| corrupt(1, Type::Blob, e))?;
                let confirmed = match optional_did(row, 6)? {
                    Some(responder) => Some((responder, profile(row, 7)?, Millis(row.get(8)?))),
                    None => None,
                };
                Ok(TicketRow {
                    text: row.get(0)?,
                    key,
                    initiator: did(row, 2)?,
                    initiator_profile: profile(row, 3)?,
                    only_responder: optional_did(row, 4)?,
                    expires_at: Millis(row.get(5)?),
                    confirmed,
                    initiator_statement: row.get(9)?,
                    responder_statement: row.get(10)?,
                })
            })
            .optional()
    }

    fn trust(&self, owner: i64, peer: i64, kid: Ulid, now: Millis) -> rusqlite::Result<()> {
        self.0
            .prepare_cached(
                "INSERT INTO peers (owner, peer, paired_at, ticket) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (owner, peer) DO UPDATE SET paired_at = ?3, ticket = ?4",
            )?
            .execute(params![owner, peer, now.0, kid.to_bytes()])?;
        self.forget_document(owner, peer)
    }

    fn forget_document(&self, owner: i64, peer: i64) -> rusqlite::Result<()> {
        self.0
            .prepare_cached("DELETE FROM pair_documents WHERE owner = ?1 AND peer = ?2")?
            .execute([owner, peer])
            .map(drop)
    }

    /// Ends the trust of `owner` in `peer` and buries what waits from it; how much that was.
    pub(super) fn distrust(&mut self, owner: i64, peer: i64, reason: &str, now: Millis) -> rusqlite::Result<u64> {
        self.0
            .prepare_cached("UPDATE peers SET paired_at = NULL, ticket = NULL WHERE owner = ?1 AND peer = ?2")?
            .execute([owner, peer])?;
        self.forget_document(owner, peer)?;
        let waiting = self
            .0
            .prepare_cached(
                "SELECT d.seq FROM lanes AS l JOIN deliveries AS d INDEXED BY deliveries_waiting
                   ON d.recipient = l.recipient AND d.lane = l.id AND d.state = 0
                 WHERE l.recipient = ?1 AND l.sender = ?2",
            )?
            .query_map([owner, peer], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        for seq in &waiting {
            self.bury(*seq, reason, now)?;
        }
        Ok(waiting.len() as u64)
    }
}

impl Perform<CreateTicket> for Tx<'_> {
    fn perform(&mut self, step: CreateTicket) -> Result<(), Refusal> {
        let agent = self.agent_or_new(&step.initiator)?;
        if agent.revoked {
            return Err(Refusal::SenderRevoked);
        }
        self.spend(agent.id, &step.nonce)?;
        self.0
            .prepare_cached(
                "INSERT INTO tickets (kid, text, key, initiator, initiator_profile, only_responder, expires_at, forget_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 + ?8)",
            )?
            .execute(params![
                step.kid.to_bytes(),
                step.text,
                step.key.to_bytes(),
                step.initiator.as_str(),
                to_json(&step.profile),
                step.only_responder.as_ref().map(AgentDid::as_str),
                step.expires_at.0,
                CONFIRMED_TICKET_RETENTION_MS,
            ])?;
        Ok(())
    }
}

impl Perform<FindTicket> for Tx<'_> {
    fn perform(&mut self, step: FindTicket) -> Result<Option<TicketRow>, Refusal> {
        Ok(self.ticket(step.kid)?)
    }
}

impl Perform<ConfirmTicket> for Tx<'_> {
    fn perform(&mut self, step: ConfirmTicket) -> Result<TicketRow, Refusal> {
        self.count_by_sql()?;
        let ticket = self.ticket(step.kid)?.ok_or(Refusal::TicketNotFound)?;
        ticket.may_confirm(&step.text, &step.responder, step.now)?;
        let initiator = self.agent_or_new(&ticket.initiator)?;
        let responder = self.agent_or_new(&step.responder)?;
        if responder.revoked {
            return Err(Refusal::SenderRevoked);
        }
        if initiator.revoked {
            return Err(Refusal::RecipientRevoked);
        }
        self.spend(responder.id, &step.nonce)?;
        self.0
            .prepare_cached(
                "UPDATE tickets SET responder = ?2, responder_profile = ?3, confirmed_at = ?4, forget_at = ?4 + ?5
                 WHERE kid = ?1",
            )?
            .execute(params![
                step.kid.to_bytes(),
                step.responder.as_str(),
                to_json(&step.profile),
                step.now.0,
                CONFIRMED_TICKET_RETENTION_MS,
            ])?;
        self.trust(initiator.id, responder.id, step.kid, step.now)?;
        self.trust(responder.id, initiator.id, step.kid, step.now)?;
        Ok(TicketRow {
            confirmed: Some((step.responder, step.profile, step.now)),
            ..ticket
        })
    }
}

impl Perform<AddStatement> for Tx<'_> {
    fn perform(&mut self, step: AddStatement) -> Result<TicketRow, Refusal> {
        let mut ticket = self.ticket(step.kid)?.ok_or(Refusal::TicketNotFound)?;
        let (responder, _, _) = ticket.confirmed.as_ref().ok_or(Refusal::TicketNotConfirmed)?;
        let (initiator, responder) = (self.agent_or_new(&ticket.initiator)?, self.agent_or_new(responder)?);
        let (column, caller) = if step.agent == ticket.initiator {
            ticket.initiator_statement = Some(step.statement.clone());
            ("initiator_statement", initiator.id)
        } else if ticket.confirmed.as_ref().is_some_and(|(who, _, _)| *who == step.agent) {
            ticket.responder_statement = Some(step.statement.clone());
            ("responder_statement", responder.id)
        } else {
            return Err(Refusal::NotParticipant);
        };
        self.spend(caller, &step.nonce)?;
        self.0
            .prepare_cached(&format!("UPDATE tickets SET {column} = ?2 WHERE kid = ?1"))?
            .execute(params![step.kid.to_bytes(), step.statement])?;
        // only the pairing that the pair stands on now
        self.0
            .prepare_cached(&format!(
                "INSERT INTO pair_documents (owner, peer, {column})
                 SELECT owner, peer, ?4 FROM peers
                 WHERE ((owner = ?1 AND peer = ?2) OR (owner = ?2 AND peer = ?1)) AND ticket = ?3
                 ON CONFLICT (owner, peer) DO UPDATE SET {column} = ?4"
            ))?
            .execute(params![initiator.id, responder.id, step.kid.to_bytes(), step.statement])?;
        Ok(ticket)
    }
}

impl Perform<ListPairs> for Tx<'_> {
    fn perform(&mut self, step: ListPairs) -> Result<Vec<PairRow>, Refusal> {
        let mut statement = self.0.prepare_cached(
            "SELECT b.did, p.paired_at, d.initiator_statement, d.responder_statement
             FROM agents AS a JOIN peers AS p ON p.owner = a.id JOIN agents AS b ON b.id = p.peer
             LEFT JOIN pair_documents AS d ON d.owner = p.owner AND d.peer = p.peer
             WHERE a.did = ?1 AND p.paired_at IS NOT NULL ORDER BY b.did",
        )?;
        let rows = statement.query_map([step.agent.as_str()], |row| {
            Ok(PairRow {
                peer: did(row, 0)?,
                since: Millis(row.get(1)?),
                document: row.get::<_, Option<String>>(2)?.zip(row.get(3)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl Perform<RemovePair> for Tx<'_> {
    fn perform(&mut self, step: RemovePair) -> Result<(), Refusal> {
        self.count_by_sql()?;
        let trusted = self.perform(IsTrusted {
            a: step.agent.clone(),
            b: step.peer.clone(),
        })?;
        if !trusted || step.agent == step.peer {
            return Err(Refusal::PairNotFound);
        }
        let (agent, peer) = (self.agent_or_new(&step.agent)?, self.agent_or_new(&step.peer)?);
        self.spend(agent.id, &step.nonce)?;
        self.distrust(agent.id, peer.id, reason::UNPAIRED, step.now)?;
        self.distrust(peer.id, agent.id, reason::UNPAIRED, step.now)?;
        Ok(())
    }
}

impl Perform<MarkPeer> for Tx<'_> {
    fn perform(&mut self, step: MarkPeer) -> Result<(), Refusal> {
        self.count_by_sql()?;
        let (Some(agent), Some(peer)) = (self.agent(&step.agent)?, self.agent(&step.peer)?) else {
            return Err(Refusal::PairNotFound);
        };
        self.spend(agent.id, &step.nonce)?;
        let changed = self
            .0
            .prepare_cached("UPDATE peers SET blocked = ?3, muted = ?4 WHERE owner = ?1 AND peer = ?2")?
            .execute(params![agent.id, peer.id, step.blocked, step.muted])?;
        if changed == 1 {
            Ok(())
        } else {
            Err(Refusal::PairNotFound)
        }
    }
}

impl Perform<IsKnown> for Tx<'_> {
    fn perform(&mut self, step: IsKnown) -> Result<bool, Refusal> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT 1 FROM agents AS a JOIN peers AS p ON p.owner = a.id
                 WHERE a.did = ?1 AND p.paired_at IS NOT NULL LIMIT 1",
            )?
            .exists([step.agent.as_str()])?)
    }
}

impl Perform<IsTrusted> for Tx<'_> {
    fn perform(&mut self, step: IsTrusted) -> Result<bool, Refusal> {
        if step.a == step.b {
            return Ok(true);
        }
        Ok(self
            .0
            .prepare_cached(
                "SELECT 1 FROM agents AS a JOIN agents AS b ON b.did = ?2
                 JOIN peers AS p ON p.owner = a.id AND p.peer = b.id
                 WHERE a.did = ?1 AND p.paired_at IS NOT NULL",
            )?
            .exists([step.a.as_str(), step.b.as_str()])?)
    }
}
