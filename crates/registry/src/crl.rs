//! The revocation list: signed when it is asked for, and again for everybody who asks within a few seconds.

use chancery_base::{Millis, Ulid};
use chancery_identity::{AgentDid, crl};
use chancery_serve::ApiError;
use tokio::sync::Mutex;

use crate::{
    engine::Engine,
    error::Refusal,
    limits::{CRL_KEEP_EXPIRED_MS, CRL_REUSE_MS},
    store::{model::Revocation, queries::RevokedTokens},
};

/// The list that was signed last.
#[derive(Debug, Default)]
pub(crate) struct SignedList(Mutex<Option<Signed>>);

#[derive(Debug)]
struct Signed {
    /// Last position of the feed when it was signed.
    seq: u64,
    at: Millis,
    token: String,
}

impl Engine {
    /// A signed list that holds everything committed before the call.
    pub(crate) async fn revocation_list(&self) -> Result<String, ApiError> {
        let now = self.now();
        // one builds, the others wait and take what it built
        let mut signed = self.crl.0.lock().await;
        let seq = self.feed.last();
        if let Some(signed) = &*signed
            && signed.seq == seq
            && (0..CRL_REUSE_MS).contains(&now.since(signed.at))
        {
            return Ok(signed.token.clone());
        }
        let token = self.sign_list(now).await?;
        *signed = Some(Signed {
            seq,
            at: now,
            token: token.clone(),
        });
        Ok(token)
    }

    async fn sign_list(&self, now: Millis) -> Result<String, ApiError> {
        let found = self
            .find(RevokedTokens {
                expired_before: now.plus(-CRL_KEEP_EXPIRED_MS),
            })
            .await?;
        let failed = |what: &str| ApiError::from(Refusal::CrlBuildFailed).tap(what);
        let mut revocations = found
            .into_iter()
            .map(entry)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| failed("a time"))?;
        let iat = u32::try_from(now.secs()).map_err(|_| failed("the clock"))?;
        if revocations.is_empty() {
            // old readers refuse an empty list: an entry that stands for nobody, for they remember the token's id only
            revocations.push(crl::Revocation {
                jti: self.ulid(now),
                agent_did: AgentDid::new(&self.authority, Ulid::NIL),
                reason: Some(crl::SENTINEL_REASON.to_owned()),
                revoked_at: iat,
            });
        }
        let claims = crl::Claims {
            iss: self.config.issuer.clone(),
            jti: self.ulid(now),
            iat,
            exp: iat.saturating_add(crl::TTL_SECS),
            revocations,
        };
        self.config
            .signing_keys
            .sign_crl(&claims)
            .map_err(|error| failed(&error.to_string()))
    }
}

fn entry(row: Revocation) -> Option<crl::Revocation> {
    let revoked_at = u32::try_from(row.revoked_at.secs()).ok()?;
    Some(crl::Revocation {
        jti: row.jti,
        agent_did: row.agent,
        reason: row.reason,
        revoked_at,
    })
}

/// Notes in the log what the client is not told.
trait Tap {
    fn tap(self, what: &str) -> Self;
}

impl Tap for ApiError {
    fn tap(self, what: &str) -> Self {
        tracing::error!(cause = what, "the revocation list could not be built");
        self
    }
}
