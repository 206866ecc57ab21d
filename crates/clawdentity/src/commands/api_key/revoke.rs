//! `clawdentity api-key revoke`: takes back one API key, at once and for good.

use chancery_base::Ulid;
use clap::Args;
use serde::Serialize;

use super::codes;
use crate::{
    code::Code,
    commands::api_key,
    context::Context,
    error::{CliError, Result},
};

/// Arguments of `api-key revoke`.
#[derive(Debug, Args)]
#[command(after_help = "Repeating it is no error. A key may revoke itself.

Examples:
  clawdentity api-key revoke 01HF7YAT00W6W7CM7N3W5FDXTD")]
pub struct Arguments {
    /// Id of the key, as `api-key list` shows it
    id: String,
    /// Registry to ask
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    api_key_id: String,
    registry_url: String,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_API_KEY_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let id: Ulid = arguments
        .id
        .trim()
        .parse()
        .map_err(|_| CliError::usage(Code::ApiKeyIdInvalid, "invalid input: API key id must be a valid ULID"))?;
    let state = super::state(context, arguments.registry_url.as_deref())?;
    let key = api_key(&state, context, Code::ApiKeyMissingLocalCredentials)?;
    let registry = context.registry(state.registry.origin())?;
    let codes = codes(Code::ApiKeyRevokeFailed);
    registry
        .api_key_revoke(&key, id)
        .await
        .map_err(|error| codes.name(error))?;
    let human = [format!("API key revoked: {id}")];
    context.show(
        &View {
            api_key_id: id.to_string(),
            registry_url: state.registry.normalised(),
        },
        &human,
    )
}
