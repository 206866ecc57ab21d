//! `clawdentity agent inspect`: shows what an agent's identity token says, without checking it.

use chancery_base::Millis;
use clap::Args;
use serde::Serialize;

use super::existing;
use crate::{code::Code, context::Context, error::Result};

/// Arguments of `agent inspect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the local file only. `clawdentity verify` checks a token with the registry.

Examples:
  clawdentity agent inspect alpha
  clawdentity agent inspect alpha --json"
)]
pub struct Arguments {
    /// Name of the agent
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    did: String,
    owner_did: String,
    expires_at: String,
    key_id: String,
    public_key: String,
    framework: String,
}

/// Runs it.
///
/// # Errors
/// [`Code::AgentNotFound`] or [`Code::AgentFileInvalid`].
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let (_, agent) = existing(context, &arguments.name, Code::AgentNotFound)?;
    let (_, kid, claims) = agent.ait().map_err(|error| error.named(Code::AgentFileInvalid))?;
    let expires = Millis::from_secs(i64::from(claims.exp)).to_rfc3339();
    let view = View {
        did: claims.sub.to_string(),
        owner_did: claims.owner_did.to_string(),
        // the published client writes the offset and no decimals
        expires_at: expires.replace(".000Z", "+00:00"),
        key_id: kid,
        public_key: claims.cnf.jwk.x.to_b64(),
        framework: claims.framework.to_string(),
    };
    let human = [
        format!("DID: {}", view.did),
        format!("Owner: {}", view.owner_did),
        format!("Expires: {}", view.expires_at),
        format!("Key ID: {}", view.key_id),
        format!("Public Key: {}", view.public_key),
        format!("Framework: {}", view.framework),
    ];
    context.show(&view, &human)
}
