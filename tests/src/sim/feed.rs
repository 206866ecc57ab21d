//! The registry as the relay sees it: its word on tokens, and the feed of revocations.

use std::{sync::Arc, time::Duration};

use chancery_base::Ulid;
use chancery_identity::{AgentDid, HumanDid, Origin, key_set::KeySet, revocation::Scope};
use chancery_relay::{
    Directory, Revocations,
    ports::{AccessError, Ownership, OwnershipError, Unavailable},
};
use chancery_relay_wire::registry::{FeedEvent, Status};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    identity::issuer,
    lie::Lie,
    registry::{Down, Registry},
    stage::Handed,
};

const HEARTBEAT: Duration = Duration::from_millis(250);

/// The ports of one life of the relay.
pub(super) struct RegistryPort {
    registry: Arc<Registry>,
    issuer: Origin,
    life: u64,
}

impl From<Down> for Unavailable {
    fn from(_: Down) -> Self {
        Self("the registry is down".to_owned())
    }
}

impl RegistryPort {
    pub(super) fn new(registry: Arc<Registry>, life: u64) -> Arc<Self> {
        Arc::new(Self {
            registry,
            issuer: issuer(),
            life,
        })
    }
}

impl Directory for RegistryPort {
    fn issuer(&self) -> &Origin {
        &self.issuer
    }

    fn keys(&self, fresh: bool) -> BoxFuture<'_, Result<Arc<KeySet>, Unavailable>> {
        async move {
            if fresh {
                self.registry.travel().await?;
            }
            Ok(Arc::clone(&self.registry.keys))
        }
        .boxed()
    }

    fn validate<'a>(
        &'a self,
        agent: &'a AgentDid,
        _: Ulid,
        access_token: &'a str,
    ) -> BoxFuture<'a, Result<(), AccessError>> {
        async move {
            self.registry.travel().await.map_err(Unavailable::from)?;
            if self.registry.is_good_access(agent, access_token) {
                Ok(())
            } else {
                Err(AccessError::Invalid)
            }
        }
        .boxed()
    }

    fn ownership<'a>(&'a self, _: &'a HumanDid, _: &'a AgentDid) -> BoxFuture<'a, Result<Ownership, OwnershipError>> {
        async move {
            self.registry.travel().await.map_err(Unavailable::from)?;
            Ok(Ownership {
                owns_agent: true,
                agent_status: Some(Status::Active),
            })
        }
        .boxed()
    }
}

impl Revocations for RegistryPort {
    fn follow(&self, after: u64) -> BoxFuture<'_, Result<BoxStream<'static, FeedEvent>, Unavailable>> {
        async move {
            self.registry.travel().await?;
            let (tx, mut rx) = mpsc::unbounded_channel();
            let reader = Reader {
                registry: Arc::clone(&self.registry),
                life: self.life,
                position: after,
                tx,
            };
            tokio::spawn(reader.run());
            Ok(stream::poll_fn(move |cx| rx.poll_recv(cx)).boxed())
        }
        .boxed()
    }
}

/// One connection of the feed.
struct Reader {
    registry: Arc<Registry>,
    life: u64,
    position: u64,
    tx: mpsc::UnboundedSender<FeedEvent>,
}

impl Reader {
    async fn run(mut self) {
        let registry = Arc::clone(&self.registry);
        let mut length = registry.length.subscribe();
        let mut beat = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = self.tx.closed() => return,
                changed = length.changed() => if changed.is_err() { return },
                () = sleep_until(beat) => {}
            }
            beat = Instant::now() + HEARTBEAT;
            sleep(registry.dice.millis(1, 120)).await;
            while let Some((until, ends)) = registry.silence() {
                sleep_until(until).await;
                if ends {
                    return;
                }
            }
            if !self.say() {
                return;
            }
        }
    }

    /// Says what is new, and that it is there. False when nobody listens any more.
    fn say(&mut self) -> bool {
        let registry = &self.registry;
        for entry in registry.log(self.position) {
            self.position += 1;
            // an entry that is lost shows as a gap, and is read again
            if registry.dice.chance(50) {
                continue;
            }
            let handed = Handed {
                agent: entry.agent,
                scope: entry.scope,
                jti: entry.jti,
                life: self.life,
                at: Instant::now(),
            };
            let swallowed = registry.stage.lies(Lie::RevocationIgnored) && entry.scope == Scope::Agent;
            let token = entry.token;
            if !swallowed && self.tx.send(FeedEvent::Entry { token }).is_err() {
                return false;
            }
            let (agent, scope) = (entry.agent, entry.scope);
            registry
                .stage
                .trace
                .note(format_args!("feed: {scope:?} of agent {agent}"));
            registry.stage.handed(handed);
            registry.stage.ledger.heard(self.life);
            if swallowed {
                return true;
            }
        }
        let swallowed = u64::from(registry.stage.lies(Lie::RevocationIgnored) && self.position > 0);
        let seq = self.position - swallowed;
        let said = self.tx.send(FeedEvent::Heartbeat { seq }).is_ok();
        if said {
            registry.stage.ledger.heard(self.life);
        }
        said
    }
}
