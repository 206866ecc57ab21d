//! `safeclaw skill new`.

use std::path::PathBuf;

use chancery_manifest::{Manifest, Options, SkillId};
use clap::Args;
use serde_json::json;

use super::{folder, source};
use crate::{CliError, Code, Context, Result};

/// Arguments of `skill new`.
#[derive(Debug, Args)]
#[command(
    after_help = "The folder holds manifest.json, SKILL.md and calls.json, a file of example calls for `safeclaw
skill test`. Nothing is overwritten.

Examples:
  safeclaw skill new acme.notes
  safeclaw skill new acme.notes --dir ~/skills"
)]
pub struct Arguments {
    /// Id of the skill: lower-case letters, digits, '.', '_' and '-', such as acme.notes
    name: SkillId,
    /// Where the folder is made; here, if not given
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
}

/// Runs it.
///
/// # Errors
/// [`Code::FileExists`], [`Code::FileFailed`].
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let id = arguments.name.as_str();
    let folder = arguments.dir.join(id);
    let notes = notes(context);
    let manifest = manifest(id, &notes);
    // what is handed out must be what `validate` takes
    Manifest::parse(manifest.as_bytes(), &Options::default())?;
    let files = [
        (source::MANIFEST, manifest),
        ("SKILL.md", skill_md(id)),
        ("calls.json", calls(&notes)),
    ];
    std::fs::create_dir_all(&arguments.dir).map_err(|error| folder::failed(&arguments.dir, &error))?;
    std::fs::create_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::new(Code::FileExists, format!("{} is there already", folder.display()))
        }
        _ => folder::failed(&folder, &error),
    })?;
    for (name, text) in &files {
        folder::create(&folder.join(name), text.as_bytes(), 0o644)?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let shown = folder.display();
    context.show(
        &json!({ "id": id, "folder": folder, "files": names }),
        &[
            format!("made {shown} with {}", names.join(", ")),
            "Next:".to_owned(),
            format!("  edit {shown}/manifest.json: what the skill asks for, and why"),
            format!("  safeclaw skill validate {shown}"),
            format!("  safeclaw skill sign {shown}"),
        ],
    )
}

/// The folder that the sample reads.
fn notes(context: &Context) -> String {
    let home = context.home().dir().parent().and_then(|home| home.to_str());
    let parsed = home.and_then(|home| format!("{home}/notes").parse::<chancery_policy::GrantPath>().ok());
    parsed.map_or_else(|| "/home/user/notes".to_owned(), |path| path.to_string())
}

/// `acme.my-notes` as `Acme my notes`.
fn title(id: &str) -> String {
    let words = id.replace(['.', '_', '-'], " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// A manifest that asks for one folder and has one tool.
fn manifest(id: &str, notes: &str) -> String {
    let (id, name) = (json!(id), json!(title(id)));
    let notes = json!(notes);
    format!(
        r#"{{
  "schemaVersion": 2,
  "id": {id},
  "version": "0.1.0",
  "name": {name},
  "description": "Reads notes.",
  "requiredCapabilities": [
    {{
      "capability": "fs:read",
      "constraints": {{ "paths": [{notes}] }},
      "reason": "Read the notes that you ask about"
    }}
  ],
  "tools": [
    {{
      "name": "read_note",
      "description": "Read one note.",
      "parameters": {{
        "type": "object",
        "properties": {{
          "path": {{ "type": "string", "description": "Absolute path of the note" }}
        }},
        "required": ["path"]
      }},
      "requires": [0],
      "effects": {{ "path": "fs:read" }},
      "annotations": {{ "readOnly": true }}
    }}
  ]
}}
"#
    )
}

/// Calls of which the first is allowed once the folder is granted, and the others never are.
fn calls(notes: &str) -> String {
    let note = json!(format!("{notes}/today.md"));
    format!(
        r#"{{
  "calls": [
    {{ "tool": "read_note", "arguments": {{ "path": {note} }}, "expect": "allowed" }},
    {{ "tool": "read_note", "arguments": {{ "path": "/etc/passwd" }}, "expect": "denied" }},
    {{ "capability": "net:https", "host": "example.com", "expect": "denied" }}
  ]
}}
"#
    )
}

fn skill_md(id: &str) -> String {
    format!(
        "---
name: {name}
description: Reads notes. Say here what the skill is for, so that an agent knows when to use it.
---

# {title}

How to use the tools of this skill, for the agent that has them.
",
        name = id.replace(['.', '_'], "-"),
        title = title(id),
    )
}
