//! What each event of the script does.

use std::sync::Arc;

use chancery_base::{Clock as _, Ulid};
use chancery_relay::store::{Accept, NewMessage, Refusal};
use tokio::time::{Instant, sleep};

use super::{agent_node::Sent, dial, plan::Event, violation::Kind, world::World};

impl World {
    pub(super) async fn event(&mut self, event: Event) {
        self.stage.trace.note(format_args!("{event:?}"));
        match event {
            Event::Send { from, to, lane } => self.send(from, to, lane, true).await,
            Event::SendAndLeave { from, to, lane } => self.send(from, to, lane, false).await,
            Event::Again { from } => {
                if let Some(sent) = self.earlier(from) {
                    self.agents[from].again(&sent).await;
                }
            }
            Event::Conflict { from } => {
                if let Some(sent) = self.earlier(from) {
                    self.agents[from].conflict(&sent).await;
                }
            }
            Event::Post { from, to } => self.post(from, to),
            Event::CrashConnector { agent, down, silently } => self.crash_connector(agent, down, silently),
            Event::CrashRelay { down, silently } => self.crash_relay(down, silently),
            Event::Ambush { moment, victim, skip } => self.stage.arm(moment, victim, skip),
            Event::Cut { agent } => self.network.cut(agent),
            Event::Hole { agent, time, kills } => self.network.close(agent, time, kills),
            Event::FeedSilent { time, ends } => self.registry.falls_silent(time, ends),
            Event::RegistryDown { time } => self.registry.goes_down(time),
            Event::Revoke { agent, scope } => self.registry.revoke(agent, scope),
            Event::Replay => self.replay(),
            Event::Mute { owner, peer, time } => {
                let caller = Arc::clone(&self.agents[owner].caller);
                let blocked = self.plan.blocked == Some((owner, peer));
                self.errands.spawn(async move {
                    caller.mark(peer, blocked, true).await;
                    sleep(time).await;
                    caller.mark(peer, blocked, false).await;
                });
            }
            Event::Release { agent } => self.release(agent).await,
            Event::Audit => self.audit().await,
        }
    }

    fn payload(&mut self) -> String {
        self.messages += 1;
        // spelt so that reading and writing it again would show
        format!("{{ \"message\" : \"m{0}\",\"n\":{0}, \"x\":1.0e0 }}", self.messages)
    }

    async fn send(&mut self, from: usize, to: usize, lane: u8, waits: bool) {
        let sent = Sent {
            id: Ulid::generate(self.stage.clock(0).now(), &self.dice),
            to,
            lane: (lane > 0).then(|| format!("c{lane}")),
            payload: self.payload(),
        };
        self.agents[from].send(sent, waits).await;
    }

    fn earlier(&self, from: usize) -> Option<Sent> {
        let sent = &self.agents[from].sent;
        (!sent.is_empty()).then(|| self.dice.pick(sent).clone())
    }

    fn post(&mut self, from: usize, to: usize) {
        let payload = self.payload();
        let (id, lane) = (format!("post-{}", self.messages), format!("post-{}", self.messages));
        let key = (from, id);
        self.stage
            .ledger
            .sends(key.clone(), to, Some(lane.clone()), payload.clone(), false);
        let caller = Arc::clone(&self.agents[from].caller);
        self.errands.spawn(caller.post(key, to, lane, payload));
    }

    /// Somebody sends a proof again that was accepted.
    fn replay(&mut self) {
        let Some((agent, headers)) = self.proofs.any(&self.dice) else {
            return;
        };
        let network = Arc::clone(&self.network);
        self.errands.spawn(async move {
            let at = Arc::clone(&network);
            // whether it was admitted the ledger notes; what was admitted ends here
            let _ = network
                .relay
                .handle(move |relay| async move { dial::admit(&at, &relay, agent, &headers).await.map(drop) })
                .await;
        });
    }

    /// The owner lets go what is held.
    pub(super) async fn release(&mut self, agent: usize) {
        use chancery_connector::InboundState::Held;
        let Some(connector) = &self.agents[agent].connector else {
            return;
        };
        let (_, held) = connector.list_inbound(Held, 1000).await.expect("the store answers");
        for view in held {
            let from = self.stage.ledger.agent(&view.from_agent_did);
            self.stage.ledger.out_of_line(&(from, view.message_id));
        }
        connector.release_held(None).await.expect("the store answers");
    }

    /// Asks the store once more to accept what it holds: the answer must be the same, and the depth what is there.
    async fn audit(&self) {
        let rows = self.relay.rows(0);
        if rows.is_empty() || !self.relay.is_alive(self.relay.life()) {
            return;
        }
        let row = self.dice.pick(&rows);
        let known = &row.message;
        let message = NewMessage {
            sender: known.sender.clone(),
            recipient: known.recipient.clone(),
            message_id: known.message_id.clone(),
            conversation: known.conversation.clone(),
            content_type: known.content_type.clone(),
            reply_to: known.reply_to.clone(),
            sent_at: None,
            sig: None,
            payload: known.payload.clone(),
            sender_ait: Arc::clone(&known.sender_ait),
        };
        let step = Accept {
            hash: message.hash(),
            message: Arc::new(message),
            delivery_id: Ulid::NIL,
            nonce: None,
            claim: None,
            max_messages: 1,
            max_per_sender: 1,
            now: self.stage.clock(0).now(),
        };
        let life = self.relay.life();
        let accepted = tokio::time::timeout_at(Instant::now(), self.relay.store().run(step)).await;
        let Ok(accepted) = accepted else { return };
        if !self.relay.is_alive(life) {
            return;
        }
        match accepted {
            Ok(accepted) => {
                let told = (
                    accepted.delivery_id,
                    accepted.position,
                    accepted.lane_seq,
                    accepted.repeat,
                );
                if told != (row.delivery_id, row.position, row.lane_seq, true) {
                    let what = format!("{} was {row:?} and is {accepted:?}", known.message_id);
                    self.stage.ledger.complain(Kind::Inconsistent, what);
                }
            }
            Err(Refusal::SenderRevoked | Refusal::RecipientRevoked | Refusal::NotPaired | Refusal::Blocked) => {}
            Err(error) => {
                let what = format!("{} again: {error}", known.message_id);
                self.stage.ledger.complain(Kind::Inconsistent, what);
            }
        }
    }
}
