//! `safeclaw skill list`.

use clap::Args;
use serde_json::{Value, json};

use super::view;
use crate::{Context, Result};

/// Arguments of `skill list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw skill list
  safeclaw skill list --json")]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// [`Code::NotOnboarded`](crate::Code::NotOnboarded); failures of the database.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let skills = context.skills()?;
    let mut values: Vec<Value> = Vec::new();
    let mut lines = Vec::new();
    for status in skills.list()? {
        let skill = &status.skill;
        let grants = skills.grants(&skill.id)?.len();
        values.push(view::skill(skill, status.standing, grants));
        lines.push(format!(
            "{} {}  {}, {}, by {}",
            skill.id,
            skill.version,
            view::standing(status.standing),
            view::count(grants, "grant"),
            skill.signer
        ));
    }
    if values.is_empty() {
        context.output.note("no skill is installed");
    }
    context.show(&json!({ "skills": values }), &lines)
}
