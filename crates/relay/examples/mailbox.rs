//! Accepts and settles messages straight on the store, as fast as it goes: `mailbox [MESSAGES] [IN_FLIGHT]`. For
//! profilers; figures for people come from `chancery-bench`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for whoever works on the store"
)]

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use chancery_base::{Millis, Rng, Ulid, ed25519::SecretKey};
use chancery_identity::{AgentDid, ticket::Ticket};
use chancery_relay::{
    Store,
    store::{Accept, Accepted, ConfirmTicket, Connect, CreateTicket, NewMessage, NonceUse, SenderAit, Settle},
};
use chancery_relay_wire::relay::Profile;

struct Counter(std::sync::atomic::AtomicU64);

impl Rng for Counter {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let n = self
                .0
                .fetch_add(0x9e37_79b9_7f4a_7c15, std::sync::atomic::Ordering::Relaxed);
            let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            chunk.copy_from_slice(&(n ^ (n >> 27)).to_le_bytes()[..chunk.len()]);
        }
    }
}

const PAIRS: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<usize>().expect("a number"));
    let (messages, in_flight) = (args.next().unwrap_or(20_000), args.next().unwrap_or(64));
    let dir = tempfile::tempdir_in(".").unwrap();
    let store = Store::sqlite(&dir.path().join("relay.sqlite3")).unwrap();
    let rng = Counter(1.into());
    let now = Millis(1_700_000_000_000);
    let did = |n: usize| -> AgentDid { format!("did:cdi:example.test:agent:{:026}", n).parse().unwrap() };
    let ait = Arc::new(SenderAit {
        token: "t".repeat(800),
        jti: Ulid::NIL,
    });
    let profile = Profile {
        agent_name: "a".parse().unwrap(),
        human_name: "h".parse().unwrap(),
        proxy_origin: None,
    };
    let mut epochs = Vec::new();
    for pair in 0..PAIRS {
        let (a, b) = (did(pair * 2), did(pair * 2 + 1));
        let nonce = |agent: &AgentDid, n: &str| NonceUse {
            agent: agent.clone(),
            nonce: n.into(),
            remember_until: now,
        };
        let kid = Ulid::generate(now, &rng);
        let key = SecretKey::from_seed(&[1; 32]);
        let (ticket, key) = Ticket::sign(&"http://127.0.0.1:1".parse().unwrap(), kid, "AA".into(), 9, kid, &key);
        let create = CreateTicket {
            kid,
            text: ticket.encode(),
            key,
            initiator: a.clone(),
            profile: profile.clone(),
            only_responder: None,
            expires_at: now.plus(1000),
            nonce: nonce(&a, "1"),
        };
        store.run(create).await.unwrap();
        let confirm = ConfirmTicket {
            kid,
            text: ticket.encode(),
            responder: b.clone(),
            profile: profile.clone(),
            nonce: nonce(&b, "1"),
            now,
        };
        store.run(confirm).await.unwrap();
        let connect = Connect {
            agent: b.clone(),
            ait: Arc::clone(&ait),
            nonce: nonce(&b, "2"),
            allow_reuse: false,
        };
        epochs.push(store.run(connect).await.unwrap().epoch);
    }
    let payload = Bytes::from(format!("{{\"message\":\"{}\"}}", "x".repeat(1010)));
    let start = Instant::now();
    let mut done = 0;
    while done < messages {
        let accepts: Vec<_> = (done..done + in_flight)
            .map(|n| {
                let pair = n % PAIRS;
                let message = Arc::new(NewMessage {
                    sender: did(pair * 2),
                    recipient: did(pair * 2 + 1),
                    message_id: Ulid::generate(now, &rng).to_string(),
                    conversation: Some(format!("c{}", n / PAIRS % 8)),
                    content_type: None,
                    reply_to: None,
                    sent_at: Some("2026-01-01T00:00:00.000Z".into()),
                    sig: None,
                    payload: payload.clone(),
                    sender_ait: Arc::clone(&ait),
                });
                let step = Accept {
                    hash: message.hash(),
                    delivery_id: Ulid::generate(now, &rng),
                    nonce: None,
                    claim: Some(epochs[pair]),
                    max_messages: 1_000_000,
                    max_per_sender: 1_000_000,
                    now,
                    message,
                };
                (pair, store.run(step))
            })
            .collect();
        let (pairs, accepts): (Vec<_>, Vec<_>) = accepts.into_iter().unzip();
        let accepted: Vec<Accepted> = futures_util::future::join_all(accepts)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let settles = accepted.iter().zip(pairs).map(|(accepted, pair)| {
            store.run(Settle {
                recipient: did(pair * 2 + 1),
                epoch: epochs[pair],
                seq: accepted.seq,
                delivery_id: accepted.delivery_id,
                now,
            })
        });
        for settled in futures_util::future::join_all(settles).await {
            assert!(settled.unwrap());
        }
        done += in_flight;
    }
    let elapsed = start.elapsed();
    println!("{:.2} us a message", elapsed.as_secs_f64() * 1e6 / done as f64);
    store.close().await;
}
