//! `clawdentity invite create`: a code that makes one more person.

use chancery_relay_wire::registry::InviteCreateRequest;
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    commands::api_key,
    context::Context,
    error::{RemoteCodes, Result},
};

const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::InviteRequestFailed,
    refused: Code::InviteCreateFailed,
    invalid: Code::InviteCreateInvalidResponse,
};

/// Arguments of `invite create`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  clawdentity invite create
  clawdentity invite create --expires-at 2030-01-31T12:00:00Z --json")]
pub struct Arguments {
    /// When the invite expires: ISO 8601, in the future [default: never]
    #[arg(long, value_name = "EXPIRES_AT")]
    expires_at: Option<String>,
    /// Registry to ask
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    invite: Invite,
    registry_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invite {
    code: String,
    id: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_INVITE_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let state = context.state(arguments.registry_url.as_deref())?;
    let key = api_key(&state, context, Code::InviteMissingLocalCredentials)?;
    let request = InviteCreateRequest {
        expires_at: arguments.expires_at,
    };
    let registry = context.registry(state.registry.origin())?;
    let invite = registry
        .invite_create(&key, &request)
        .await
        .map_err(|error| CODES.name(error))?
        .invite;
    let mut human = vec![
        "Invite created".to_owned(),
        format!("Code: {}", invite.code),
        format!("ID: {}", invite.id),
        format!("Created At: {}", invite.created_at),
    ];
    human.extend(invite.expires_at.as_ref().map(|at| format!("Expires At: {at}")));
    let invite = Invite {
        code: invite.code,
        id: invite.id.to_string(),
        created_at: invite.created_at,
        expires_at: invite.expires_at,
    };
    context.show(
        &View {
            invite,
            registry_url: state.registry.normalised(),
        },
        &human,
    )
}
