//! `clawdentity invite redeem`: an invite code becomes a person and an API key.

use chancery_identity::name::DisplayName;
use chancery_relay_wire::registry::RedeemRequest;
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    commands::METADATA,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    state::config::normalised,
};

const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::InviteRequestFailed,
    refused: Code::InviteRedeemFailed,
    invalid: Code::InviteRedeemInvalidResponse,
};

/// Arguments of `invite redeem`.
#[derive(Debug, Args)]
#[command(
    after_help = "An invite works once. The API key, your name and the relay are saved to the local configuration.

Examples:
  clawdentity invite redeem clw_inv_... --display-name Alice
  clawdentity invite redeem clw_inv_... --display-name Alice --json
  clawdentity invite redeem clw_inv_... --display-name Alice --registry-url http://127.0.0.1:8788"
)]
pub struct Arguments {
    /// The code: clw_inv_...
    code: String,
    /// Your name, as peers will see it
    #[arg(long, value_name = "DISPLAY_NAME")]
    display_name: String,
    /// Name of the API key [default: invite]
    #[arg(long, value_name = "API_KEY_NAME")]
    api_key_name: Option<String>,
    /// Registry that the invite is for
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    api_key_token: String,
    api_key_id: String,
    api_key_name: String,
    human_name: String,
    proxy_url: String,
    registry_url: String,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_INVITE_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let code = arguments.code.trim();
    if code.is_empty() {
        return Err(CliError::usage(
            Code::InviteRedeemCodeRequired,
            "the invite code is empty",
        ));
    }
    let name: DisplayName = match arguments.display_name.trim() {
        "" => {
            return Err(CliError::usage(
                Code::InviteRedeemDisplayNameRequired,
                "the display name is empty",
            ));
        }
        name => name
            .parse()
            .map_err(|error| CliError::usage(Code::NameInvalid, format!("invalid input: {error}")))?,
    };
    let state = context.state(arguments.registry_url.as_deref())?;
    let mut file = state.file_for_registry();
    let cannot_save = |error: CliError| CliError::new(Code::InviteRedeemConfigPersistenceFailed, error.to_string());
    // written before the call, so that a directory that cannot be written does not use up the invite
    file.save(&state.dir).map_err(cannot_save)?;

    let registry = context.registry(state.registry.origin())?;
    let request = RedeemRequest {
        api_key_name: arguments.api_key_name,
        code: code.to_owned(),
        display_name: Some(name.to_string()),
    };
    let response = registry
        .invite_redeem(&request)
        .await
        .map_err(|error| CODES.name(error))?;
    file.api_key = Some(response.api_key.token.clone());
    file.human_name = Some(response.human.display_name.to_string());
    file.proxy_url = Some(response.proxy_url);
    let mut saved = file.save(&state.dir).and_then(|()| context.root().choose(&state));
    // pairing compares the configured relay with the metadata, so the metadata's spelling is the one to keep
    match registry.metadata().await {
        Ok(metadata) if saved.is_ok() => {
            file.proxy_url = Some(metadata.proxy_url);
            saved = file.save(&state.dir);
        }
        Ok(_) => {}
        Err(error) => {
            let failure = METADATA.name(error);
            context.output.warn(format!(
                "the registry's metadata could not be fetched: {}",
                failure.with_code()
            ));
        }
    }
    let view = View {
        api_key_token: response.api_key.token,
        api_key_id: response.api_key.id.to_string(),
        api_key_name: response.api_key.name,
        human_name: response.human.display_name.to_string(),
        proxy_url: normalised(file.proxy_url.as_deref().unwrap_or_default()),
        registry_url: state.registry.normalised(),
    };
    let mut human = vec![
        "Invite redeemed".to_owned(),
        format!("Human name: {}", view.human_name),
        format!("API key name: {}", view.api_key_name),
        "API key token (shown once):".to_owned(),
        view.api_key_token.clone(),
        format!("Registry URL: {}", view.registry_url),
        format!("Proxy URL: {}", view.proxy_url),
    ];
    if saved.is_ok() {
        human.push("API key saved to local config".to_owned());
    }
    // the token is shown even when it could not be saved: nobody can show it again
    context.show(&view, &human)?;
    saved.map_err(cannot_save)
}
