//! `clawdentity whoami`: shows what `init` made.

use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    state::human::HumanIdentity,
};

/// Arguments of `whoami`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  clawdentity whoami
  clawdentity whoami --json")]
pub struct Arguments {}

/// What is shown of a person's identity.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View<'a> {
    did: &'a str,
    public_key: String,
    registry_url: &'a str,
}

impl<'a> View<'a> {
    pub(super) fn new(identity: &'a HumanIdentity) -> Self {
        Self {
            did: identity.did.as_str(),
            public_key: identity.public_key.to_b64(),
            registry_url: &identity.registry_url,
        }
    }

    pub(super) fn show(&self, context: &Context) -> Result<()> {
        let human = [
            format!("DID: {}", self.did),
            format!("Public Key: {}", self.public_key),
            format!("Registry URL: {}", self.registry_url),
        ];
        context.show(self, &human)
    }
}

/// Runs it.
///
/// # Errors
/// [`Code::IdentityNotFound`].
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let state = context.state(None)?;
    let path = HumanIdentity::path(&state.dir);
    context.warn_if_wide(&path);
    let identity = HumanIdentity::load(&state.dir)?
        .ok_or_else(|| CliError::new(Code::IdentityNotFound, format!("no identity at {}", path.display())))?;
    View::new(&identity).show(context)
}
