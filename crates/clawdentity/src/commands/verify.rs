//! `clawdentity verify`: whether an identity token is to be trusted.

use std::path::Path;

use chancery_base::Millis;
use chancery_identity::ait::{self, AitError};
use chancery_store::files;
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    keyring::{Keyring, ListError, VerifyError},
    state::cache::Cached as _,
};

const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::VerifyUnavailable,
    refused: Code::VerifyUnavailable,
    invalid: Code::VerifyUnavailable,
};

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Checks form, issuer, signature, times and the revocation list. Keys are remembered for an hour,
the list for 15 minutes; when the registry is away older ones serve, and the result says so.
Exit code 1 when the token is not to be trusted.

Examples:
  clawdentity verify ~/.clawdentity/agents/alpha/ait.jwt
  clawdentity verify eyJhbGciOi... --json"
)]
pub struct Arguments {
    /// The token, or a file that holds it
    token_or_file: String,
}

#[derive(Serialize)]
struct View<'a> {
    claims: Option<Claims<'a>>,
    passed: bool,
    reason: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    exp: u32,
    iss: &'a str,
    jti: String,
    owner_did: &'a str,
    sub: &'a str,
}

struct Verdict {
    claims: Option<ait::Claims>,
    passed: bool,
    reason: String,
    stale: bool,
}

impl Verdict {
    fn refused(claims: Option<ait::Claims>, reason: impl Into<String>, stale: bool) -> Self {
        Self {
            claims,
            passed: false,
            reason: reason.into(),
            stale,
        }
    }
}

/// Runs it.
///
/// # Errors
/// [`Code::VerifyFailed`] when the token is not to be trusted, [`Code::VerifyUnavailable`] when that cannot be told.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let path = Path::new(&arguments.token_or_file);
    let token = if path.is_file() {
        String::from_utf8_lossy(&files::read_private(path)?).into_owned()
    } else {
        arguments.token_or_file.clone()
    };
    let verdict = judge(token.trim(), context).await?;
    if verdict.claims.is_none() && !path.is_file() && !arguments.token_or_file.contains('.') {
        context.output.note(format_args!(
            "{} is no token, and there is no such file",
            arguments.token_or_file
        ));
    }
    let claims = verdict.claims.as_ref().map(|claims| Claims {
        exp: claims.exp,
        iss: claims.iss.as_str(),
        jti: claims.jti.to_string(),
        owner_did: claims.owner_did.as_str(),
        sub: claims.sub.as_str(),
    });
    let first = if verdict.passed {
        "token verified"
    } else {
        "invalid token"
    };
    let mut human = vec![first.to_owned(), format!("Reason: {}", verdict.reason)];
    if let Some(claims) = &claims {
        human.push(format!("Issuer: {}", claims.iss));
        human.push(format!("Subject: {}", claims.sub));
        human.push(format!("Owner DID: {}", claims.owner_did));
        human.push(format!("JTI: {}", claims.jti));
        human.push(format!("Expires At: {}", claims.exp));
    }
    let view = View {
        claims,
        passed: verdict.passed,
        reason: verdict.reason.clone(),
        stale: verdict.stale,
    };
    context.show(&view, &human)?;
    if verdict.passed {
        Ok(())
    } else {
        Err(CliError::new(Code::VerifyFailed, verdict.reason).shown())
    }
}

async fn judge(token: &str, context: &Context) -> Result<Verdict> {
    // what is no token at all is told without asking anybody
    if let Err(AitError::Jws(_)) = ait::Ait::inspect(token) {
        return Ok(Verdict::refused(None, "invalid input: invalid token", false));
    }
    let state = context.state(None)?;
    let keyring = Keyring::new(context, &state)?;
    let known = match keyring.verify(token).await {
        Ok(known) => known,
        Err(VerifyError::Token(error)) => return Ok(Verdict::refused(None, format!("invalid token: {error}"), false)),
        Err(VerifyError::Http(error)) => return Err(CODES.name(error)),
    };
    let claims = known.value.claims().clone();
    let keys = keyring.keys().await.map_err(|error| CODES.name(error))?;
    let list = match keyring.revocations(&keys.value).await {
        Ok(list) => list,
        Err(ListError::Http(error)) => return Err(CODES.name(error)),
        Err(error @ ListError::Untrusted(_)) => {
            return Ok(Verdict::refused(Some(claims), error.to_string(), known.stale));
        }
    };
    let stale = known.stale || list.stale;
    if list.value.as_ref().is_some_and(|list| list.claims.revokes(claims.jti)) {
        return Ok(Verdict::refused(Some(claims), "token revoked", stale));
    }
    let mut reason = format!("token verified ({})", claims.sub);
    if list.stale {
        let fetched = list.value.as_ref().map_or(Millis(0), |list| list.fetched_at());
        reason.push_str(&format!(
            "; the registry is away: revocations are known as of {fetched} only"
        ));
    } else if stale {
        reason.push_str("; the registry is away: its keys are remembered ones");
    }
    Ok(Verdict {
        claims: Some(claims),
        passed: true,
        reason,
        stale,
    })
}
