//! `safeclaw skill show`.

use chancery_skills::SkillsError;
use clap::Args;
use serde_json::{Value, json};

use super::{inspect, view};
use crate::{Context, Result};

/// Arguments of `skill show`.
#[derive(Debug, Args)]
#[command(after_help = "Manifest and files are read back and hashed again.

Examples:
  safeclaw skill show acme.notes
  safeclaw skill show acme.notes --json")]
pub struct Arguments {
    /// Id of the skill
    id: String,
}

/// Runs it.
///
/// # Errors
/// `SKILLS_NOT_INSTALLED`; failures of the database and of the kept content.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let skills = context.skills()?;
    let status = skills
        .list()?
        .into_iter()
        .find(|status| status.skill.id == arguments.id);
    let status = status.ok_or_else(|| SkillsError::NotInstalled {
        id: arguments.id.clone(),
    })?;
    let skill = &status.skill;
    let grants = skills.grants(&skill.id)?;
    let now = context.now();
    let mut value = view::skill(skill, status.standing, grants.len());
    let mut lines = Vec::new();
    // what is not in force is not read back: it is shown as far as the table knows it
    let loaded = match skills.load(&skill.id) {
        Ok(loaded) => Some(loaded.manifest),
        Err(SkillsError::NotInForce { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    match &loaded {
        Some(manifest) => lines.extend(inspect::describe(manifest)),
        None => lines.push(format!("{} {} ({})", skill.name, skill.version, skill.id)),
    }
    lines.push(format!("It is {}.", view::standing(status.standing)));
    lines.push(format!("  signed by {}", skill.signer));
    lines.push(format!("  signature: {}", view::scheme(skill.scheme)));
    lines.push(format!("  installed {}", view::minute(skill.installed_at)));
    lines.push(match grants.len() {
        0 => "Nothing is granted to it.".to_owned(),
        _ => "Granted:".to_owned(),
    });
    lines.extend(grants.iter().flat_map(|status| view::grant_lines(status, now)));
    if let Some(members) = value.as_object_mut() {
        let views: Vec<Value> = grants
            .iter()
            .map(|grant| view::grant_of(grant, status.standing, now))
            .collect();
        members.insert("grants".to_owned(), json!(views));
        members.insert("contents".to_owned(), json!(loaded.as_ref().map(view::manifest)));
        let pin = skills.pin(&skill.id)?;
        members.insert(
            "pin".to_owned(),
            json!(pin.map(|pin| json!({ "signer": pin.signer, "threshold": pin.threshold, "highest": pin.highest }))),
        );
    }
    context.show(&value, &lines)
}
