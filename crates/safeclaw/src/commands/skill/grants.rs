//! `safeclaw skill grants`.

use chancery_skills::{SkillStanding, SkillsError};
use clap::Args;
use serde_json::{Value, json};

use super::view;
use crate::{Context, Result};

/// Arguments of `skill grants`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw skill grants
  safeclaw skill grants acme.notes --json")]
pub struct Arguments {
    /// Id of a skill; all skills, if not given
    id: Option<String>,
}

/// Runs it.
///
/// # Errors
/// `SKILLS_NOT_INSTALLED`; [`Code::NotOnboarded`](crate::Code::NotOnboarded); failures of the database.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let skills = context.skills()?;
    let installed = skills.list()?;
    let ids: Vec<&str> = installed.iter().map(|status| status.skill.id.as_str()).collect();
    if let Some(id) = &arguments.id
        && !ids.contains(&id.as_str())
    {
        return Err(SkillsError::NotInstalled { id: id.clone() }.into());
    }
    let wanted = ids
        .iter()
        .filter(|id| arguments.id.as_deref().is_none_or(|wanted| wanted == **id));
    let now = context.now();
    let mut values: Vec<Value> = Vec::new();
    let mut lines = Vec::new();
    for id in wanted {
        let grants = skills.grants(id)?;
        let standing = installed.iter().find(|status| status.skill.id == **id);
        let standing = standing.map_or(SkillStanding::InForce, |status| status.standing);
        if !grants.is_empty() {
            lines.push(match standing {
                SkillStanding::InForce => (*id).to_owned(),
                other => format!("{id}, which is {}: none of this is in force", view::standing(other)),
            });
        }
        for status in &grants {
            values.push(view::grant_of(status, standing, now));
            lines.extend(view::grant_lines(status, now));
        }
    }
    if values.is_empty() {
        context.output.note("nothing is granted");
    }
    context.show(&json!({ "grants": values }), &lines)
}
