//! `clawdentity api-key create`: one more API key for the person who asks.

use chancery_relay_wire::registry::ApiKeyCreateRequest;
use clap::Args;
use serde::Serialize;

use super::{ApiKeyView, codes, word};
use crate::{code::Code, commands::api_key, context::Context, error::Result};

/// Arguments of `api-key create`.
#[derive(Debug, Args)]
#[command(
    after_help = "The token is shown once and not saved. To rotate: create, `config set apiKey`, revoke the old one.

Examples:
  clawdentity api-key create
  clawdentity api-key create --name laptop --json"
)]
pub struct Arguments {
    /// Name of the key [default: api-key]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Registry to ask
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    api_key: ApiKeyView,
    registry_url: String,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_API_KEY_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let state = super::state(context, arguments.registry_url.as_deref())?;
    let key = api_key(&state, context, Code::ApiKeyMissingLocalCredentials)?;
    let registry = context.registry(state.registry.origin())?;
    let request = ApiKeyCreateRequest { name: arguments.name };
    let codes = codes(Code::ApiKeyCreateFailed);
    let created = registry
        .api_key_create(&key, &request)
        .await
        .map_err(|error| codes.name(error))?
        .api_key;
    let human = [
        "API key created".to_owned(),
        format!("ID: {}", created.id),
        format!("Name: {}", created.name),
        format!("Status: {}", word(created.status)),
        format!("Created At: {}", created.created_at),
        "Token (shown once):".to_owned(),
        created.token.clone().unwrap_or_default(),
    ];
    context.show(
        &View {
            api_key: created.into(),
            registry_url: state.registry.normalised(),
        },
        &human,
    )
}
