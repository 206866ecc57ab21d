//! Random sequences: what memory answers, SQLite answers too, also when it is closed and opened in between.

use std::sync::{Arc, Mutex};

use chancery_base::{Millis, Ulid};
use chancery_identity::{AgentDid, revocation::Scope};
use chancery_relay::store::*;
use chancery_relay_wire::frame::ReceiptStatus;

use crate::kit::{agent, ait, folder, key, message, profile, ulid};

/// SplitMix64: a sequence is known by its seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() {
            return None;
        }
        let at = self.roll(from.len() as u64);
        from.get(usize::try_from(at).unwrap())
    }

    fn agent(&mut self) -> AgentDid {
        agent(u8::try_from(self.roll(4)).unwrap() + 1)
    }
}

type Outcomes = Arc<Mutex<Vec<String>>>;

struct Pair {
    memory: Store,
    sqlite: Store,
    folder: tempfile::TempDir,
    expected: Vec<String>,
    got: Outcomes,
}

impl Pair {
    /// Carries out the step that `make` makes on both; what memory answers.
    async fn run<S: Known>(&mut self, make: impl Fn() -> S) -> Option<S::Output>
    where
        S::Output: std::fmt::Debug,
    {
        let outcome = self.memory.run(make()).await;
        self.expected
            .push(format!("{} {outcome:?}", std::any::type_name::<S>()));
        let got = Arc::clone(&self.got);
        self.sqlite.submit(make(), move |outcome| {
            let text = format!("{} {outcome:?}", std::any::type_name::<S>());
            got.lock().unwrap().push(text);
        });
        assert!(!matches!(outcome, Err(Refusal::Store(_))), "{outcome:?}");
        outcome.ok()
    }

    async fn compare(&mut self, seed: u64) {
        self.sqlite.close().await;
        let got = self.got.lock().unwrap().clone();
        for (n, (expected, got)) in self.expected.iter().zip(&got).enumerate() {
            assert_eq!(got, expected, "seed {seed}, step {n} of {}", self.expected.len());
        }
        assert_eq!(got.len(), self.expected.len(), "seed {seed}");
    }

    async fn reopen(&mut self) {
        self.sqlite.close().await;
        self.sqlite = Store::sqlite(&self.folder.path().join("relay.db")).unwrap();
    }
}

#[derive(Default)]
struct Facts {
    rows: Vec<(Seq, Ulid, AgentDid)>,
    epochs: Vec<(AgentDid, Epoch)>,
    tickets: Vec<(Ulid, String)>,
    nonces: Vec<NonceUse>,
    lanes: Vec<LaneId>,
}

impl Facts {
    /// The epoch that `agent` got last.
    fn epoch_of(&self, agent: &AgentDid) -> Option<Epoch> {
        let last = self.epochs.iter().rev().find(|(who, _)| who == agent);
        last.map(|(_, epoch)| *epoch)
    }
}

async fn sequence(seed: u64, steps: usize) {
    let folder = folder();
    let mut dice = Dice(seed);
    let mut pair = Pair {
        memory: Store::memory(),
        sqlite: Store::sqlite(&folder.path().join("relay.db")).unwrap(),
        folder,
        expected: Vec::new(),
        got: Outcomes::default(),
    };
    let mut known = Facts::default();
    let mut now = Millis(1_000_000);
    let mut fresh = seed * 1_000_000;
    for n in 0..steps {
        now = now.plus(i64::try_from(dice.roll(200)).unwrap());
        fresh += 10;
        if dice.chance(1) {
            pair.reopen().await;
        }
        // most sequences begin with agents that talk
        let choice = if n < 6 { 40 + dice.roll(14) } else { dice.roll(100) };
        step(&mut pair, &mut dice, &mut known, choice, now, fresh).await;
        if n % 10 == 9 {
            look(&mut pair).await;
        }
    }
    look(&mut pair).await;
    pair.compare(seed).await;
}

/// Reads all that can be read.
async fn look(pair: &mut Pair) {
    for n in 1..=4 {
        pair.run(|| PendingReceipts {
            sender: agent(n),
            after: 0,
            limit: 1000,
        })
        .await;
        pair.run(|| ListPairs { agent: agent(n) }).await;
        pair.run(|| IsKnown { agent: agent(n) }).await;
    }
    pair.run(|| LoadRevocations).await;
}

async fn step(pair: &mut Pair, dice: &mut Dice, known: &mut Facts, choice: u64, now: Millis, fresh: u64) {
    let nonce = |dice: &mut Dice, known: &mut Facts, agent: &AgentDid| {
        let reused = dice.chance(8).then(|| dice.pick(&known.nonces).cloned()).flatten();
        let nonce = reused.unwrap_or_else(|| NonceUse {
            agent: agent.clone(),
            nonce: fresh.to_string(),
            remember_until: now.plus(i64::try_from(dice.roll(3000)).unwrap()),
        });
        let nonce = NonceUse {
            agent: agent.clone(),
            ..nonce
        };
        known.nonces.push(nonce.clone());
        nonce
    };
    match choice {
        0..10 => {
            let (from, to) = (dice.agent(), dice.agent());
            if from == to {
                return;
            }
            let ids: Vec<u64> = (0..dice.roll(4) + 1)
                .map(|n| if dice.chance(20) { dice.roll(10) } else { fresh + n })
                .collect();
            let (max, epoch) = (dice.roll(12) + 1, known.epoch_of(&to));
            let claim = epoch.filter(|_| dice.chance(60));
            let accepted = pair
                .run(|| {
                    let accept = |(n, id): (usize, &u64)| {
                        let lane = [None, Some("x")][n % 2];
                        let message = message(&from, &to, &id.to_string(), lane, "{}");
                        Accept {
                            hash: message.hash(),
                            message: Arc::new(message),
                            delivery_id: ulid(fresh + n as u64),
                            nonce: None,
                            claim,
                            max_messages: max,
                            max_per_sender: max.div_ceil(2),
                            now,
                        }
                    };
                    Together(ids.iter().enumerate().map(accept).collect())
                })
                .await;
            let rows: Vec<(Seq, Ulid)> = accepted
                .unwrap_or_default()
                .into_iter()
                .flatten()
                .map(|accepted| (accepted.seq, accepted.delivery_id))
                .collect();
            known.rows.extend(rows.iter().map(|(seq, id)| (*seq, *id, to.clone())));
            if let Some(epoch) = claim.filter(|_| dice.chance(50)) {
                pair.run(|| {
                    let settle = |(seq, delivery_id): &(Seq, Ulid)| Settle {
                        recipient: to.clone(),
                        epoch,
                        seq: *seq,
                        delivery_id: *delivery_id,
                        now,
                    };
                    Together(rows.iter().map(settle).collect())
                })
                .await;
            }
        }
        10..40 => {
            let (from, to) = (dice.agent(), dice.agent());
            let id = if dice.chance(20) { dice.roll(10) } else { fresh };
            let lane = [None, Some("x"), Some("y")][usize::try_from(dice.roll(3)).unwrap()];
            let payload = ["{}", "[1,2,3,4,5,6,7,8]"][usize::try_from(dice.roll(2)).unwrap()];
            let version = dice.roll(2);
            let with_nonce = dice.chance(50).then(|| nonce(dice, known, &from));
            let claim = dice.chance(60).then(|| known.epoch_of(&to)).flatten();
            let max = dice.roll(12) + 1;
            let accepted = pair
                .run(|| {
                    let message = NewMessage {
                        sender_ait: ait(&from, version),
                        ..message(&from, &to, &id.to_string(), lane, payload)
                    };
                    Accept {
                        hash: message.hash(),
                        message: Arc::new(message),
                        delivery_id: ulid(fresh),
                        nonce: with_nonce.clone(),
                        claim,
                        max_messages: max,
                        max_per_sender: max.div_ceil(2),
                        now,
                    }
                })
                .await;
            if let Some(accepted) = accepted {
                known.rows.push((accepted.seq, accepted.delivery_id, to));
                known.lanes.push(accepted.lane);
            }
        }
        40..45 => {
            let agent = dice.agent();
            let (nonce, version, allow_reuse) = (nonce(dice, known, &agent), dice.roll(2), dice.chance(50));
            let connected = pair
                .run(|| Connect {
                    agent: agent.clone(),
                    ait: ait(&agent, version),
                    nonce: nonce.clone(),
                    allow_reuse,
                })
                .await;
            if let Some(connected) = connected {
                known.epochs.push((agent, connected.epoch));
            }
        }
        45..50 => {
            let initiator = dice.agent();
            let only_responder = dice.chance(20).then(|| dice.agent());
            let (nonce, ttl) = (nonce(dice, known, &initiator), i64::try_from(dice.roll(3000)).unwrap());
            let (kid, text) = (ulid(fresh), format!("ticket {fresh}"));
            pair.run(|| CreateTicket {
                kid,
                text: text.clone(),
                key: key().public(),
                initiator: initiator.clone(),
                profile: profile("i"),
                only_responder: only_responder.clone(),
                expires_at: now.plus(ttl),
                nonce: nonce.clone(),
            })
            .await;
            known.tickets.push((kid, text));
        }
        50..56 => {
            let responder = dice.agent();
            let nonce = nonce(dice, known, &responder);
            let Some((kid, text)) = dice.pick(&known.tickets).cloned() else {
                return;
            };
            let text = if dice.chance(5) { "wrong".to_owned() } else { text };
            pair.run(|| ConfirmTicket {
                kid,
                text: text.clone(),
                responder: responder.clone(),
                profile: profile("r"),
                nonce: nonce.clone(),
                now,
            })
            .await;
        }
        56..58 => {
            let agent = dice.agent();
            let nonce = nonce(dice, known, &agent);
            let Some((kid, _)) = dice.pick(&known.tickets).cloned() else {
                return;
            };
            pair.run(|| AddStatement {
                kid,
                agent: agent.clone(),
                statement: fresh.to_string(),
                nonce: nonce.clone(),
            })
            .await;
            pair.run(|| FindTicket { kid }).await;
        }
        58..70 => {
            let Some((recipient, epoch)) = dice.pick(&known.epochs).cloned() else {
                return;
            };
            let holds: Vec<LaneHold> = (0..dice.roll(4))
                .filter_map(|_| dice.pick(&known.lanes).copied())
                .map(|lane| LaneHold {
                    lane,
                    room: usize::try_from(lane % 3).unwrap(),
                })
                .collect();
            let limits: Vec<usize> = [3, 6, 40]
                .iter()
                .map(|max| usize::try_from(dice.roll(*max)).unwrap())
                .collect();
            let (from_lane, old) = (
                i64::try_from(dice.roll(6)).unwrap(),
                i64::try_from(dice.roll(4000)).unwrap(),
            );
            pair.run(|| Claim {
                recipient: recipient.clone(),
                epoch,
                holds: holds.clone(),
                per_lane: limits[0],
                from_lane,
                max_messages: limits[1] + 1,
                max_bytes: limits[2] + 1,
                expired_before: now.plus(-old),
            })
            .await;
        }
        70..86 => {
            let Some((seq, delivery_id, recipient)) = dice.pick(&known.rows).cloned() else {
                return;
            };
            let own = known.epoch_of(&recipient);
            let other = dice.pick(&known.epochs).map(|(_, epoch)| *epoch);
            let epoch = if dice.chance(80) { own } else { other }.unwrap_or(0);
            match dice.roll(4) {
                0 => {
                    let seqs = vec![seq, seq + 1];
                    pair.run(|| Release {
                        recipient: recipient.clone(),
                        epoch,
                        seqs: seqs.clone(),
                    })
                    .await;
                }
                1 | 2 => {
                    pair.run(|| Settle {
                        recipient: recipient.clone(),
                        epoch,
                        seq,
                        delivery_id,
                        now,
                    })
                    .await;
                }
                _ => {
                    pair.run(|| Defer {
                        recipient: recipient.clone(),
                        epoch,
                        seq,
                        delivery_id,
                        max_attempts: 3,
                        reason: "not now".to_owned(),
                        now,
                    })
                    .await;
                }
            }
        }
        86..90 => {
            let (sender, recipient) = (dice.agent(), dice.agent());
            let picked = dice.pick(&known.rows).map(|(_, id, _)| id.to_string());
            let id = picked
                .filter(|_| dice.chance(70))
                .unwrap_or_else(|| dice.roll(10).to_string());
            let (either, ok) = (dice.chance(70), dice.chance(50));
            let with_nonce = dice.chance(50).then(|| nonce(dice, known, &recipient));
            let row = pair
                .run(|| RecordReceipt {
                    recipient: recipient.clone(),
                    sender: sender.clone(),
                    message: if either {
                        MessageRef::Either(id.clone())
                    } else {
                        MessageRef::Message(id.clone())
                    },
                    status: if ok {
                        ReceiptStatus::DeliveredToWebhook
                    } else {
                        ReceiptStatus::DeadLettered
                    },
                    reason: (!ok).then(|| "broken".to_owned()),
                    at: "then".to_owned(),
                    sig: None,
                    nonce: with_nonce.clone(),
                    now,
                })
                .await;
            pair.run(|| FindReceipt {
                sender: sender.clone(),
                recipient: recipient.clone(),
                id: id.clone(),
            })
            .await;
            if let Some(row) = row.flatten() {
                let seq = row.seq;
                let sender = if dice.chance(80) { row.sender } else { dice.agent() };
                pair.run(|| ReceiptSeen {
                    sender: sender.clone(),
                    seq,
                })
                .await;
            }
        }
        90..92 => {
            let (agent, peer) = (dice.agent(), dice.agent());
            let (blocked, muted, nonce) = (dice.chance(30), dice.chance(50), nonce(dice, known, &agent));
            pair.run(|| MarkPeer {
                agent: agent.clone(),
                peer: peer.clone(),
                blocked,
                muted,
                nonce: nonce.clone(),
            })
            .await;
        }
        92..94 => {
            let (agent, peer) = (dice.agent(), dice.agent());
            let nonce = nonce(dice, known, &agent);
            pair.run(|| RemovePair {
                agent: agent.clone(),
                peer: peer.clone(),
                nonce: nonce.clone(),
                now,
            })
            .await;
            pair.run(|| IsTrusted {
                a: agent.clone(),
                b: peer.clone(),
            })
            .await;
        }
        94 => {
            let agent = dice.agent();
            let scope = [Scope::Agent, Scope::Token, Scope::Session][usize::try_from(dice.roll(3)).unwrap()];
            pair.run(|| ApplyRevocation {
                seq: fresh,
                agent: agent.clone(),
                jti: ulid(fresh),
                scope,
                now,
            })
            .await;
            if dice.chance(10) {
                pair.run(|| ResetFeed).await;
            }
        }
        95 => {
            let agent = dice.agent();
            let nonce = nonce(dice, known, &agent);
            pair.run(|| UseNonce(nonce.clone())).await;
            pair.run(|| NonceSeen {
                agent: agent.clone(),
                nonce: nonce.nonce.clone(),
            })
            .await;
        }
        _ => {
            let (ttl_ms, limit) = (
                i64::try_from(dice.roll(6000)).unwrap(),
                usize::try_from(dice.roll(10)).unwrap() + 1,
            );
            let mut after = 0;
            loop {
                let swept = pair
                    .run(|| Sweep {
                        now,
                        ttl_ms,
                        after,
                        limit,
                    })
                    .await;
                match swept.and_then(|swept| swept.next) {
                    Some(next) => after = next,
                    None => break,
                }
            }
        }
    }
}

#[tokio::test]
async fn both_stores_answer_alike() {
    for seed in 0..400 {
        sequence(seed, 120).await;
    }
}
