//! Runs abstract commands on the oracle and on SQLite, and holds their answers against each other.

use std::{collections::BTreeSet, fmt::Debug};

use chancery_base::{Millis, Ulid, ed25519::SecretKey};
use chancery_identity::{AgentDid, Authority};
use chancery_relay_wire::registry::Status;

use crate::store::{
    Failure, Store,
    memory::{FindInMemory, OnMemory, State},
    model::Agent,
    queries::*,
    sqlite::{FindInSqlite, OnSqlite},
};

/// Both stores, a clock, and what happened so far.
pub(super) struct Driver {
    memory: Store,
    sqlite: Store,
    pub(super) authority: Authority,
    pub(super) now: Millis,
    pub(super) next: u64,
    outcomes: BTreeSet<String>,
    /// Hashes of the refresh tokens of each agent, newest last.
    pub(super) tokens: Vec<(Ulid, Vec<String>)>,
    _folder: tempfile::TempDir,
}

impl Driver {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            memory: Store::memory(),
            sqlite: Store::sqlite(folder.path().join("registry.db")).unwrap(),
            authority: "registry.example.test".parse().unwrap(),
            now: Millis(1_700_000_000_000),
            next: 0,
            outcomes: BTreeSet::new(),
            tokens: Vec::new(),
            _folder: folder,
        }
    }

    /// A fresh pair of stores; what happened so far is kept.
    pub(super) fn keep_outcomes(self) -> Self {
        Self {
            outcomes: self.outcomes,
            ..Self::new()
        }
    }

    pub(super) fn outcomes(&self) -> &BTreeSet<String> {
        &self.outcomes
    }

    pub(super) fn state(&self) -> State {
        let Store::Memory(memory) = &self.memory else {
            unreachable!()
        };
        memory.lock().clone()
    }

    /// Holds the tables against each other.
    pub(super) async fn compare(&self) -> State {
        let Store::Sqlite(sqlite) = &self.sqlite else {
            unreachable!()
        };
        let (expected, found) = (self.state(), sqlite.dump().await);
        assert_eq!(found, expected);
        expected
    }

    /// Runs `step` on both and compares what they say.
    pub(super) async fn step<S>(&mut self, step: S)
    where
        S: OnMemory + OnSqlite + Clone,
        S::Done: Debug,
        S::Refusal: Debug,
    {
        let name = std::any::type_name::<S>();
        let expected = format!("{:?}", self.memory.run(step.clone()).await);
        let found = self.sqlite.run(step).await;
        assert!(!matches!(found, Err(Failure::Store(_))), "{name}: {found:?}");
        let found = format!("{found:?}");
        assert_eq!(found, expected, "{name}");
        self.outcomes.insert(format!("{name}: {found}"));
    }

    /// Asks both and compares what they say.
    async fn ask<Q>(&self, query: Q)
    where
        Q: Query + FindInMemory + FindInSqlite + Clone,
        Q::Found: PartialEq + Debug,
    {
        let expected = self.memory.find(query.clone()).await.unwrap();
        assert_eq!(
            self.sqlite.find(query).await.unwrap(),
            expected,
            "{}",
            std::any::type_name::<Q>()
        );
    }

    pub(super) async fn ask_everything(&self, human: Ulid, agent: Option<Agent>) {
        self.ask(ApiKeysByPrefix {
            prefix: "p1".to_owned(),
        })
        .await;
        self.ask(ApiKeysOf { human }).await;
        self.ask(Services {}).await;
        self.ask(ServiceById {
            id: "service-1".to_owned(),
        })
        .await;
        self.ask(LastSeq {}).await;
        self.ask(RevocationsAfter { after: 1, limit: 3 }).await;
        self.ask(RevokedTokens {
            expired_before: self.now,
        })
        .await;
        let challenge = self.state().challenges.keys().next().copied().unwrap_or(Ulid::NIL);
        self.ask(ChallengeOf {
            owner: human,
            id: challenge,
        })
        .await;
        if let Some(agent) = agent {
            self.ask(AgentById { id: agent.did.ulid() }).await;
            self.ask(SessionOf {
                agent: agent.did.clone(),
            })
            .await;
            let other: Authority = "other.example.test".parse().unwrap();
            self.ask(SessionOf {
                agent: AgentDid::new(&other, agent.did.ulid()),
            })
            .await;
            for (status, framework, cursor) in [
                (None, None, None),
                (Some(Status::Active), None, Some(agent.did.ulid())),
                (Some(Status::Revoked), Some("framework 1".to_owned()), None),
            ] {
                self.ask(AgentsOf {
                    owner: agent.owner.ulid(),
                    status,
                    framework,
                    cursor,
                    limit: 2,
                })
                .await;
            }
        }
    }
}

pub(super) fn public_key(n: usize) -> chancery_base::ed25519::PublicKey {
    SecretKey::from_seed(&[u8::try_from(n).unwrap() + 1; 32]).public()
}
