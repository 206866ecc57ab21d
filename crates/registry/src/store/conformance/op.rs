//! Abstract commands, and what they come to on what is there.

use chancery_base::Ulid;
use chancery_identity::{AgentDid, HumanDid};
use chancery_relay_wire::registry::{HumanStatus, Role, Status};

use super::driver::{Driver, public_key};
use crate::store::{
    commands::*,
    model::{Agent, Challenge, Invite, Session},
};

/// A command whose parts are chosen by small numbers, so that they often meet.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Bootstrap,
    EnsureService {
        id: usize,
    },
    CreateInvite {
        by: usize,
        expires: bool,
    },
    Redeem {
        invite: usize,
    },
    CreateApiKey {
        human: usize,
    },
    RevokeApiKey {
        human: usize,
        key: usize,
    },
    TouchApiKey {
        key: usize,
    },
    SetHumanStatus {
        human: usize,
        status: HumanStatus,
    },
    CreateChallenge {
        owner: usize,
        key: usize,
    },
    CreateAgent {
        owner: usize,
        challenge: usize,
        name: usize,
        key: usize,
    },
    RevokeAgent {
        owner: usize,
        agent: usize,
    },
    Reissue {
        owner: usize,
        agent: usize,
        current: bool,
    },
    RevokeSession {
        owner: usize,
        agent: usize,
    },
    Refresh {
        agent: usize,
        age: usize,
        nonce: usize,
        current: bool,
    },
    TouchAccess {
        agent: usize,
        current: bool,
    },
    CreateService {
        id: usize,
        name: usize,
    },
    RotateService {
        id: usize,
    },
    TouchService {
        id: usize,
    },
    Wait {
        ms: i64,
    },
}

impl Driver {
    pub(super) async fn run(&mut self, op: &Op) {
        let state = self.state();
        let humans: Vec<_> = state.humans.keys().copied().collect();
        let agents: Vec<_> = state.agents.values().cloned().collect();
        let keys: Vec<_> = state.api_keys.keys().copied().collect();
        let pick = |all: &[Ulid], n: usize| all.get(n % all.len().max(1)).copied().unwrap_or(Ulid::NIL);
        let human = |n: usize| pick(&humans, n);
        let agent = |n: usize| agents.get(n % agents.len().max(1)).cloned();
        let agent_id = |n: usize| agent(n).map_or(Ulid::NIL, |agent| agent.did.ulid());
        let now = self.now;
        if humans.is_empty() && !matches!(op, Op::Bootstrap | Op::EnsureService { .. } | Op::Wait { .. }) {
            return;
        }
        match *op {
            Op::Wait { ms } => self.now = now.plus(ms),
            Op::Bootstrap => {
                let (human, key) = self.human(Ulid::NIL, Role::Admin);
                let service = self.service(0, 0);
                self.step(Bootstrap { human, key, service }).await;
            }
            Op::EnsureService { id } => {
                let service = self.service(id, 0);
                self.step(EnsureService { service }).await;
            }
            Op::CreateInvite { by, expires } => {
                let invite = Invite {
                    id: self.ulid(),
                    code_hash: format!("code-{}", state.invites.len()),
                    created_by: human(by),
                    redeemed_by: None,
                    expires_at: expires.then(|| now.plus(60_000)),
                    created_at: now,
                };
                self.step(CreateInvite { invite }).await;
            }
            Op::Redeem { invite } => {
                let id = self.ulid();
                let (human, key) = self.human(id, Role::User);
                let newest = state.invites.len().saturating_sub(invite);
                self.step(Redeem {
                    code_hash: format!("code-{newest}"),
                    human,
                    key,
                    now,
                })
                .await;
            }
            Op::CreateApiKey { human: n } => {
                let key = self.key(human(n));
                self.step(CreateApiKey { key }).await;
            }
            Op::RevokeApiKey { human: n, key } => {
                self.step(RevokeApiKey {
                    human: human(n),
                    id: pick(&keys, key),
                })
                .await;
            }
            Op::TouchApiKey { key } => {
                self.step(TouchApiKey {
                    id: pick(&keys, key),
                    now,
                })
                .await
            }
            Op::SetHumanStatus { human: n, status } => {
                let human = humans.get(n).copied().unwrap_or(Ulid::from_bytes([7; 16]));
                self.step(SetHumanStatus { human, status, now }).await;
            }
            Op::CreateChallenge { owner, key } => {
                let challenge = Challenge {
                    id: self.ulid(),
                    owner: human(owner),
                    public_key: public_key(key),
                    nonce: "nonce".to_owned(),
                    expires_at: now.plus(300_000),
                    used_at: None,
                    created_at: now,
                };
                self.step(CreateChallenge {
                    challenge,
                    forget_before: now.plus(-24 * 3_600_000),
                })
                .await;
            }
            Op::CreateAgent {
                owner,
                challenge,
                name,
                key,
            } => {
                let newest = state
                    .challenges
                    .values()
                    .rev()
                    .max_by_key(|c| c.created_at)
                    .map(|c| c.id);
                let any: Vec<_> = state.challenges.keys().copied().collect();
                let challenge = if challenge == 0 {
                    newest.unwrap_or(Ulid::NIL)
                } else {
                    pick(&any, challenge)
                };
                let of_owner = state.challenges.get(&challenge).map(|c| c.owner);
                let owner = if owner == 3 {
                    human(owner)
                } else {
                    of_owner.unwrap_or(Ulid::NIL)
                };
                self.create_agent(owner, challenge, name, key).await;
            }
            Op::RevokeAgent { owner, agent: n } => {
                let owner = if owner == 3 { human(owner) } else { owner_of(agent(n)) };
                self.step(RevokeAgent {
                    owner,
                    id: agent_id(n),
                    now,
                })
                .await;
            }
            Op::Reissue {
                owner,
                agent: n,
                current,
            } => {
                let owner = if owner == 3 { human(owner) } else { owner_of(agent(n)) };
                let expected_jti = agent(n)
                    .filter(|_| current)
                    .map_or(Ulid::NIL, |agent| agent.current_jti);
                let (jti, expires_at) = (self.ulid(), now.plus(3_600_000));
                self.step(Reissue {
                    owner,
                    id: agent_id(n),
                    expected_jti,
                    jti,
                    expires_at,
                    now,
                })
                .await;
            }
            Op::RevokeSession { owner, agent: n } => {
                let owner = if owner == 3 { human(owner) } else { owner_of(agent(n)) };
                self.step(RevokeSession {
                    owner,
                    id: agent_id(n),
                    now,
                })
                .await;
            }
            Op::Refresh {
                agent: n,
                age,
                nonce,
                current,
            } => {
                if let Some(agent) = agent(n) {
                    self.refresh(&agent, age, nonce, current).await;
                }
            }
            Op::TouchAccess { agent: n, current } => {
                let id = agent_id(n);
                let hash = state
                    .sessions
                    .get(&id)
                    .filter(|_| current)
                    .map(|s| s.tokens.access.hash.clone());
                self.step(TouchAccess {
                    agent: id,
                    access_hash: hash.unwrap_or_default(),
                    now,
                })
                .await;
            }
            Op::CreateService { id, name } => {
                let service = self.service(id, name);
                self.step(CreateService { service }).await;
            }
            Op::RotateService { id } => {
                let secret = self.token();
                self.step(RotateService {
                    id: format!("service-{id}"),
                    secret,
                    now,
                })
                .await;
            }
            Op::TouchService { id } => {
                self.step(TouchService {
                    id: format!("service-{id}"),
                    now,
                })
                .await
            }
        }
        self.ask_everything(human(1), agent(1)).await;
    }

    async fn create_agent(&mut self, owner: Ulid, challenge: Ulid, name: usize, key: usize) {
        let (id, now) = (self.ulid(), self.now);
        let agent = Agent {
            did: AgentDid::new(&self.authority, id),
            owner: HumanDid::new(&self.authority, owner),
            name: format!("agent {name}").parse().unwrap(),
            framework: format!("framework {}", name % 2).parse().unwrap(),
            public_key: public_key(key),
            current_jti: self.ulid(),
            ttl_days: 30,
            status: Status::Active,
            expires_at: now.plus(30 * 24 * 3_600_000),
            created_at: now,
            updated_at: now,
        };
        let session = Session {
            id: self.ulid(),
            agent: id,
            tokens: self.session_tokens(),
            access_last_used_at: None,
            previous: None,
            status: Status::Active,
            revoked_at: None,
            created_at: now,
            updated_at: now,
        };
        self.tokens.push((id, vec![session.tokens.refresh.hash.clone()]));
        self.step(CreateAgent {
            challenge,
            agent,
            session,
            now,
        })
        .await;
    }

    async fn refresh(&mut self, agent: &Agent, age: usize, nonce: usize, current: bool) {
        let (tokens, now, id) = (self.session_tokens(), self.now, agent.did.ulid());
        let known = self
            .tokens
            .iter()
            .find(|(of, _)| *of == id)
            .map(|(_, hashes)| hashes.clone())
            .unwrap_or_default();
        let presented = known
            .iter()
            .rev()
            .nth(age)
            .cloned()
            .unwrap_or_else(|| "no such token".to_owned());
        let before = self
            .state()
            .sessions
            .get(&id)
            .map(|session| session.tokens.refresh.hash.clone());
        self.step(Refresh {
            agent: agent.did.clone(),
            jti: if current { agent.current_jti } else { Ulid::NIL },
            nonce: format!("nonce {nonce}"),
            remember_until: now.plus(360_000),
            presented_hash: presented,
            successor: tokens.refresh.hash.clone().into_bytes(),
            tokens,
            grace_until: now.plus(60_000),
            now,
        })
        .await;
        let after = self
            .state()
            .sessions
            .get(&id)
            .map(|session| session.tokens.refresh.hash.clone());
        if let Some(hash) = after.filter(|after| before.as_ref() != Some(after))
            && let Some((_, hashes)) = self.tokens.iter_mut().find(|(of, _)| *of == id)
        {
            hashes.push(hash);
        }
    }
}

fn owner_of(agent: Option<Agent>) -> Ulid {
    agent.map_or(Ulid::NIL, |agent| agent.owner.ulid())
}
