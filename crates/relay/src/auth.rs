//! Who is calling: the checks of a request, in the order of the specification (section 3.3).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, Method, Uri};
use chancery_base::{Millis, Ulid, digest};
use chancery_identity::{
    AgentDid, Ait, VerifiedAit,
    ait::AitError,
    http_signature,
    proof::{self, ProofError, ProofHeaders, VerifiedProof},
};
use chancery_relay_wire::header;
use tokio::time::Instant;

use crate::{
    error::RelayError,
    feed::FeedState,
    ports::AccessError,
    relay::Shared,
    store::{IsKnown, NonceSeen, NonceUse, SenderAit},
};

/// A caller that proved itself. Its nonce is spent in the commit of what it asks for.
#[derive(Debug)]
pub struct Caller {
    /// Its identity token, verified.
    pub ait: VerifiedAit,
    /// The same as text.
    pub token: Arc<SenderAit>,
    proof: VerifiedProof,
    /// Sessions whose end was known when the checks began.
    sessions_ended: u64,
}

impl Caller {
    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &AgentDid {
        self.ait.agent()
    }

    /// The nonce to spend.
    #[must_use]
    pub fn nonce(&self) -> NonceUse {
        NonceUse {
            agent: self.agent().clone(),
            nonce: self.proof.nonce.clone(),
            remember_until: self.proof.remember_until,
        }
    }
}

/// What a route asks of its caller beyond a proof.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    /// At least one pair.
    pub known: bool,
    /// A good access token.
    pub access: bool,
    /// Whether the request counts against the agent's rate here; messages are counted where they are accepted.
    pub counted: bool,
    /// Whether a nonce that was seen is left to the commit to judge: connects may be allowed to repeat theirs.
    pub judge_nonce_later: bool,
}

/// What is looked at of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// Method.
    pub method: &'a Method,
    /// Target, exactly as sent.
    pub uri: &'a Uri,
    /// Headers.
    pub headers: &'a HeaderMap,
}

impl RequestHead<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

/// Checks a request.
///
/// # Errors
/// The first check that fails.
pub async fn authenticate(
    shared: &Shared,
    head: RequestHead<'_>,
    body: &[u8],
    needs: Needs,
) -> Result<Caller, RelayError> {
    let now = shared.clock.now();
    let sessions_ended = shared.access.sessions_ended();
    let authorization = head.headers.get("authorization").ok_or(RelayError::MissingToken)?;
    let token = authorization
        .to_str()
        .ok()
        .and_then(claw_token)
        .ok_or(RelayError::InvalidScheme)?;
    let ait = verify_ait(shared, token, now).await?;

    // a header that is there twice means different things to different readers
    let single = |name: &str| head.headers.get_all(name).iter().count() < 2;
    let proof_headers = ProofHeaders {
        timestamp: head.text(proof::header::TIMESTAMP).unwrap_or_default().to_owned(),
        nonce: head.text(proof::header::NONCE).unwrap_or_default().to_owned(),
        body_sha256: head.text(proof::header::BODY_SHA256).unwrap_or_default().to_owned(),
        proof: head.text(proof::header::PROOF).unwrap_or_default().to_owned(),
    };
    let proof = proof::verify(
        &proof_headers,
        head.method.as_str(),
        head.target(),
        body,
        now,
        ait.key(),
    )
    .map_err(|error| match error {
        ProofError::Timestamp => RelayError::InvalidTimestamp,
        ProofError::Skew => RelayError::TimestampSkew,
        ProofError::Nonce => RelayError::InvalidNonce,
        _ => RelayError::InvalidProof,
    })?;
    let claw_headers = head.headers.keys().filter(|name| name.as_str().starts_with("x-claw-"));
    if !claw_headers
        .map(axum::http::HeaderName::as_str)
        .chain(["authorization"])
        .all(single)
    {
        return Err(RelayError::InvalidProof);
    }
    verify_http_signature(shared, head, now, &ait)?;

    let caller = Caller {
        token: Arc::new(SenderAit {
            token: token.to_owned(),
            jti: ait.jti(),
        }),
        ait,
        proof,
        sessions_ended,
    };
    if !needs.judge_nonce_later {
        let seen = NonceSeen {
            agent: caller.agent().clone(),
            nonce: caller.proof.nonce.clone(),
        };
        if shared.store.read(seen).await? {
            return Err(RelayError::Replay);
        }
    }
    if shared.feed.is_revoked(caller.agent(), caller.ait.jti()) {
        return Err(RelayError::Revoked);
    }
    if shared.feed.state() == FeedState::Stale {
        return Err(RelayError::DependencyUnavailable(
            "its revocations were not heard of for too long".to_owned(),
        ));
    }
    if needs.known
        && !shared
            .store
            .read(IsKnown {
                agent: caller.agent().clone(),
            })
            .await?
    {
        return Err(RelayError::Forbidden);
    }
    if needs.access {
        let access = head.text(header::AGENT_ACCESS).filter(|text| !text.is_empty());
        let access = access.ok_or(RelayError::AccessRequired)?;
        shared.access.check(shared, &caller, access).await?;
    }
    if needs.counted {
        shared.hub.limiter().agent(caller.agent(), now)?;
    }
    Ok(caller)
}

/// `Claw`, white space, one word.
fn claw_token(value: &str) -> Option<&str> {
    let rest = value.strip_prefix("Claw")?;
    let token = rest.trim_start();
    let one_word = !token.is_empty() && token.len() < rest.len() && !token.contains(char::is_whitespace);
    one_word.then_some(token)
}

async fn verify_ait(shared: &Shared, token: &str, now: Millis) -> Result<VerifiedAit, RelayError> {
    let directory = &shared.directory;
    let unavailable = |error: crate::ports::Unavailable| RelayError::DependencyUnavailable(error.0);
    let keys = directory.keys(false).await.map_err(unavailable)?;
    match Ait::verify(token, &keys, directory.issuer(), now) {
        Err(AitError::UnknownKey(_)) => {
            // the registry may have a new key: its keys are fetched anew, once
            let keys = directory.keys(true).await.map_err(unavailable)?;
            Ait::verify(token, &keys, directory.issuer(), now)
        }
        other => other,
    }
    .map_err(|error| RelayError::InvalidAit(error.to_string()))
}

/// RFC 9421, where the caller sends it: a signature that is there must hold.
fn verify_http_signature(
    shared: &Shared,
    head: RequestHead<'_>,
    now: Millis,
    ait: &VerifiedAit,
) -> Result<(), RelayError> {
    let input = head.headers.get(http_signature::SIGNATURE_INPUT);
    let signature = head.headers.get(http_signature::SIGNATURE);
    let (input, signature) = match (input, signature) {
        (None, None) => return Ok(()),
        (Some(input), Some(signature)) => (input, signature),
        _ => return Err(RelayError::InvalidProof),
    };
    let (Ok(input), Ok(signature)) = (input.to_str(), signature.to_str()) else {
        return Err(RelayError::InvalidProof);
    };
    let headers: Option<Vec<(&str, &str)>> = head
        .headers
        .iter()
        .filter(|(name, _)| http_signature::covers(name.as_str()))
        .map(|(name, value)| value.to_str().ok().map(|value| (name.as_str(), value)))
        .collect();
    let headers = headers.ok_or(RelayError::InvalidProof)?;
    let request = http_signature::Request {
        method: head.method.as_str(),
        authority: "",
        path_and_query: head.target(),
        headers: &headers,
    };
    http_signature::verify(&request, input, signature, &shared.authorities, now, ait.key())
        .map_err(|_| RelayError::InvalidProof)
}

/// Access tokens that the registry has called good a moment ago. Revocations clear it at once.
pub(crate) struct AccessCache {
    known: Mutex<BTreeMap<AgentDid, Known>>,
    /// Counts what was forgotten: what the registry said before is not remembered after.
    forgotten: AtomicU64,
    ended: Mutex<Ended>,
}

/// Sessions that the registry ended.
#[derive(Default)]
struct Ended {
    count: u64,
    /// Whose the last ones were.
    last: VecDeque<AgentDid>,
}

/// Ended sessions that are remembered by agent, for checks that are under way; a check that saw more go by is not believed.
const MAX_ENDED: usize = 1024;

struct Known {
    token: [u8; 32],
    jti: Ulid,
    until: Instant,
}

/// How long the registry's word is good for: an access token that has just expired may be used so much longer.
const ACCESS_CACHE_TTL: Duration = Duration::from_secs(30);
/// Agents remembered; beyond it all are forgotten and asked for again.
const ACCESS_CACHE_SIZE: usize = 100_000;

impl AccessCache {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            forgotten: AtomicU64::new(0),
            ended: Mutex::default(),
        }
    }

    fn ended(&self) -> std::sync::MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions_ended(&self) -> u64 {
        self.ended().count
    }

    /// The registry ended the session of `agent`: access tokens that were good before are not.
    pub(crate) fn session_ended(&self, agent: &AgentDid) {
        let mut ended = self.ended();
        ended.count += 1;
        if ended.last.len() >= MAX_ENDED {
            ended.last.pop_front();
        }
        ended.last.push_back(agent.clone());
    }

    /// Whether the session of `caller` may have ended since its checks began.
    pub(crate) fn may_have_ended(&self, caller: &Caller) -> bool {
        let ended = self.ended();
        let since = usize::try_from(ended.count - caller.sessions_ended).unwrap_or(usize::MAX);
        since > ended.last.len() || ended.last.iter().rev().take(since).any(|agent| agent == caller.agent())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<AgentDid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what is known of `agent`.
    pub(crate) fn forget(&self, agent: &AgentDid) {
        let mut known = self.known();
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        known.remove(agent);
    }

    async fn check(&self, shared: &Shared, caller: &Caller, access: &str) -> Result<(), RelayError> {
        let (agent, jti) = (caller.agent(), caller.ait.jti());
        let token = digest::sha256(access);
        let now = Instant::now();
        if self
            .known()
            .get(agent)
            .is_some_and(|known| known.is_for(&token, jti, now))
        {
            return Ok(());
        }
        let forgotten = self.forgotten.load(Ordering::Relaxed);
        shared
            .directory
            .validate(agent, jti, access)
            .await
            .map_err(|error| match error {
                AccessError::Invalid => RelayError::AccessInvalid,
                AccessError::Unavailable(error) => RelayError::DependencyUnavailable(error.0),
            })?;
        let mut known = self.known();
        if self.forgotten.load(Ordering::Relaxed) != forgotten {
            // a revocation came in between, and may be this one's
            return Ok(());
        }
        if known.len() >= ACCESS_CACHE_SIZE {
            known.clear();
        }
        known.insert(
            agent.clone(),
            Known {
                token,
                jti,
                until: now + ACCESS_CACHE_TTL,
            },
        );
        Ok(())
    }
}

impl Known {
    fn is_for(&self, token: &[u8; 32], jti: Ulid, now: Instant) -> bool {
        digest::secrets_equal(&self.token, token) && self.jti == jti && now < self.until
    }
}
