//! `clawdentity api-key`.

pub mod create;
pub mod list;
pub mod revoke;

use chancery_relay_wire::registry::{self, Status};
use clap::Subcommand;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    state::{config::ServerUrl, select::State},
};

/// Subcommands of `api-key`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Create an API key
    Create(create::Arguments),
    /// List your API keys
    List(list::Arguments),
    /// Revoke an API key
    Revoke(revoke::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Create(arguments) => create::run(arguments, context).await,
        Group::List(arguments) => list::run(arguments, context).await,
        Group::Revoke(arguments) => revoke::run(arguments, context).await,
    }
}

/// The state of the registry in `hint`, with the error code of this group.
fn state(context: &Context, hint: Option<&str>) -> Result<State> {
    if let Some(url) = hint {
        ServerUrl::parse(url, Code::ApiKeyInvalidRegistryUrl).map_err(CliError::of_argument)?;
    }
    context.state(hint)
}

fn codes(refused: Code) -> RemoteCodes {
    RemoteCodes {
        unreachable: Code::ApiKeyRequestFailed,
        refused,
        invalid: Code::ApiKeyInvalidResponse,
    }
}

/// An API key as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiKeyView {
    id: String,
    name: String,
    status: Status,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<registry::ApiKey> for ApiKeyView {
    fn from(key: registry::ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            status: key.status,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            token: key.token,
        }
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Revoked => "revoked",
    }
}
