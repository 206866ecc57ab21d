//! Follows the registry's revocations. What it says takes effect in one commit with the position it was read at.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use chancery_base::Ulid;
use chancery_identity::{
    AgentDid,
    revocation::{self, Entry, EntryError, Scope},
};
use chancery_relay_wire::registry::FeedEvent;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    config::FeedLimits,
    relay::Shared,
    session::CloseReason,
    store::{ApplyRevocation, LoadRevocations, Refusal, ResetFeed},
};

/// How much of the present the relay knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeedState {
    /// Heard of within a second.
    Fresh,
    /// Silent for longer, and still trusted.
    Degraded,
    /// Silent for too long: nothing new is accepted, and nothing delivered.
    Stale,
}

/// What is revoked, and how fresh that knowledge is.
pub struct Feed {
    limits: FeedLimits,
    revoked: RwLock<Revoked>,
    last_heard: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Revoked {
    agents: BTreeSet<AgentDid>,
    tokens: BTreeSet<Ulid>,
}

/// Longest wait between two tries to open the feed.
const MAX_RETRY: Duration = Duration::from_secs(5);

impl Feed {
    pub(crate) fn new(limits: FeedLimits) -> Self {
        Self {
            limits,
            revoked: RwLock::default(),
            last_heard: Mutex::default(),
        }
    }

    /// How fresh the feed is now. Never heard of is stale.
    #[must_use]
    pub fn state(&self) -> FeedState {
        let heard = *self.last_heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.map(|at| at.elapsed()) {
            Some(silent) if silent <= self.limits.degraded_after => FeedState::Fresh,
            Some(silent) if silent <= self.limits.stale_after => FeedState::Degraded,
            _ => FeedState::Stale,
        }
    }

    /// Whether `agent` or its identity token `jti` is revoked.
    #[must_use]
    pub fn is_revoked(&self, agent: &AgentDid, jti: Ulid) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        revoked.tokens.contains(&jti) || revoked.agents.contains(agent)
    }

    fn heard(&self) {
        *self.last_heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn remember(&self, agents: impl IntoIterator<Item = AgentDid>, tokens: impl IntoIterator<Item = Ulid>) {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.agents.extend(agents);
        revoked.tokens.extend(tokens);
    }
}

/// Why the feed is opened anew.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("an entry is not believed: {0}")]
    Entry(#[from] EntryError),
    #[error(transparent)]
    Registry(#[from] crate::ports::Unavailable),
    #[error("an entry is missing before position {0}")]
    Gap(u64),
    #[error("it was silent")]
    Silent,
    #[error("it ended")]
    Ended,
    #[error(transparent)]
    Store(#[from] Refusal),
}

/// Loads what is known; returns the position to go on from.
pub(crate) async fn load(shared: &Shared) -> Result<u64, Refusal> {
    let known = shared.store.read(LoadRevocations).await?;
    shared.feed.remember(known.agents, known.tokens);
    Ok(known.cursor)
}

/// Follows the feed until `stop`.
pub(crate) async fn follow(shared: Arc<Shared>, mut cursor: u64, stop: CancellationToken) {
    let mut wait = shared.config.feed.retry;
    loop {
        let began = Instant::now();
        let broken = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            broken = read(&shared, &mut cursor) => broken,
        };
        tracing::warn!(%broken, cursor, "the revocation feed is opened anew");
        if began.elapsed() > MAX_RETRY {
            wait = shared.config.feed.retry;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sleep(wait) => {}
        }
        wait = (wait * 2).min(MAX_RETRY);
    }
}

/// Says when the feed has become stale, and when it is no longer: sessions pause and go on.
pub(crate) async fn watch(shared: Arc<Shared>, stop: CancellationToken) {
    let pace = (shared.config.feed.degraded_after / 4).max(Duration::from_millis(10));
    loop {
        shared.hub.set_paused(shared.feed.state() == FeedState::Stale);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = sleep(pace) => {}
        }
    }
}

async fn read(shared: &Shared, cursor: &mut u64) -> Broken {
    match try_read(shared, cursor).await {
        Ok(never) => match never {},
        Err(broken) => broken,
    }
}

async fn try_read(shared: &Shared, cursor: &mut u64) -> Result<std::convert::Infallible, Broken> {
    // ten heartbeats: a connection that says less than that is dead
    let silence = shared.config.feed.degraded_after * 3;
    let opened = timeout(silence.max(Duration::from_secs(5)), shared.revocations.follow(*cursor));
    let mut events = opened.await.map_err(|_| Broken::Silent)??;
    // until the first heartbeat there may be entries behind the one that was just read: knowing some of what is revoked is
    // not knowing
    let mut caught_up = false;
    loop {
        let event = timeout(silence, events.next())
            .await
            .map_err(|_| Broken::Silent)?
            .ok_or(Broken::Ended)?;
        match event {
            FeedEvent::Heartbeat { seq } if seq > *cursor => return Err(Broken::Gap(seq)),
            FeedEvent::Heartbeat { .. } => caught_up = true,
            FeedEvent::Reset { .. } => {
                shared.store.run(ResetFeed).await?;
                *cursor = 0;
                return Err(Broken::Gap(1));
            }
            FeedEvent::Entry { token } => {
                let entry = verify(shared, &token).await?;
                if entry.seq <= *cursor {
                    continue;
                }
                if entry.seq != *cursor + 1 {
                    return Err(Broken::Gap(entry.seq));
                }
                apply(shared, &entry).await?;
                *cursor = entry.seq;
            }
        }
        if caught_up {
            shared.feed.heard();
            shared.hub.set_paused(false);
        }
    }
}

async fn verify(shared: &Shared, token: &str) -> Result<Entry, Broken> {
    let directory = &shared.directory;
    let keys = directory.keys(false).await?;
    match revocation::verify(token, &keys, directory.issuer()) {
        Err(EntryError::UnknownKey(_)) => {
            let keys = directory.keys(true).await?;
            Ok(revocation::verify(token, &keys, directory.issuer())?)
        }
        other => Ok(other?),
    }
}

async fn apply(shared: &Shared, entry: &Entry) -> Result<(), Refusal> {
    // refused before it is durable, and closed after: nothing slips through in between
    let agent = &entry.agent_did;
    match entry.scope {
        Scope::Agent => shared.feed.remember([agent.clone()], [entry.jti]),
        Scope::Token => shared.feed.remember([], [entry.jti]),
        _ => {}
    }
    shared.access.forget(agent);
    if entry.scope != Scope::Token {
        shared.access.session_ended(agent);
    }
    match entry.scope {
        Scope::Token => shared.hub.cut_token(agent, entry.jti),
        _ => shared.hub.cut(agent, CloseReason::Revoked),
    }
    if entry.scope == Scope::Agent {
        shared.hub.withdraw(agent);
    }
    let step = ApplyRevocation {
        seq: entry.seq,
        agent: entry.agent_did.clone(),
        jti: entry.jti,
        scope: entry.scope,
        now: shared.clock.now(),
    };
    let buried = shared.store.run(step).await?;
    if entry.scope == Scope::Agent {
        // what was accepted from it in the meantime
        shared.hub.withdraw(agent);
    }
    let count = buried.count;
    tracing::info!(agent = %entry.agent_did, scope = ?entry.scope, buried = count, "revoked");
    shared.hub.receipts_due(&buried.senders);
    Ok(())
}
