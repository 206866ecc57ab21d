//! `safeclaw skill diff`.

use std::path::{Path, PathBuf};

use chancery_manifest::{Manifest, RequestChange, ToolChange, diff};
use clap::Args;
use serde_json::{Value, json};

use super::{asked, source, view};
use crate::{Code, Context, Result};

/// Arguments of `skill diff`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw skill diff acme.notes ./acme.notes-1.1.0
  safeclaw skill diff ./old ./new --json")]
pub struct Arguments {
    /// The id of an installed skill, or folder or manifest of the old version; ./ID for a folder of that name
    old: PathBuf,
    /// Folder or manifest of the new version
    new: PathBuf,
}

/// Runs it.
///
/// # Errors
/// `SKILL_MANIFEST_INVALID`, exit code 2; `SKILLS_NOT_INSTALLED`; what cannot be read.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let old = old(&arguments.old, context)?;
    let new = source::manifest(&source::manifest_of(&arguments.new))?;
    let diff = diff(Some(&old), &new);
    let requests: Vec<Value> = diff.requests.iter().map(request).collect();
    let tools: Vec<Value> = diff.tools.iter().map(tool).collect();
    let mut lines = vec![format!(
        "{} {} -> {} {}",
        old.id(),
        old.version(),
        new.id(),
        new.version()
    )];
    lines.extend(diff.requests.iter().flat_map(request_lines));
    lines.extend(diff.tools.iter().map(tool_line));
    let more = diff.requests.iter().any(RequestChange::is_more);
    lines.push(match (more, diff.needs_approval()) {
        (true, _) => "It asks for more than before: you are asked about that.".to_owned(),
        (false, true) => "It asks for no more than before, with tools that are not what they were.".to_owned(),
        (false, false) => "It asks for no more than before.".to_owned(),
    });
    context.show(
        &json!({
            "old": { "id": old.id(), "version": old.version().to_string() },
            "new": { "id": new.id(), "version": new.version().to_string() },
            "requests": requests,
            "tools": tools,
            "needsApproval": diff.needs_approval(),
        }),
        &lines,
    )
}

/// The installed skill of that id, or what is at `given`: who has the folder of a draft beside them means what is installed.
fn old(given: &Path, context: &Context) -> Result<Manifest> {
    let id = given
        .to_str()
        .filter(|id| id.parse::<chancery_manifest::SkillId>().is_ok());
    let installed = match id {
        Some(id) => context.skills().and_then(|skills| Ok(skills.load(id)?.manifest)),
        None => return source::manifest(&source::manifest_of(given)),
    };
    match installed {
        Err(error)
            if given.exists()
                && (error.code() == "SKILLS_NOT_INSTALLED" || error.code() == Code::NotOnboarded.as_str()) =>
        {
            source::manifest(&source::manifest_of(given))
        }
        installed => installed,
    }
}

fn request(change: &RequestChange) -> Value {
    let (change, old, new) = match change {
        RequestChange::Unchanged { new } => ("unchanged", None, Some(new)),
        RequestChange::Narrowed { old, new } => ("narrowed", Some(json!(old)), Some(new)),
        RequestChange::Widened { old, new } => ("widened", Some(json!(old)), Some(new)),
        RequestChange::Added { new } => ("added", None, Some(new)),
        RequestChange::Removed { old } => ("removed", Some(view::request(&old.permission, &old.reason)), None),
    };
    json!({ "change": change, "old": old, "new": new.map(|new| view::request(&new.permission, &new.reason)) })
}

fn request_lines(change: &RequestChange) -> Vec<String> {
    match change {
        RequestChange::Unchanged { new } => vec![format!("    {}", asked::short(&new.permission))],
        RequestChange::Narrowed { old, new } => vec![
            format!("  < {}", asked::short(&new.permission)),
            format!("      was wider: {}", asked::short(old)),
        ],
        RequestChange::Widened { old, new } => vec![
            format!("  > {}", asked::short(&new.permission)),
            format!("      was narrower: {}", asked::short(old)),
            format!("      why: {}", new.reason),
        ],
        RequestChange::Added { new } => vec![
            format!("  + {}", asked::short(&new.permission)),
            format!("      why: {}", new.reason),
        ],
        RequestChange::Removed { old } => vec![format!("  - {}", asked::short(&old.permission))],
    }
}

fn tool(change: &ToolChange) -> Value {
    match change {
        ToolChange::Added { name } => json!({ "change": "added", "name": name }),
        ToolChange::Removed { name } => json!({ "change": "removed", "name": name }),
        ToolChange::Changed { name, told, does } => {
            json!({ "change": "changed", "name": name, "told": told, "does": does })
        }
    }
}

fn tool_line(change: &ToolChange) -> String {
    match change {
        ToolChange::Added { name } => format!("  + tool {name}"),
        ToolChange::Removed { name } => format!("  - tool {name}"),
        ToolChange::Changed { name, told, does } => {
            let what: Vec<&str> = [
                (*told, "the model is told something else"),
                (*does, "it needs or does something else"),
            ]
            .into_iter()
            .filter_map(|(is, what)| is.then_some(what))
            .collect();
            format!("  ~ tool {name}: {}", what.join("; "))
        }
    }
}
