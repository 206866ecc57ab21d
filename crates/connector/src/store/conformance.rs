//! One suite over both backends: whatever is done, in whatever order, both answer the same.

use chancery_base::ed25519::SecretKey;
use chancery_relay_wire::frame::ReceiptStatus;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::ports::Verified;

/// A step, over so few ids that steps meet one another.
#[derive(Debug, Clone)]
enum Act {
    AcceptOutbound {
        id: u8,
        to: u8,
        payload: u8,
        lane: u8,
        limit: u64,
    },
    OutboundAccepted(u8),
    OutboundRefused(u8),
    OutboundDead(u8),
    OutboundReceipt {
        id: u8,
        by: u8,
        delivered: bool,
        end_to_end: bool,
    },
    AcceptInbound {
        id: u8,
        from: u8,
        message: u8,
        payload: u8,
        lane: u8,
        caps: (u64, u64),
    },
    Recover(bool),
    BeginAttempt(u8),
    Delivered {
        id: u8,
        receipt: Option<u8>,
    },
    AttemptFailed {
        id: u8,
        refused: bool,
    },
    DeadLetter {
        id: u8,
        receipt: Option<u8>,
    },
    ReleaseHeld(Option<Vec<u8>>),
    ReplayDead(Option<Vec<u8>>),
    PurgeDead(Option<Vec<u8>>),
    ReceiptAcked(u8),
    RememberPeer(u8, u8),
    Prune {
        before: i64,
        receipts: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let id = || 0..6_u8;
    let ids = || proptest::option::of(proptest::collection::vec(0..6_u8, 0..3));
    let receipt = || proptest::option::of(0..8_u8);
    prop_oneof![
        4 => (id(), 0..2_u8, 0..2_u8, 0..3_u8, 2..6_u64).prop_map(|(id, to, payload, lane, limit)| {
            Act::AcceptOutbound { id, to, payload, lane, limit }
        }),
        2 => id().prop_map(Act::OutboundAccepted),
        1 => id().prop_map(Act::OutboundRefused),
        1 => id().prop_map(Act::OutboundDead),
        2 => (id(), 0..2_u8, any::<bool>(), any::<bool>()).prop_map(|(id, by, delivered, end_to_end)| {
            Act::OutboundReceipt { id, by, delivered, end_to_end }
        }),
        5 => (id(), 0..2_u8, 0..4_u8, 0..2_u8, 0..3_u8, (1..7_u64, 10..120_u64)).prop_map(
            |(id, from, message, payload, lane, caps)| Act::AcceptInbound { id, from, message, payload, lane, caps }
        ),
        1 => any::<bool>().prop_map(Act::Recover),
        4 => id().prop_map(Act::BeginAttempt),
        3 => (id(), receipt()).prop_map(|(id, receipt)| Act::Delivered { id, receipt }),
        2 => (id(), any::<bool>()).prop_map(|(id, refused)| Act::AttemptFailed { id, refused }),
        2 => (id(), receipt()).prop_map(|(id, receipt)| Act::DeadLetter { id, receipt }),
        1 => ids().prop_map(Act::ReleaseHeld),
        1 => ids().prop_map(Act::ReplayDead),
        1 => ids().prop_map(Act::PurgeDead),
        1 => (0..8_u8).prop_map(Act::ReceiptAcked),
        1 => (0..2_u8, 0..9_u8).prop_map(|(did, version)| Act::RememberPeer(did, version)),
        1 => (0..80_i64, 0..4_u64).prop_map(|(before, receipts)| Act::Prune { before, receipts }),
    ]
}

fn ulid(n: u8) -> Ulid {
    Ulid::from_bytes([n; 16])
}

fn did(n: u8) -> AgentDid {
    AgentDid::new(&"localhost".parse().unwrap(), ulid(100 + n))
}

fn lane(n: u8) -> Option<String> {
    (n > 0).then(|| format!("lane {n}"))
}

fn payload(n: u8) -> Box<RawValue> {
    RawValue::from_string(format!("{{ \"message\":  \"{}\" }}", "x".repeat(usize::from(n) * 20))).unwrap()
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n + 1; 32])
}

fn identity(n: u8) -> SenderIdentity {
    SenderIdentity {
        owner: format!("owner {n}"),
        issuer: "http://localhost:8788".to_owned(),
        jti: ulid(n),
    }
}

fn receipt(delivery: u8, frame: u8) -> OutReceipt {
    OutReceipt {
        frame: ulid(frame),
        message_id: format!("message {delivery}"),
        from: did(0),
        to: did(1),
        status: if frame.is_multiple_of(2) {
            ReceiptStatus::DeliveredToWebhook
        } else {
            ReceiptStatus::DeadLettered
        },
        reason: (frame > 4).then(|| "reason".to_owned()),
        at: "2026-11-21T06:43:21.000Z".to_owned(),
        sig: key(0).sign(&[frame]),
    }
}

/// Frames are made up for each receipt, so no two receipts share one.
fn frame(ids: &[u8]) -> u8 {
    ids.iter().fold(0, |sum, id| sum * 16 + id)
}

/// Runs one step at `now` and returns everything that can be seen of it and of the store.
async fn run(store: &Store, act: &Act, now: Millis) -> String {
    let list = |ids: &Option<Vec<u8>>| {
        ids.as_ref()
            .map(|ids| ids.iter().copied().map(ulid).collect::<Vec<_>>())
    };
    let answer = match act.clone() {
        Act::AcceptOutbound {
            id,
            to,
            payload: n,
            lane: l,
            limit,
        } => {
            let message = Outbound {
                id: ulid(id),
                to: did(to),
                payload: payload(n),
                content_type: (n > 0).then(|| "text/plain".to_owned()),
                conversation_id: lane(l),
                reply_to: None,
                sent_at: now.to_rfc3339(),
                sig: key(id).sign(&[n]),
                created: now,
            };
            format!("{:?}", store.accept_outbound(message, limit).await)
        }
        Act::OutboundAccepted(id) => format!("{:?}", store.outbound_accepted(ulid(id), now).await),
        Act::OutboundRefused(id) => format!(
            "{:?}",
            store.outbound_refused(ulid(id), "not now".to_owned(), now).await
        ),
        Act::OutboundDead(id) => format!("{:?}", store.outbound_dead(ulid(id), "never".to_owned(), now).await),
        Act::OutboundReceipt {
            id,
            by,
            delivered,
            end_to_end,
        } => {
            let status = if delivered {
                ReceiptStatus::DeliveredToWebhook
            } else {
                ReceiptStatus::DeadLettered
            };
            let verified = if end_to_end {
                Verified::EndToEnd
            } else {
                Verified::RelayAsserted
            };
            let reason = (!delivered).then(|| "refused".to_owned());
            let receipt = InReceipt {
                id: ulid(id),
                by: did(by),
                status,
                reason,
                verified,
                now,
            };
            format!("{:?}", store.outbound_receipt(receipt).await)
        }
        Act::AcceptInbound {
            id,
            from,
            message,
            payload: n,
            lane: l,
            caps,
        } => {
            let message = Inbound {
                id: ulid(id),
                from: did(from),
                to: did(9),
                message_id: format!("message {message}"),
                payload: payload(n),
                content_type: None,
                conversation_id: lane(l),
                reply_to: (n > 0).then(|| "http://localhost/".to_owned()),
                sent_at: Some(now.to_rfc3339()),
                verified: if n > 0 {
                    Verified::EndToEnd
                } else {
                    Verified::RelayAsserted
                },
                identity: (n > 0).then(|| identity(n)),
                receipt_wanted: n > 0,
                received: now,
            };
            format!(
                "{:?}",
                store
                    .accept_inbound(
                        message,
                        Caps {
                            messages: caps.0,
                            bytes: caps.1
                        }
                    )
                    .await
            )
        }
        Act::Recover(redeliver) => format!("{:?}", store.recover(redeliver).await),
        Act::BeginAttempt(id) => format!("{:?}", store.begin_attempt(ulid(id), now).await),
        Act::Delivered { id, receipt: n } => {
            let receipt = n.map(|n| receipt(id, frame(&[id, n])));
            format!("{:?}", store.delivered(ulid(id), now, receipt).await)
        }
        Act::AttemptFailed { id, refused } => {
            let failure = AttemptFailure {
                reason: "no answer".to_owned(),
                refused,
                next_attempt: now.plus(1000),
            };
            format!("{:?}", store.attempt_failed(ulid(id), failure).await)
        }
        Act::DeadLetter { id, receipt: n } => {
            let receipt = n.map(|n| receipt(id, frame(&[id, n])));
            format!(
                "{:?}",
                store.dead_letter(ulid(id), "given up".to_owned(), now, receipt).await
            )
        }
        Act::ReleaseHeld(ids) => format!("{:?}", store.release_held(list(&ids), now).await),
        Act::ReplayDead(ids) => format!("{:?}", store.replay_dead(list(&ids), now).await),
        Act::PurgeDead(ids) => format!("{:?}", store.purge_dead(list(&ids), now).await),
        Act::ReceiptAcked(n) => format!("{:?}", store.receipt_acked(ulid(n)).await),
        Act::RememberPeer(n, version) => {
            let peer = PeerRecord {
                token_hash: format!("hash {version}"),
                key: key(version).public(),
                identity: identity(version),
                expires: Millis(i64::from(version) * 10),
            };
            format!("{:?}", store.remember_peer(did(n), peer).await)
        }
        Act::Prune { before, receipts } => format!("{:?}", store.prune(Millis(before), receipts).await),
    };
    format!("{act:?}\n  -> {answer}\n{}", everything(store).await)
}

/// Every question that the store answers.
async fn everything(store: &Store) -> String {
    let mut out = format!("{:?}\n", store.counts().await.unwrap());
    out += &format!("{:?}\n", store.queued_outbound().await.unwrap());
    out += &format!(
        "{:?}\n",
        store.load_outbound((0..6).rev().map(ulid).collect()).await.unwrap()
    );
    out += &format!("{:?}\n", store.waiting_inbound().await.unwrap());
    for id in 0..6 {
        out += &format!("{:?}\n", store.outbound_view(ulid(id)).await.unwrap());
    }
    for state in [
        OutboundState::Queued,
        OutboundState::Accepted,
        OutboundState::DeadLettered,
    ] {
        out += &format!("{:?}\n", store.list_outbound(state, 2).await.unwrap());
    }
    for state in [
        InboundState::Pending,
        InboundState::Attempting,
        InboundState::Held,
        InboundState::DeadLettered,
        InboundState::Delivered,
        InboundState::Purged,
    ] {
        out += &format!("{:?}\n", store.list_inbound(state, 3).await.unwrap());
    }
    let receipts = store.receipts_after(0, 100).await.unwrap();
    out += &format!("{receipts:?}\n{:?}\n", store.receipts_after(2, 1).await.unwrap());
    for n in 0..2 {
        out += &format!("{:?}\n", store.peer(did(n)).await.unwrap());
    }
    out
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn both_backends_answer_the_same(acts in proptest::collection::vec(act(), 1..40)) {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let memory = Store::memory();
            let sqlite = Store::sqlite(&folder.path().join("connector.sqlite3")).unwrap();
            for (n, act) in acts.iter().enumerate() {
                let now = Millis(i64::try_from(n).unwrap() * 2);
                let (expected, found) = (run(&memory, act, now).await, run(&sqlite, act, now).await);
                prop_assert_eq!(expected, found);
            }
            Ok(())
        })?;
    }
}

#[test]
fn an_sqlite_store_that_was_closed_goes_on_where_it_was() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connector.sqlite3");
        let acts = [
            Act::AcceptOutbound {
                id: 1,
                to: 0,
                payload: 1,
                lane: 1,
                limit: 9,
            },
            Act::AcceptInbound {
                id: 1,
                from: 0,
                message: 1,
                payload: 1,
                lane: 1,
                caps: (9, 900),
            },
            Act::AcceptInbound {
                id: 2,
                from: 0,
                message: 2,
                payload: 0,
                lane: 0,
                caps: (9, 900),
            },
            Act::BeginAttempt(1),
            Act::RememberPeer(0, 1),
        ];
        let store = Store::sqlite(&path).unwrap();
        for act in &acts {
            run(&store, act, Millis(5)).await;
        }
        let before = everything(&store).await;
        store.close().await;
        drop(store);
        let store = Store::sqlite(&path).unwrap();
        assert_eq!(everything(&store).await, before);
        assert_eq!(
            store.recover(false).await.unwrap(),
            Recovered {
                redelivered: 0,
                held: 1
            }
        );
    });
}
