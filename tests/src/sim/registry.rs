//! A double of the registry: it signs what the real one signs, and says it late, rarely or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_base::Ulid;
use chancery_identity::{
    AgentDid, Ait, VerifiedAit,
    key_set::{KeySet, KeyStatus, RegistryKey},
    revocation::{self, Entry, Scope},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    identity::{ISSUER, Identity, KID, issuer, registry_key},
    rng::{Dice, Stream},
    stage::Stage,
};

/// How long an access token lives: a few of them in each run.
const ACCESS_TTL: Duration = Duration::from_secs(90);

pub(super) struct Registry {
    pub(super) stage: Arc<Stage>,
    pub(super) keys: Arc<KeySet>,
    pub(super) dice: Dice,
    pub(super) agents: Vec<Identity>,
    state: Mutex<State>,
    /// Length of the feed, for its readers.
    pub(super) length: watch::Sender<u64>,
}

struct State {
    log: Vec<Logged>,
    /// Which identity token each agent has now.
    generations: Vec<u8>,
    access: BTreeMap<usize, (String, Instant)>,
    revoked: BTreeSet<usize>,
    issued: u64,
    down_until: Instant,
    silent_until: Instant,
    /// Whether the connection of the feed breaks when it has been silent.
    ends: bool,
}

/// An entry of the feed.
#[derive(Clone)]
pub(super) struct Logged {
    pub(super) token: String,
    pub(super) agent: usize,
    pub(super) scope: Scope,
    pub(super) jti: Ulid,
}

/// No answer.
#[derive(Debug)]
pub(super) struct Down;

impl Registry {
    pub(super) fn new(stage: Arc<Stage>, agents: Vec<Identity>) -> Arc<Self> {
        let key = RegistryKey::new(KID, registry_key().public(), KeyStatus::Active);
        let now = Instant::now();
        Arc::new(Self {
            dice: stage.dice(Stream::Registry),
            keys: Arc::new(KeySet { keys: vec![key] }),
            state: Mutex::new(State {
                log: Vec::new(),
                generations: vec![1; agents.len()],
                access: BTreeMap::new(),
                revoked: BTreeSet::new(),
                issued: 0,
                down_until: now,
                silent_until: now,
                ends: false,
            }),
            agents,
            length: watch::Sender::new(0),
            stage,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- what happens to it -----------------------------------------------------------------------------------------

    pub(super) fn goes_down(&self, time: Duration) {
        self.state().down_until = Instant::now() + time;
    }

    pub(super) fn falls_silent(&self, time: Duration, ends: bool) {
        let mut state = self.state();
        state.silent_until = Instant::now() + time;
        state.ends = ends;
    }

    pub(super) fn heals(&self) {
        let mut state = self.state();
        state.down_until = Instant::now();
        state.silent_until = Instant::now();
    }

    /// Until when the feed says nothing, and whether its connection breaks then.
    pub(super) fn silence(&self) -> Option<(Instant, bool)> {
        let state = self.state();
        (Instant::now() < state.silent_until).then_some((state.silent_until, state.ends))
    }

    pub(super) fn revoke(&self, agent: usize, scope: Scope) {
        let mut state = self.state();
        let jti = self.agents[agent].jti(state.generations[agent]);
        let entry = Entry {
            iss: issuer(),
            seq: state.log.len() as u64 + 1,
            agent_did: self.agents[agent].did.clone(),
            jti,
            scope,
            reason: None,
            revoked_at: 1_795_243_401,
        };
        let token = revocation::sign(&entry, KID, &registry_key()).expect("a good entry");
        state.log.push(Logged {
            token,
            agent,
            scope,
            jti,
        });
        match scope {
            Scope::Agent => {
                state.revoked.insert(agent);
                state.access.remove(&agent);
            }
            Scope::Token => state.generations[agent] += 1,
            _ => {
                state.access.remove(&agent);
            }
        }
        let length = state.log.len() as u64;
        drop(state);
        self.length.send_replace(length);
    }

    // --- what it answers --------------------------------------------------------------------------------------------

    /// An answer takes its time, or does not come.
    pub(super) async fn travel(&self) -> Result<(), Down> {
        tokio::time::sleep(self.dice.millis(1, 80)).await;
        let down_until = self.state().down_until;
        if Instant::now() < down_until {
            if self.dice.chance(500) {
                // it does not even refuse
                sleep_until(down_until.min(Instant::now() + Duration::from_secs(5))).await;
            }
            return Err(Down);
        }
        Ok(())
    }

    pub(super) fn is_revoked(&self, agent: usize) -> bool {
        self.state().revoked.contains(&agent)
    }

    /// The identity token that the agent has now.
    pub(super) fn identity_token(&self, agent: usize) -> String {
        let generation = self.state().generations[agent];
        self.agents[agent].token(generation)
    }

    /// A new access token and its end; `None` when the agent is revoked.
    pub(super) fn issue_access(&self, agent: usize) -> Option<(String, Instant)> {
        let mut state = self.state();
        if state.revoked.contains(&agent) {
            return None;
        }
        state.issued += 1;
        let access = (format!("clw_agt_{agent}_{}", state.issued), Instant::now() + ACCESS_TTL);
        state.access.insert(agent, access.clone());
        Some(access)
    }

    pub(super) fn is_good_access(&self, did: &AgentDid, token: &str) -> bool {
        let state = self.state();
        let agent = self.agents.iter().position(|agent| agent.did == *did);
        let access = agent.and_then(|agent| state.access.get(&agent));
        access.is_some_and(|(known, until)| known == token && Instant::now() < *until)
    }

    pub(super) fn verify(&self, token: &str) -> Result<VerifiedAit, String> {
        let now = chancery_base::Clock::now(&self.stage.clock(0));
        let issuer = ISSUER.parse().map_err(|_| "no issuer".to_owned())?;
        Ait::verify(token, &self.keys, &issuer, now).map_err(|error| error.to_string())
    }

    /// The feed behind position `after`.
    pub(super) fn log(&self, after: u64) -> Vec<Logged> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        self.state().log.iter().skip(skip).cloned().collect()
    }
}
