//! `safeclaw skill remove`.

use chancery_skills::SkillsError;
use clap::Args;
use serde_json::json;

use super::view;
use crate::{Context, Result};

/// Arguments of `skill remove`.
#[derive(Debug, Args)]
#[command(
    after_help = "Its grants go with it. What its id belongs to stays known: another key does not take the id
over, and no older version comes back unnoticed.

Examples:
  safeclaw skill remove acme.notes --dry-run
  safeclaw skill remove acme.notes --yes"
)]
pub struct Arguments {
    /// Id of the skill
    id: String,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs it.
///
/// # Errors
/// `SKILLS_NOT_INSTALLED`; [`Code::Denied`](crate::Code::Denied), exit code 7; failures of the database.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let id = &arguments.id;
    let skills = context.skills()?;
    let not_installed = || SkillsError::NotInstalled { id: id.clone() };
    let status = skills
        .list()?
        .into_iter()
        .find(|status| status.skill.id == *id)
        .ok_or_else(not_installed)?;
    let grants = skills.grants(id)?.len();
    let version = status.skill.version;
    if !arguments.dry_run {
        context.confirm(
            arguments.yes,
            &format!("Remove {id} {version} and its {}?", view::count(grants, "grant")),
        )?;
        if !skills.remove(id)? {
            return Err(not_installed().into());
        }
    }
    let did = if arguments.dry_run { "would remove" } else { "removed" };
    context.show(
        &json!({ "id": id, "version": version, "grants": grants, "removed": !arguments.dry_run }),
        &[format!("{did} {id} {version} and {}", view::count(grants, "grant"))],
    )
}
