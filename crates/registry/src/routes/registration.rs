//! An agent begins: a challenge, and the proof that the caller holds the agent's key.

use axum::{Json, body::Bytes, extract::State, http::StatusCode};
use chancery_base::{
    Millis, Rng as _, Ulid, b64,
    ed25519::{PublicKey, Signature},
};
use chancery_identity::{
    AgentDid,
    ait::{Claims, Confirmation, DEFAULT_TTL_DAYS, MAX_TTL_DAYS},
    name::{AgentName, Framework},
    registration::{CHALLENGE_TTL_MS, RegistrationProof, TEMPLATE},
};
use chancery_relay_wire::registry::{AgentCreateResponse, ChallengeResponse, Status};
use chancery_serve::ApiError;

use super::{
    body::{Fields, parse},
    view,
};
use crate::{
    auth::Person,
    engine::{Engine, Shared},
    error::Refusal,
    limits::CHALLENGE_MEMORY_MS,
    session::SessionSecrets,
    store::{
        commands::{ChallengeRefusal, CreateAgent, CreateAgentRefusal, CreateChallenge},
        model::{Agent, Challenge, Session},
        queries::ChallengeOf,
    },
};

/// The framework of an agent that names none.
const DEFAULT_FRAMEWORK: &str = "openclaw";

/// `POST /v1/agents/challenge`.
pub(super) async fn challenge(
    State(registry): State<Shared>,
    person: Person,
    body: Bytes,
) -> Result<(StatusCode, Json<ChallengeResponse>), ApiError> {
    let mut fields = Fields::of_json(&body);
    let public_key = fields.required("publicKey", PublicKey::from_b64);
    let checked = fields.check();
    let (Ok(()), Some(public_key)) = (&checked, public_key) else {
        return Err(registry.invalid(Refusal::ChallengeInvalid, checked.err().unwrap_or_default()));
    };
    let now = registry.now();
    let challenge = Challenge {
        id: registry.ulid(now),
        owner: person.human.did.ulid(),
        public_key,
        nonce: b64::encode(registry.rng.bytes::<24>()),
        expires_at: now.plus(CHALLENGE_TTL_MS),
        used_at: None,
        created_at: now,
    };
    let response = ChallengeResponse {
        challenge_id: challenge.id,
        nonce: challenge.nonce.clone(),
        owner_did: person.human.did,
        expires_at: challenge.expires_at.to_rfc3339(),
        algorithm: "Ed25519".to_owned(),
        message_template: TEMPLATE.to_owned(),
    };
    let step = CreateChallenge {
        challenge,
        forget_before: now.plus(-CHALLENGE_MEMORY_MS),
    };
    registry
        .run(step, |ChallengeRefusal::TooMany| Refusal::TooManyChallenges)
        .await?;
    Ok((StatusCode::CREATED, Json(response)))
}

/// What a registration asks for.
struct Registration {
    challenge_id: Ulid,
    signature: Signature,
    name: AgentName,
    framework: Option<Framework>,
    public_key: PublicKey,
    ttl_days: Option<u32>,
}

impl Engine {
    fn registration(&self, body: &[u8]) -> Result<Registration, ApiError> {
        let mut fields = Fields::of_json(body);
        let name = fields.required("name", parse::<AgentName>);
        let framework = fields.optional("framework", parse::<Framework>);
        let public_key = fields.required("publicKey", PublicKey::from_b64);
        let ttl_days = fields.whole("ttlDays", 1..=MAX_TTL_DAYS);
        let challenge_id = fields.required("challengeId", parse::<Ulid>);
        let signature = fields.required("challengeSignature", Signature::from_b64);
        match (fields.check(), name, public_key, challenge_id, signature) {
            (Ok(()), Some(name), Some(public_key), Some(challenge_id), Some(signature)) => Ok(Registration {
                challenge_id,
                signature,
                name,
                framework,
                public_key,
                ttl_days,
            }),
            (checked, ..) => Err(self.invalid(Refusal::RegistrationInvalid, checked.err().unwrap_or_default())),
        }
    }

    /// The identity token of `agent`, issued now.
    pub(super) fn issue_ait(&self, agent: &Agent, now: Millis) -> Result<String, ApiError> {
        let secs = |at: Millis| {
            u32::try_from(at.secs()).map_err(|_| ApiError::internal(format!("{at} is no time of a token")))
        };
        let claims = Claims {
            iss: self.config.issuer.clone(),
            sub: agent.did.clone(),
            owner_did: agent.owner.clone(),
            name: agent.name.clone(),
            framework: agent.framework.clone(),
            description: None,
            cnf: Confirmation::from(agent.public_key),
            iat: secs(now)?,
            nbf: secs(now)?,
            exp: secs(agent.expires_at)?,
            jti: agent.current_jti,
        };
        let signed = self.config.signing_keys.sign_ait(&claims);
        signed.map_err(|error| ApiError::internal(format!("the identity token cannot be issued: {error}")))
    }
}

/// When a token issued now for `ttl_days` expires: to the second, as the token says it.
pub(super) fn expiry(now: Millis, ttl_days: u32) -> Millis {
    Millis::from_secs(now.secs().saturating_add(i64::from(ttl_days) * 24 * 3600))
}

/// `POST /v1/agents`.
pub(super) async fn create(
    State(registry): State<Shared>,
    person: Person,
    body: Bytes,
) -> Result<(StatusCode, Json<AgentCreateResponse>), ApiError> {
    let request = registry.registration(&body)?;
    let now = registry.now();
    let owner = person.human.did;
    let query = ChallengeOf {
        owner: owner.ulid(),
        id: request.challenge_id,
    };
    let challenge = registry.find(query).await?.ok_or(Refusal::ChallengeNotFound)?;
    if challenge.used_at.is_some() {
        return Err(Refusal::ChallengeReplayed.into());
    }
    if now >= challenge.expires_at {
        return Err(Refusal::ChallengeExpired.into());
    }
    if request.public_key != challenge.public_key {
        return Err(Refusal::ProofMismatch.into());
    }
    let proof = RegistrationProof {
        challenge_id: challenge.id,
        nonce: &challenge.nonce,
        owner: &owner,
        public_key: &request.public_key,
        name: request.name.as_str(),
        framework: request.framework.as_ref().map(Framework::as_str),
        ttl_days: request.ttl_days,
    };
    let proven = request
        .public_key
        .verify(proof.canonical().as_bytes(), &request.signature);
    proven.map_err(|_| Refusal::ProofInvalid)?;

    let default = || {
        DEFAULT_FRAMEWORK
            .parse()
            .map_err(|_| ApiError::internal("the default framework breaks its rule"))
    };
    let ttl_days = request.ttl_days.unwrap_or(DEFAULT_TTL_DAYS);
    let agent = Agent {
        did: AgentDid::new(&registry.authority, registry.ulid(now)),
        owner,
        name: request.name,
        framework: request.framework.map_or_else(default, Ok)?,
        public_key: request.public_key,
        current_jti: registry.ulid(now),
        ttl_days,
        status: Status::Active,
        expires_at: expiry(now, ttl_days),
        created_at: now,
        updated_at: now,
    };
    let (secrets, tokens) = SessionSecrets::generate(now, &*registry.rng);
    let response = AgentCreateResponse {
        agent: view::agent(&agent),
        ait: registry.issue_ait(&agent, now)?,
        agent_auth: secrets.bundle(&tokens),
    };
    let session = Session {
        id: registry.ulid(now),
        agent: agent.did.ulid(),
        tokens,
        access_last_used_at: None,
        previous: None,
        status: Status::Active,
        revoked_at: None,
        created_at: now,
        updated_at: now,
    };
    let step = CreateAgent {
        challenge: challenge.id,
        agent,
        session,
        now,
    };
    registry
        .run(step, |why| match why {
            CreateAgentRefusal::ChallengeNotFound => Refusal::ChallengeNotFound,
            CreateAgentRefusal::ChallengeReplayed => Refusal::ChallengeReplayed,
            CreateAgentRefusal::ChallengeExpired => Refusal::ChallengeExpired,
            CreateAgentRefusal::NameTaken => Refusal::NameTaken,
            CreateAgentRefusal::KeyTaken => Refusal::KeyTaken,
        })
        .await?;
    Ok((StatusCode::CREATED, Json(response)))
}
