//! `safeclaw key untrust`.

use clap::Args;
use serde_json::json;

use super::named;
use crate::{CliError, Code, Context, Result};

/// Arguments of `key untrust`.
#[derive(Debug, Args)]
#[command(
    after_help = "What the key installed stays, with its grants; `safeclaw key revoke` takes those, too. Taking away needs no
passphrase.

Examples:
  safeclaw key untrust Acme
  safeclaw key untrust SHA256:..."
)]
pub struct Arguments {
    /// Fingerprint, label, public key, or a file that holds it
    #[arg(value_name = "KEY")]
    key: String,
}

/// Runs it.
///
/// # Errors
/// [`Code::KeyUnknown`], [`Code::KeyInvalid`]; those of the engine.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let skills = context.skills()?;
    let publishers = skills.publishers()?;
    let keyid = named::key_id(&arguments.key, &publishers)?;
    if !skills.untrust(&keyid)? {
        return Err(CliError::new(Code::KeyUnknown, format!("{keyid} is not trusted")));
    }
    context.show(
        &json!({ "keyid": keyid, "trusted": false }),
        &[format!("{keyid} is no longer trusted")],
    )
}
