//! `clawdentity init`: a DID and key for a person, known to this machine only.

use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::HumanDid;
use clap::Args;

use super::whoami::View;
use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    state::human::HumanIdentity,
};

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Registries know people by their invites, not by this identity.

Examples:
  clawdentity init
  clawdentity init --registry-url https://registry.example --json")]
pub struct Arguments {
    /// Registry whose name the DID carries
    #[arg(long, value_name = "REGISTRY_URL")]
    registry_url: Option<String>,
}

/// Runs it.
///
/// # Errors
/// [`Code::IdentityExists`].
pub fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let state = context.state(arguments.registry_url.as_deref())?;
    let path = HumanIdentity::path(&state.dir);
    if path.exists() {
        return Err(CliError::new(
            Code::IdentityExists,
            format!("identity already exists at {}", path.display()),
        ));
    }
    let authority = state.registry.origin().authority().ok_or_else(|| {
        CliError::new(
            Code::RegistryUrlInvalid,
            "invalid input: the registry's host cannot be part of a DID",
        )
    })?;
    let key = SecretKey::generate(&context.rng);
    let did = HumanDid::new(&authority, Ulid::generate(context.now(), &context.rng));
    let identity = HumanIdentity::new(did, &key, state.registry.text().to_owned());
    state.file_for_registry().save(&state.dir)?;
    identity.save(&state.dir)?;
    View::new(&identity).show(context)
}
