//! `clawdentity config init`: takes over what a registry says about itself.

use clap::Args;
use serde::Serialize;

use crate::{
    commands::METADATA,
    context::Context,
    error::Result,
    state::config::{self, Config},
};

/// Arguments of `config init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Safe to repeat. When the registry does not answer, its URL is written all the same, with a warning.

Examples:
  clawdentity config init
  clawdentity config init --registry-url http://127.0.0.1:8788 --json"
)]
pub struct Arguments {
    /// Registry to use from now on
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
struct View<'a> {
    config: Config,
    path: &'a str,
}

/// Runs it.
///
/// # Errors
/// A malformed URL or an unwritable file. A registry that does not answer is a warning.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let state = context.state(arguments.registry_url.as_deref())?;
    let mut file = state.file_for_registry();
    match context.registry(state.registry.origin())?.metadata().await {
        Ok(metadata) => file.proxy_url = Some(metadata.proxy_url),
        Err(error) => {
            let failure = METADATA.name(error);
            context.output.warn(format!(
                "the registry's metadata could not be fetched: {}",
                failure.with_code()
            ));
        }
    }
    file.save(&state.dir)?;
    context.root().choose(&state)?;
    let path = state.path(config::FILE).display().to_string();
    let shown = file.masked();
    let human = [format!("Config initialized: {path}"), super::pretty(&shown)];
    context.show(
        &View {
            config: shown,
            path: &path,
        },
        &human,
    )
}
