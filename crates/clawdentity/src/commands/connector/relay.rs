//! Which relay a connector connects to.

use clap::Args;

use crate::{
    code::Code,
    commands::METADATA,
    context::Context,
    env,
    error::{CliError, Result},
    state::select::State,
};

/// Options that name the relay.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Relay's WebSocket URL [default: from the environment, the configuration or the registry]
    #[arg(long, value_name = "PROXY_WS_URL")]
    proxy_ws_url: Option<String>,
}

impl Options {
    /// Whether a flag names the relay.
    pub(super) fn is_given(&self) -> bool {
        self.proxy_ws_url.as_deref().is_some_and(|url| !url.trim().is_empty())
    }
}

/// The relay's URL: flag, `CLAWDENTITY_PROXY_WS_URL`, `CLAWDENTITY_PROXY_URL`, configuration, registry.
///
/// # Errors
/// [`Code::ConnectorProxyUrlRequired`] when none of them names one.
pub(super) async fn url(options: &Options, context: &Context, state: &State) -> Result<String> {
    let variable = |name| context.env.get(name).map(str::to_owned);
    let flag = options
        .proxy_ws_url
        .as_deref()
        .map(str::trim)
        .filter(|url| !url.is_empty())
        .map(str::to_owned);
    let local = flag
        .or_else(|| variable(env::PROXY_WS_URL))
        .or_else(|| variable(env::PROXY_URL))
        .or_else(|| state.file.proxy_url.clone().filter(|url| !url.trim().is_empty()));
    if let Some(url) = local {
        return Ok(url);
    }
    let registry = context.registry(state.registry.origin())?;
    let metadata = registry.metadata().await.map_err(|error| {
        let failure = METADATA.name(error);
        let text = format!("no relay is configured, and the registry could not be asked: {failure}");
        CliError::new(Code::ConnectorProxyUrlRequired, text)
    })?;
    if metadata.proxy_url.trim().is_empty() {
        return Err(CliError::new(
            Code::ConnectorProxyUrlRequired,
            "neither configuration nor registry names a relay",
        ));
    }
    Ok(metadata.proxy_url)
}
