//! `safeclaw skill revoke`.

use chancery_base::Ulid;
use chancery_manifest::KeyId;
use chancery_policy::Capability;
use chancery_skills::GrantsOf;
use clap::{ArgGroup, Args};
use serde_json::json;

use crate::{CliError, Code, Context, Result};

/// Arguments of `skill revoke`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").required(true).args(["grant", "skill", "key"]),
    after_help = "Taking back needs no passphrase, and acts on the next check of every process. To revoke a key
itself, with all that it signed, use `safeclaw key revoke`.

Examples:
  safeclaw skill revoke 01KA3V9M5T2R8Q6XWZ4YH7C1BD
  safeclaw skill revoke --skill acme.notes
  safeclaw skill revoke --skill acme.notes --capability fs:read
  safeclaw skill revoke --key SHA256:AiEiZ8hjVd55KHBv7iyX0q1kSGb2PPDcM5q9d6J4W0o"
)]
pub struct Arguments {
    /// Id of the grant
    grant: Option<Ulid>,
    /// Every grant of this skill
    #[arg(long, value_name = "ID")]
    skill: Option<String>,
    /// Of that skill, only those for this capability
    #[arg(long, value_parser = super::capability(), hide_possible_values = true, value_name = "CAPABILITY", requires = "skill")]
    capability: Option<Capability>,
    /// Every grant to what this key signed
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<KeyId>,
}

/// Runs it.
///
/// # Errors
/// [`Code::GrantUnknown`] when there is no such grant; failures of the database.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let which = match (arguments.grant, &arguments.skill, arguments.capability, arguments.key) {
        (Some(id), ..) => GrantsOf::Id(id),
        (_, Some(skill), Some(capability), _) => GrantsOf::Capability(skill.clone(), capability),
        (_, Some(skill), None, _) => GrantsOf::Skill(skill.clone()),
        (.., Some(key)) => GrantsOf::Signer(key.to_string()),
        // clap asks for one of the three
        _ => return Err(CliError::new(Code::Usage, "say which grants")),
    };
    let revoked = context.skills()?.revoke_grants(&which)?;
    if revoked == 0 {
        return Err(CliError::new(Code::GrantUnknown, "no such grant is in force"));
    }
    context.show(
        &json!({ "revoked": revoked }),
        &[format!("took back {}", super::view::count(revoked, "grant"))],
    )
}
