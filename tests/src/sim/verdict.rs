//! The end of a run: everything is healed, time passes until nothing moves, and the books are compared.

use std::{collections::BTreeMap, time::Duration};

use chancery_connector::{InboundState, OutboundState};
use chancery_relay::store::Row;
use chancery_relay_wire::relay::DeliveryState;
use tokio::time::Instant;

use super::{
    ledger::{Key, Message},
    violation::Kind,
    world::World,
};

/// Longest time until nothing moves: many times the longest wait of any part.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Between two looks.
const PACE: Duration = Duration::from_secs(5);

impl World {
    /// Waits until nothing moves; complains when that does not come about.
    pub(super) async fn settle(&mut self) {
        let end = Instant::now() + PATIENCE;
        let mut quiet = 0;
        while quiet < 2 {
            self.until(Instant::now() + PACE).await;
            for agent in 0..self.agents.len() {
                self.release(agent).await;
                self.replay_when_full(agent).await;
            }
            let waits = self.what_waits().await;
            quiet = if waits.is_empty() { quiet + 1 } else { 0 };
            if Instant::now() > end {
                return self.stage.ledger.complain(Kind::Stuck, waits.join(", "));
            }
        }
    }

    /// An owner whose small inbox is full of dead letters makes room.
    async fn replay_when_full(&self, agent: usize) {
        let Some(connector) = &self.agents[agent].connector else {
            return;
        };
        let (count, dead) = connector
            .list_inbound(InboundState::DeadLettered, 1000)
            .await
            .expect("the store answers");
        if count < self.plan.agents[agent].inbox / 2 {
            return;
        }
        for view in dead {
            let from = self.stage.ledger.agent(&view.from_agent_did);
            self.stage.ledger.out_of_line(&(from, view.message_id));
        }
        connector.replay_dead_letters(None).await.expect("the store answers");
    }

    async fn what_waits(&mut self) -> Vec<String> {
        let mut waits = Vec::new();
        while self.errands.try_join_next().is_some() {}
        if !self.errands.is_empty() {
            waits.push(format!("{} errands", self.errands.len()));
        }
        for agent in &self.agents {
            let Some(connector) = &agent.connector else {
                waits.push(format!("agent {}", agent.index));
                continue;
            };
            let status = connector.status().await.expect("the store answers");
            let revoked = self.registry.is_revoked(agent.index);
            let outbound = status.outbound.queue.pending_count + status.outbound_detail.receipt_count;
            if !revoked && (outbound > 0 || !status.websocket.connected) {
                let (connected, error) = (status.websocket.connected, &status.websocket.last_error);
                waits.push(format!(
                    "agent {} (connected {connected}, outbound {outbound}, {error:?})",
                    agent.index
                ));
            }
            let inbound = status.inbound.pending + status.inbound.held;
            if inbound > 0 {
                waits.push(format!("agent {} (inbound {inbound})", agent.index));
            }
        }
        for row in self.relay.rows(0) {
            let sender = self.stage.ledger.agent(&row.message.sender);
            let due = row.receipt_due && !self.registry.is_revoked(sender);
            if row.state == DeliveryState::Queued || due {
                waits.push(format!("relay ({sender} {} {:?})", row.message.message_id, row.state));
            }
        }
        waits
    }

    /// Compares what was promised with what came of it.
    pub(super) async fn judge(&self) {
        self.stage.ledger.look(&|after| self.relay.rows(after));
        self.stage.ledger.note_buried(&self.relay.rows(0));
        let rows: BTreeMap<Key, Row> = self
            .relay
            .rows(0)
            .into_iter()
            .map(|row| {
                (
                    (
                        self.stage.ledger.agent(&row.message.sender),
                        row.message.message_id.clone(),
                    ),
                    row,
                )
            })
            .collect();
        let listed = self.listed().await;
        let mut wrong = Vec::new();
        let keys: Vec<Key> = self.stage.ledger.book().messages.keys().cloned().collect();
        for key in keys {
            let view = match (key.1.parse(), &self.agents[key.0].connector) {
                (Ok(id), Some(connector)) => connector.outbound(id).await.ok(),
                _ => None,
            };
            let book = self.stage.ledger.book();
            let Some(message) = book.messages.get(&key) else {
                continue;
            };
            let row = rows.get(&key);
            let dead_at_relay = book.buried.contains_key(&key);
            let state = view.as_ref().map(|view| view.state);
            let dead_at_sender =
                state == Some(OutboundState::DeadLettered) && view.as_ref().is_some_and(|view| view.reason.is_some());
            let cut_off_sender = state == Some(OutboundState::Queued) && self.registry.is_revoked(key.0);
            let accounted =
                message.effects > 0 || dead_at_relay || dead_at_sender || cut_off_sender || listed.contains_key(&key);
            if message.acknowledged && !accounted {
                let row = row.map(|row| row.state);
                wrong.push((
                    Kind::Lost,
                    format!("{key:?} for {}: sender {state:?}, relay {row:?}", message.to),
                ));
            }
            if self.receipt_is_due(&key, message, row) && state != Some(OutboundState::DeliveredToWebhook) {
                let row = row.map(|row| (row.state, row.receipt_due));
                let what = format!(
                    "{key:?} was delivered to {}: sender {state:?}, relay {row:?}",
                    message.to
                );
                wrong.push((Kind::NoReceipt, what));
            }
        }
        for (kind, what) in wrong {
            self.stage.ledger.complain(kind, what);
        }
        self.judge_lanes(&rows);
    }

    /// Whether the sender must have the receipt by now.
    fn receipt_is_due(&self, key: &Key, message: &Message, row: Option<&Row>) -> bool {
        let revoked = self.registry.is_revoked(key.0) || self.registry.is_revoked(message.to);
        // what the relay gave up it has said so itself, and what it has forgotten it cannot tell, also when it was sent anew
        let told = |row: &Row| row.state != DeliveryState::DeadLettered && message.delivery == Some(row.delivery_id);
        let given_up = !row.is_some_and(told);
        message.signed && message.acknowledged && message.effects > 0 && !revoked && !given_up
    }

    /// What recipients have not delivered, and why.
    async fn listed(&self) -> BTreeMap<Key, String> {
        let mut listed = BTreeMap::new();
        for agent in &self.agents {
            let Some(connector) = &agent.connector else { continue };
            for state in [InboundState::DeadLettered, InboundState::Held] {
                let (_, views) = connector.list_inbound(state, 10_000).await.expect("the store answers");
                for view in views {
                    let from = self.stage.ledger.agent(&view.from_agent_did);
                    listed.insert((from, view.message_id), view.last_error.unwrap_or_default());
                }
            }
        }
        listed
    }

    /// A number that the relay gave in a lane and nobody saw must be that of a message it gave up.
    fn judge_lanes(&self, rows: &BTreeMap<Key, Row>) {
        let lanes: Vec<_> = {
            let book = self.stage.ledger.book();
            let numbers = |(key, lane): (&_, &super::ledger::LaneBook)| (Clone::clone(key), lane.numbers.clone());
            book.lanes.iter().map(numbers).collect()
        };
        for ((from, to, lane), numbers) in lanes {
            let last = numbers.last_key_value().map_or(0, |(last, _)| *last);
            for missing in (1..last).filter(|number| !numbers.contains_key(number)) {
                let row = rows.iter().find(|(key, row)| {
                    key.0 == from
                        && self.stage.ledger.agent(&row.message.recipient) == to
                        && row.message.conversation == lane
                        && u64::try_from(row.lane_seq) == Ok(missing)
                });
                let forgotten = row.is_none() && self.plan.relay.ttl_ms < 3_600_000;
                let given_up = row.is_some_and(|(_, row)| row.state == DeliveryState::DeadLettered);
                if !forgotten && !given_up {
                    let what = format!("number {missing} of lane {lane:?} from {from} to {to} was never delivered");
                    self.stage.ledger.complain(Kind::Position, what);
                }
            }
        }
    }
}
