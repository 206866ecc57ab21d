//! Where a connector delivers messages.

use chancery_base::ErrorCode as _;
use chancery_providers::webhook::{HookToken, TokenHeader, Webhook, WebhookConfig};
use chancery_terminal::secret;
use clap::Args;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    context::Context,
    env,
    error::{CliError, Result},
    state::{read_json, select::State},
};

/// Settings of OpenClaw that `provider setup` writes.
const RELAY_FILE: &str = "openclaw-relay.json";
/// Where OpenClaw listens when nothing says otherwise.
const OPENCLAW: &str = "http://127.0.0.1:18789";

/// Options that name the receiver.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Where OpenClaw listens [default: OPENCLAW_BASE_URL, openclaw-relay.json, or http://127.0.0.1:18789]
    #[arg(long, value_name = "OPENCLAW_BASE_URL")]
    openclaw_base_url: Option<String>,
    /// Path of OpenClaw's hook [default: OPENCLAW_HOOK_PATH, or /hooks/agent]
    #[arg(long, value_name = "OPENCLAW_HOOK_PATH")]
    openclaw_hook_path: Option<String>,
    /// Token of the hook: the value, - (a line of stdin) or @FILE [default: OPENCLAW_HOOK_TOKEN, or openclaw-relay.json]
    #[arg(long, value_name = "OPENCLAW_HOOK_TOKEN")]
    openclaw_hook_token: Option<String>,
    /// Deliver to this webhook and not to OpenClaw; a given hook token goes along as a bearer token
    #[arg(long, value_name = "URL", conflicts_with_all = ["openclaw_base_url", "openclaw_hook_path"])]
    deliver_url: Option<String>,
    /// The receiver recognises repeats by their Idempotency-Key: after a crash deliver again instead of holding
    #[arg(long)]
    provider_deduplicates: bool,
    /// Do not write the sender's identity above the text of messages
    #[arg(long)]
    no_identity_block: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelayFile {
    #[serde(default)]
    openclaw_base_url: Option<String>,
}

/// The receiver.
///
/// # Errors
/// A URL or file that is not what it should be.
pub(super) fn webhook(options: &Options, context: &Context, state: &State) -> Result<Webhook> {
    let flag = options
        .openclaw_hook_token
        .as_deref()
        .map(secret::from_arg)
        .transpose()?;
    let mut config = match &options.deliver_url {
        Some(url) => {
            // the token of OpenClaw's file or variable is for OpenClaw alone
            let token = flag.map_or_else(HookToken::none, HookToken::given);
            WebhookConfig::webhook(url, token, TokenHeader::Bearer)
        }
        None => openclaw(options, flag, context, state)?,
    };
    config.deduplicates = options.provider_deduplicates;
    config.identity_block = !options.no_identity_block;
    let flags = [
        &options.deliver_url,
        &options.openclaw_base_url,
        &options.openclaw_hook_path,
    ];
    let named_by_flag = flags.into_iter().any(Option::is_some);
    Webhook::new(config).map_err(|error| {
        let text = format!("{error} ({})", error.code());
        let failure = CliError::new(Code::ConnectorInvalidInput, text).of_argument_if(named_by_flag);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn openclaw(
    options: &Options,
    flag: Option<Zeroizing<String>>,
    context: &Context,
    state: &State,
) -> Result<WebhookConfig> {
    let path = state.path(RELAY_FILE);
    context.warn_if_wide(&path);
    let given = |flag: &Option<String>, name: &str| {
        let flag = flag.as_deref().map(str::trim).filter(|text| !text.is_empty());
        flag.or_else(|| context.env.get(name)).map(str::to_owned)
    };
    let base = match given(&options.openclaw_base_url, env::OPENCLAW_BASE_URL) {
        Some(base) => base,
        None => {
            let file: Option<RelayFile> = read_json(&path, Code::ConnectorInvalidInput)?;
            file.and_then(|file| file.openclaw_base_url)
                .unwrap_or_else(|| OPENCLAW.to_owned())
        }
    };
    let variable = || {
        context
            .env
            .get(env::OPENCLAW_HOOK_TOKEN)
            .map(|token| Zeroizing::new(token.to_owned()))
    };
    let token = match flag.or_else(variable) {
        Some(token) => HookToken::given(token),
        None => HookToken::from_relay_file(path),
    };
    let hook_path = given(&options.openclaw_hook_path, env::OPENCLAW_HOOK_PATH);
    Ok(WebhookConfig::openclaw(&base, hook_path.as_deref(), token))
}
