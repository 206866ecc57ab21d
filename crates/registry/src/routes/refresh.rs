//! New session tokens for an agent that proves who it is.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri, header::AUTHORIZATION},
};
use chancery_base::{Millis, digest};
use chancery_identity::{
    Ait, VerifiedAit,
    http_signature::{self, Request},
    proof::{self, ProofHeaders, VerifiedProof},
};
use chancery_relay_wire::registry::RefreshResponse;
use chancery_serve::ApiError;
use zeroize::Zeroizing;

use super::body::Fields;
use crate::{
    auth::single,
    engine::{Engine, Shared},
    error::Refusal,
    limits::REFRESH_GRACE_MS,
    session::SessionSecrets,
    store::commands::{Refresh, RefreshOutcome},
};

/// Longest refresh token that is looked at, bytes; ours have 51.
const MAX_TOKEN_BYTES: usize = 256;

/// `POST /v1/agents/auth/refresh`.
///
/// The order of checks: JSON, payload, identity token and proof, nonce, agent, session, its status, token, expiry. The
/// nonce is used up in the commit that does or refuses the rotation.
pub(super) async fn refresh(
    State(registry): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<RefreshResponse>, ApiError> {
    let presented = registry.presented(&body)?;
    let now = registry.now();
    let (ait, proof) = registry.prove(&method, &uri, &headers, &body, now)?;
    let agent = ait.agent().clone();
    let (secrets, tokens) = SessionSecrets::generate(now, &*registry.rng);
    let sealed = secrets.seal(&presented, agent.ulid(), &*registry.rng);
    let step = Refresh {
        agent: agent.clone(),
        jti: ait.jti(),
        nonce: proof.nonce,
        remember_until: proof.remember_until,
        presented_hash: digest::sha256_hex(presented.as_bytes()),
        tokens: tokens.clone(),
        successor: sealed.ok_or_else(|| ApiError::internal("the session tokens cannot be sealed"))?,
        grace_until: now.plus(REFRESH_GRACE_MS),
        now,
    };
    let engine = Shared::clone(&registry);
    let outcome = Engine::to_the_end(async move {
        let outcome = engine.apply(step).await?;
        if let RefreshOutcome::Expired { seq } = outcome {
            engine.feed.committed(seq);
        }
        Ok(outcome)
    });
    let agent_auth = match outcome.await? {
        RefreshOutcome::Rotated => secrets.bundle(&tokens),
        RefreshOutcome::Successor { sealed, tokens } => SessionSecrets::open(&sealed, &presented, agent.ulid())
            .ok_or_else(|| ApiError::internal("the sealed session tokens cannot be opened"))?
            .bundle(&tokens),
        RefreshOutcome::Replayed => return Err(Refusal::RefreshUnauthorized.into()),
        RefreshOutcome::TooManyNonces => return Err(Refusal::TooManyRefreshes.into()),
        RefreshOutcome::Invalid => return Err(Refusal::RefreshInvalid.into()),
        RefreshOutcome::Revoked => return Err(Refusal::RefreshRevoked.into()),
        RefreshOutcome::Expired { .. } => return Err(Refusal::RefreshExpired.into()),
    };
    Ok(Json(RefreshResponse { agent_auth }))
}

impl Engine {
    /// The refresh token in the body. Whether it is one is for the session to say.
    fn presented(&self, body: &[u8]) -> Result<Zeroizing<String>, ApiError> {
        let mut fields = Fields::of_json(body);
        let token = fields.required("refreshToken", |text| match text.trim() {
            "" => Err("must not be empty"),
            token if token.len() > MAX_TOKEN_BYTES => Err("is too long"),
            token => Ok(Zeroizing::new(token.to_owned())),
        });
        let checked = fields.check();
        match (&checked, token) {
            (Ok(()), Some(token)) => Ok(token),
            // the code also stands for a token that is not the session's
            _ => Err(self.invalid_as(
                Refusal::RefreshInvalid,
                "Refresh payload is invalid",
                checked.err().unwrap_or_default(),
            )),
        }
    }

    /// Checks identity token, proof, and the HTTP message signature when there is one.
    fn prove(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<(VerifiedAit, VerifiedProof), Refusal> {
        let refused = Refusal::RefreshUnauthorized;
        let scheme = single(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Claw"));
        let token = scheme
            .filter(|rest| rest.starts_with([' ', '\t']))
            .map(str::trim)
            .ok_or(refused)?;
        let keys = self.config.signing_keys.set();
        let ait = Ait::verify(token, keys, &self.config.issuer, now).map_err(|_| refused)?;
        let header = |name: &str| single(headers, name).map(str::to_owned).ok_or(refused);
        let proof = ProofHeaders {
            timestamp: header(proof::header::TIMESTAMP)?,
            nonce: header(proof::header::NONCE)?,
            body_sha256: header(proof::header::BODY_SHA256)?,
            proof: header(proof::header::PROOF)?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let verified = proof::verify(&proof, method.as_str(), path, body, now, ait.key()).map_err(|_| refused)?;
        self.check_signature(method, path, headers, &ait, now)?;
        Ok((ait, verified))
    }

    /// The HTTP message signature (RFC 9421), which our own parts send beside the proof. Half of one is none.
    fn check_signature(
        &self,
        method: &Method,
        path_and_query: &str,
        headers: &HeaderMap,
        ait: &VerifiedAit,
        now: Millis,
    ) -> Result<(), Refusal> {
        let refused = Refusal::RefreshUnauthorized;
        let (input, signature) = (http_signature::SIGNATURE_INPUT, http_signature::SIGNATURE);
        if !headers.contains_key(input) && !headers.contains_key(signature) {
            return Ok(());
        }
        let input = single(headers, input).ok_or(refused)?;
        let signature = single(headers, signature).ok_or(refused)?;
        let all = headers.iter().filter(|(name, _)| http_signature::covers(name.as_str()));
        let all = all.map(|(name, value)| Ok((name.as_str(), value.to_str().map_err(|_| refused)?)));
        let all = all.collect::<Result<Vec<_>, Refusal>>()?;
        let request = Request {
            method: method.as_str(),
            authority: "",
            path_and_query,
            headers: &all,
        };
        http_signature::verify(&request, input, signature, &self.authorities, now, ait.key()).map_err(|_| refused)
    }
}
