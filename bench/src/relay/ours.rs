//! The relay under test, with a registry that always says yes: messages never wait for one.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chancery_base::{Clock, Millis, Ulid, ed25519::PublicKey};
use chancery_identity::{AgentDid, HumanDid, Origin, key_set::KeySet, ticket::Ticket};
use chancery_relay::{
    Config, Directory, Relay, Revocations, Store,
    ports::{AccessError, Ownership, OwnershipError, Unavailable},
    store::{Accept, ConfirmTicket, CreateTicket, NewMessage, NonceUse, SenderAit},
};
use chancery_relay_wire::{
    registry::{FeedEvent, Status},
    relay::Profile,
};
use chancery_serve::{Bound, ServerConfig, system::SystemClock};
use futures_util::{future::BoxFuture, stream::BoxStream};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use super::agents;
use crate::process::ServeOptions;

/// Requests of one agent a minute: no limit that a bench could reach.
pub(crate) const BENCH_RATE: u32 = u32::MAX;
/// Messages in one mailbox.
pub(crate) const BENCH_MAILBOX: u64 = 10_000_000;
/// Channels that are paired when the server starts.
const PAIRED: usize = 128;
/// Mailboxes over which the queued messages are spread; their owners never connect.
const AWAY: usize = 10;

struct Yes {
    issuer: Origin,
    keys: Arc<KeySet>,
}

impl Directory for Yes {
    fn issuer(&self) -> &Origin {
        &self.issuer
    }

    fn keys(&self, _: bool) -> BoxFuture<'_, Result<Arc<KeySet>, Unavailable>> {
        Box::pin(async { Ok(Arc::clone(&self.keys)) })
    }

    fn validate<'a>(&'a self, _: &'a AgentDid, _: Ulid, _: &'a str) -> BoxFuture<'a, Result<(), AccessError>> {
        Box::pin(async { Ok(()) })
    }

    fn ownership<'a>(&'a self, _: &'a HumanDid, _: &'a AgentDid) -> BoxFuture<'a, Result<Ownership, OwnershipError>> {
        Box::pin(async {
            Ok(Ownership {
                owns_agent: true,
                agent_status: Some(Status::Active),
            })
        })
    }
}

impl Revocations for Yes {
    fn follow(&self, _: u64) -> BoxFuture<'_, Result<BoxStream<'static, FeedEvent>, Unavailable>> {
        let beats = futures_util::stream::unfold(tokio::time::interval(Duration::from_millis(250)), |mut beat| async {
            beat.tick().await;
            Some((FeedEvent::Heartbeat { seq: 0 }, beat))
        });
        Box::pin(async { Ok(Box::pin(beats) as BoxStream<'static, FeedEvent>) })
    }
}

pub(crate) async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let store = Store::sqlite(&options.dir.join("relay.sqlite3"))?;
    let bound_to = ServerConfig::new("127.0.0.1:0".parse()?);
    let bound = Bound::bind(&bound_to).await?;
    let origin: Origin = format!("http://{}", bound.local_addr()).parse()?;
    let mut config = Config::new(origin);
    if !options.default_limits {
        config.rates.agent_requests = BENCH_RATE;
        config.rates.public_requests = BENCH_RATE;
        config.mailbox.max_messages = BENCH_MAILBOX;
    }
    for channel in 0..PAIRED {
        pair(
            &store,
            &config,
            &agents::sender(channel)?.did,
            &agents::recipient(channel)?.did,
        )
        .await?;
    }
    for away in 0..AWAY {
        pair(
            &store,
            &config,
            &agents::sender(away)?.did,
            &agents::agent(100_000 + away)?.did,
        )
        .await?;
    }
    let yes = Arc::new(Yes {
        issuer: agents::issuer()?,
        keys: Arc::new(agents::keys()),
    });
    let directory: Arc<dyn Directory> = Arc::clone(&yes) as Arc<dyn Directory>;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rng = Arc::new(agents::Counter::new());
    let relay = Relay::start(config, store.clone(), directory, yes, clock, rng).await?;
    println!("{}", bound.local_addr());
    tokio::spawn(commands(store));
    bound.run(relay.router(), CancellationToken::new()).await?;
    Ok(())
}

async fn pair(store: &Store, config: &Config, a: &AgentDid, b: &AgentDid) -> anyhow::Result<()> {
    let rng = agents::Counter::new();
    let now = agents::now();
    let profile = Profile {
        agent_name: "bench".parse()?,
        human_name: "bench".parse()?,
        proxy_origin: None,
    };
    let (ticket, key): (Ticket, PublicKey) = Ticket::mint(&config.public_origin, now.secs() + 300, now, &rng);
    let nonce = |agent: &AgentDid| NonceUse {
        agent: agent.clone(),
        nonce: ticket.kid.to_string(),
        remember_until: now.plus(1000),
    };
    let create = CreateTicket {
        kid: ticket.kid,
        text: ticket.encode(),
        key,
        initiator: a.clone(),
        profile: profile.clone(),
        only_responder: None,
        expires_at: Millis::from_secs(ticket.exp),
        nonce: nonce(a),
    };
    store.run(create).await?;
    let confirm = ConfirmTicket {
        kid: ticket.kid,
        text: ticket.encode(),
        responder: b.clone(),
        profile,
        nonce: nonce(b),
        now,
    };
    store.run(confirm).await?;
    Ok(())
}

/// `fill N` on stdin: queues until N messages wait for agents that are away, then answers `done`.
async fn commands(store: Store) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut filled = 0;
    while let Ok(Some(line)) = lines.next_line().await {
        let total = line.strip_prefix("fill ").and_then(|n| n.parse().ok()).unwrap_or(0);
        if let Err(error) = fill(&store, &mut filled, total).await {
            eprintln!("filling failed: {error}");
            return;
        }
        println!("done");
    }
}

async fn fill(store: &Store, filled: &mut usize, total: usize) -> anyhow::Result<()> {
    let payload = Bytes::from(format!("{{\"message\":\"{}\"}}", "q".repeat(super::PAYLOAD)));
    let rng = agents::Counter::new();
    let people = (0..AWAY)
        .map(|away| Ok((agents::sender(away)?, agents::agent(100_000 + away)?.did)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    while *filled < total {
        let mut pending = Vec::new();
        for _ in 0..2000.min(total - *filled) {
            let Some((sender, recipient)) = people.get(*filled % AWAY) else {
                continue;
            };
            let now = agents::now();
            let message = Arc::new(NewMessage {
                sender: sender.did.clone(),
                recipient: recipient.clone(),
                message_id: format!("fill-{filled}"),
                conversation: Some(format!("c{}", *filled / AWAY % 100)),
                content_type: None,
                reply_to: None,
                sent_at: None,
                sig: None,
                payload: payload.clone(),
                sender_ait: Arc::new(SenderAit {
                    token: sender.ait.clone(),
                    jti: sender.jti,
                }),
            });
            pending.push(store.run(Accept {
                hash: message.hash(),
                delivery_id: Ulid::generate(now, &rng),
                nonce: None,
                claim: None,
                max_messages: BENCH_MAILBOX,
                max_per_sender: BENCH_MAILBOX,
                now,
                message,
            }));
            *filled += 1;
        }
        for outcome in futures_util::future::join_all(pending).await {
            outcome?;
        }
    }
    Ok(())
}
