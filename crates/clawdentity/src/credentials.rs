//! An agent's session at its registry: the tokens in `registry-auth.json`, and how they are exchanged.
//!
//! A refresh token works once, so whoever exchanges it holds a lock over reading, asking and writing; the command and a running
//! connector then never use up each other's token.

use std::{sync::Arc, time::Duration};

use chancery_base::{Clock, Millis};
use chancery_connector::{Access, BoxFuture, CredentialError, Credentials};
use chancery_networks::{AgentSigner, RegistryClient};
use chancery_relay_wire::registry::{AgentAuth, RefreshRequest};

use crate::{
    code::Code,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    state::{
        agent::{AgentDir, AgentFileError},
        config::ServerUrl,
    },
};

/// An access token with less time than this left is exchanged before it is used.
pub const MIN_LIFE: Duration = Duration::from_secs(60);

/// What the registry answers when the agent, or its session, was revoked.
const SESSION_REVOKED: &str = "AGENT_AUTH_REFRESH_REVOKED";

const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::AgentRequestFailed,
    refused: Code::AgentAuthRefreshFailed,
    invalid: Code::AgentInvalidResponse,
};

/// The session of one agent.
#[derive(Clone)]
pub struct Session {
    agent: AgentDir,
    registry: RegistryClient,
    signer: AgentSigner,
    clock: Arc<dyn Clock>,
}

/// What an exchange is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// New tokens, whatever there is.
    NewTokens,
    /// Other tokens than this access token; those that somebody else fetched meanwhile will do.
    OtherThan(String),
}

impl Session {
    /// The session of `agent` at the registry that its `identity.json` names.
    ///
    /// # Errors
    /// [`Code::AgentFileInvalid`] when a file is missing or wrong.
    pub fn open(context: &Context, agent: &AgentDir) -> Result<Self> {
        let named = |error: AgentFileError| error.named(Code::AgentFileInvalid);
        let identity = agent.identity().map_err(named)?;
        let (token, ..) = agent.ait().map_err(named)?;
        let key = agent.secret_key().map_err(named)?;
        let registry = ServerUrl::parse(&identity.registry_url, Code::AgentFileInvalid)?;
        Ok(Self {
            agent: agent.clone(),
            registry: context.registry(registry.origin())?,
            signer: AgentSigner::new(&token, key, Arc::clone(&context.clock), Arc::clone(&context.rng)),
            clock: Arc::clone(&context.clock),
        })
    }

    /// What signs the agent's requests.
    #[must_use]
    pub fn signer(&self) -> &AgentSigner {
        &self.signer
    }

    /// The tokens on disk.
    ///
    /// # Errors
    /// [`Code::EmptyAgentCredentials`] or [`Code::ConnectorInvalidRegistryAuth`].
    pub fn stored(&self) -> Result<AgentAuth> {
        self.agent.auth().map_err(|error| {
            let code = if error.missing {
                Code::EmptyAgentCredentials
            } else {
                Code::ConnectorInvalidRegistryAuth
            };
            // without the refresh token in it there is nothing to refresh with
            error
                .named(code)
                .hint("restore the file; without it, create another agent with `clawdentity agent create <NAME>`")
        })
    }

    /// Exchanges the tokens, saves the new ones and returns them.
    ///
    /// # Errors
    /// The registry's refusal, or what [`Session::stored`] fails with.
    pub async fn exchange(&self, wanted: Wanted) -> Result<AgentAuth> {
        let agent = self.agent.clone();
        let lock = tokio::task::spawn_blocking(move || agent.lock_auth())
            .await
            .map_err(|error| CliError::new(Code::StateFailed, format!("cannot lock the session: {error}")))??;
        let stored = self.stored()?;
        if let Wanted::OtherThan(used) = wanted
            && stored.access_token != used
            && self.life_of(&stored) > MIN_LIFE
        {
            return Ok(stored);
        }
        let request = RefreshRequest {
            refresh_token: stored.refresh_token.trim().to_owned(),
        };
        let next = self
            .registry
            .agent_auth_refresh(&self.signer, &request)
            .await
            .map_err(|error| CODES.name(error))?;
        let next = next.agent_auth;
        if next.token_type != "Bearer" {
            let text = "the registry's answer holds session tokens of an unknown type";
            return Err(CliError::new(Code::AgentInvalidResponse, text));
        }
        self.agent.save_auth(&next)?;
        drop(lock);
        Ok(next)
    }

    /// The tokens on disk, exchanged first when the access token has [`MIN_LIFE`] or less left.
    ///
    /// # Errors
    /// As [`Session::exchange`].
    pub async fn fresh(&self) -> Result<AgentAuth> {
        let stored = self.stored()?;
        if self.life_of(&stored) > MIN_LIFE {
            return Ok(stored);
        }
        self.exchange(Wanted::OtherThan(stored.access_token)).await
    }

    /// How long the access token still works; nothing when its expiry cannot be read.
    fn life_of(&self, auth: &AgentAuth) -> Duration {
        let expires = Millis::parse_rfc3339(&auth.access_expires_at).unwrap_or_default();
        Duration::from_millis(u64::try_from(expires.since(self.clock.now())).unwrap_or(0))
    }
}

impl Credentials for Session {
    fn current(&self) -> Option<Access> {
        access(&self.stored().ok()?).ok()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<Access, CredentialError>> {
        Box::pin(async {
            let used = self.stored().map(|auth| auth.access_token).unwrap_or_default();
            let named = |error: CliError| {
                let text = error.with_code();
                if error.code() == SESSION_REVOKED {
                    return CredentialError::Revoked(text);
                }
                match error.remote().map(|remote| remote.status) {
                    // a lost race and a limit pass by themselves
                    Some(400..=408 | 410..=428 | 430..=499) => CredentialError::Refused(text),
                    _ => CredentialError::Unavailable(text),
                }
            };
            let next = self.exchange(Wanted::OtherThan(used)).await.map_err(named)?;
            access(&next).map_err(CredentialError::Unavailable)
        })
    }
}

fn access(auth: &AgentAuth) -> Result<Access, String> {
    let token = auth
        .access_token
        .trim()
        .parse()
        .map_err(|_| "the access token is not one".to_owned())?;
    let expires = Millis::parse_rfc3339(&auth.access_expires_at)
        .ok_or_else(|| format!("the access token's expiry {:?} is not a time", auth.access_expires_at))?;
    Ok(Access { token, expires })
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("agent", &self.agent.name())
            .finish_non_exhaustive()
    }
}
