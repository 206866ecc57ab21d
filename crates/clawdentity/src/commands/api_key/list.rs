//! `clawdentity api-key list`: all API keys of the person who asks.

use clap::Args;
use serde::Serialize;

use super::{ApiKeyView, codes, word};
use crate::{code::Code, commands::api_key, context::Context, error::Result};

/// Arguments of `api-key list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  clawdentity api-key list
  clawdentity api-key list --json")]
pub struct Arguments {
    /// Registry to ask
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    api_keys: Vec<ApiKeyView>,
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
    let codes = codes(Code::ApiKeyListFailed);
    let keys = registry
        .api_keys(&key)
        .await
        .map_err(|error| codes.name(error))?
        .api_keys;
    let api_keys: Vec<ApiKeyView> = keys.into_iter().map(ApiKeyView::from).collect();
    let line = |key: &ApiKeyView| {
        let (id, name, status, created) = (&key.id, &key.name, word(key.status), &key.created_at);
        let used = key.last_used_at.as_deref().unwrap_or("never");
        format!("{id} | {name} | {status} | created {created} | last used {used}")
    };
    let mut human: Vec<String> = api_keys.iter().map(line).collect();
    if human.is_empty() {
        human.push("No API keys found.".to_owned());
    }
    context.show(
        &View {
            api_keys,
            registry_url: state.registry.normalised(),
        },
        &human,
    )
}
