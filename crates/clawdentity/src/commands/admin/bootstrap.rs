//! `clawdentity admin bootstrap`: the first administrator of a new registry, once.

use chancery_relay_wire::registry::{BootstrapRequest, Human, NewApiKey, ServiceRef};
use chancery_terminal::secret;
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    state::config::ServerUrl,
};

const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::BootstrapRequestFailed,
    refused: Code::BootstrapFailed,
    invalid: Code::BootstrapInvalidResponse,
};

/// Arguments of `admin bootstrap`.
#[derive(Debug, Args)]
#[command(
    after_help = "Works once per registry. The API key is saved to the local configuration.
Arguments can be seen by other users of this machine: prefer - or @FILE for the secret.

Examples:
  clawdentity admin bootstrap --bootstrap-secret @secret.txt --registry-url http://127.0.0.1:8788
  clawdentity admin bootstrap --bootstrap-secret - --display-name Ada --json < secret.txt"
)]
pub struct Arguments {
    /// The registry's bootstrap secret: the value, - (a line of stdin) or @FILE
    #[arg(long, value_name = "BOOTSTRAP_SECRET")]
    bootstrap_secret: String,
    /// Name of the administrator [default: Admin]
    #[arg(long, value_name = "DISPLAY_NAME")]
    display_name: Option<String>,
    /// Name of the API key [default: bootstrap-admin]
    #[arg(long, value_name = "API_KEY_NAME")]
    api_key_name: Option<String>,
    /// Registry to set up
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    human: &'a Human,
    api_key: &'a NewApiKey,
    internal_service: &'a ServiceRef,
    registry_url: String,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_ADMIN_BOOTSTRAP_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let secret = secret::from_arg(&arguments.bootstrap_secret).map_err(|failure| match failure.code.as_str() {
        "SECRET_EMPTY" => CliError::usage(Code::BootstrapSecretRequired, "the bootstrap secret is empty"),
        _ => failure.into(),
    })?;
    if let Some(url) = &arguments.registry_url {
        ServerUrl::parse(url, Code::BootstrapInvalidRegistryUrl).map_err(CliError::of_argument)?;
    }
    let state = context.state(arguments.registry_url.as_deref())?;
    // written before the call, so that a directory that cannot be written shows before a key exists
    let mut file = state.file_for_registry();
    let cannot_save = |error: CliError| CliError::new(Code::BootstrapConfigPersistenceFailed, error.to_string());
    file.save(&state.dir).map_err(cannot_save)?;

    let request = BootstrapRequest {
        api_key_name: arguments.api_key_name,
        display_name: arguments.display_name.clone(),
    };
    let registry = context.registry(state.registry.origin())?;
    let response = registry
        .bootstrap(&secret, &request)
        .await
        .map_err(|error| CODES.name(error))?;
    file.api_key = Some(response.api_key.token.clone());
    if arguments.display_name.is_some() {
        file.human_name = Some(response.human.display_name.to_string());
    }
    let saved = file.save(&state.dir).and_then(|()| context.root().choose(&state));

    let mut human = vec![
        "Admin bootstrap completed".to_owned(),
        format!("Human DID: {}", response.human.did),
        format!("API key name: {}", response.api_key.name),
        "API key token (shown once):".to_owned(),
        response.api_key.token.clone(),
        format!("Internal service ID: {}", response.internal_service.id),
        format!("Internal service name: {}", response.internal_service.name),
        "Set proxy secrets BOOTSTRAP_INTERNAL_SERVICE_ID and BOOTSTRAP_INTERNAL_SERVICE_SECRET manually in Cloudflare \
         before proxy deploy."
            .to_owned(),
    ];
    if saved.is_ok() {
        human.push("API key saved to local config".to_owned());
    }
    let view = View {
        human: &response.human,
        api_key: &response.api_key,
        internal_service: &response.internal_service,
        registry_url: state.registry.normalised(),
    };
    // the token is shown even when it could not be saved: nobody can show it again
    context.show(&view, &human)?;
    saved.map_err(cannot_save)
}
