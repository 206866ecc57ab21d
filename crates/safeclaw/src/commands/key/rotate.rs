//! `safeclaw key rotate`.

use std::path::PathBuf;

use chancery_manifest::{Envelope, KeyId, Rotation, SkillId};
use clap::Args;
use serde_json::json;

use super::named;
use crate::{CliError, Code, Context, Exit, Result, write};

/// Arguments of `key rotate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Both keys sign the statement. Whoever installed your skills under the old key passes it to
`safeclaw skill install --rotation` with the first skill that the new key signed; without it a changed
key is refused. Keep the old key until everybody has the statement.

Examples:
  safeclaw key new --label release-2027
  safeclaw key rotate --from default --to release-2027 --out rotation.dsse
  safeclaw key rotate --from default --to release-2027 --skill acme.notes --out rotation.dsse"
)]
pub struct Arguments {
    /// Label of the key that hands over
    #[arg(long, value_name = "LABEL")]
    from: String,
    /// Label of the key that takes over
    #[arg(long, value_name = "LABEL")]
    to: String,
    /// Only for this skill; may be repeated
    #[arg(long = "skill", value_name = "ID")]
    skills: Vec<SkillId>,
    /// Why, in one line
    #[arg(long)]
    reason: Option<String>,
    /// File to write, which must not be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs it.
///
/// # Errors
/// [`Code::KeyNotFound`](crate::Code::KeyNotFound), [`Code::FileExists`](crate::Code::FileExists); the problems of the
/// statement; those of opening the vault.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    if arguments.from == arguments.to {
        return Err(CliError::new(Code::Usage, "a key does not hand over to itself")
            .hint("`safeclaw key new --label LABEL` makes another"));
    }
    let vault = context.open_vault()?;
    let from = named::signing_key(&vault, &arguments.from)?;
    let to = named::signing_key(&vault, &arguments.to)?;
    let rotation = Rotation {
        from: from.public(),
        to: to.public(),
        skills: arguments.skills.clone(),
        issued: context.now(),
        reason: arguments.reason.clone(),
    };
    let envelope = Envelope::sign(&rotation, &[&from, &to]).map_err(|error| CliError::of(error, Exit::Failed))?;
    write::new_file(&arguments.out, envelope.to_json().as_bytes())?;
    let (from, to) = (KeyId::of(&from.public()), KeyId::of(&to.public()));
    context.show(
        &json!({ "file": arguments.out, "from": from, "to": to, "skills": arguments.skills }),
        &[
            format!("{from} hands over to {to}"),
            format!("wrote {}", arguments.out.display()),
        ],
    )
}
