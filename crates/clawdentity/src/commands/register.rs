//! `clawdentity register`: kept from the published client; agents register themselves at `agent create`.

use clap::Args;
use serde::Serialize;

use super::METADATA;
use crate::{context::Context, error::Result};

const MESSAGE: &str = "Identity registration is challenge-based via `agent create`.";

/// Arguments of `register`.
#[derive(Debug, Args)]
#[command(
    after_help = "People register by redeeming an invite, agents by `clawdentity agent create`.

Examples:
  clawdentity register --registry-url https://registry.example --json"
)]
pub struct Arguments {
    /// Registry to ask
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    registry_url: &'a str,
    status: &'a str,
    message: &'a str,
}

/// Runs it.
///
/// # Errors
/// A registry that does not answer.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let state = context.state(arguments.registry_url.as_deref())?;
    let metadata = context
        .registry(state.registry.origin())?
        .metadata()
        .await
        .map_err(|error| METADATA.name(error))?;
    let view = View {
        registry_url: &metadata.registry_url,
        status: "not_supported",
        message: MESSAGE,
    };
    let human = [
        format!("Registry URL: {}", view.registry_url),
        format!("Status: {}", view.status),
        format!("Message: {MESSAGE}"),
    ];
    context.show(&view, &human)
}
