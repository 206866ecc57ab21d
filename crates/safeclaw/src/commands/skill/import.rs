//! `safeclaw skill import`.

use std::path::PathBuf;

use chancery_manifest::{
    json::{Object, Value},
    skill_md::{self, SourceFile},
};
use chancery_skills::MAX_FILE;
use clap::Args;
use serde_json::json;

use super::{asked, folder, inspect, pretty, source, view};
use crate::{CliError, Code, Context, Exit, Result};

/// The order in which people read a manifest; what is not named comes behind.
const ORDER: [&str; 8] = [
    "schemaVersion",
    "id",
    "version",
    "name",
    "description",
    "requiredCapabilities",
    "tools",
    "files",
];

/// Arguments of `skill import`.
#[derive(Debug, Args)]
#[command(
    after_help = "SKILL.md says what the skill is; the tools that it says it may use become requests, which an
owner grants or not. manifest.json is written into the folder, and never over one that is
there.

Examples:
  safeclaw skill import ./pdf-forms
  safeclaw skill import ./pdf-forms --dry-run --json"
)]
pub struct Arguments {
    /// Folder with a SKILL.md
    dir: PathBuf,
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// `SKILL_MANIFEST_INVALID` with all problems, exit code 2; [`Code::FileExists`]; what cannot be read or written.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let limit = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
    let dir = &arguments.dir;
    let text = source::read(&dir.join(skill_md::FILE_NAME), limit)?;
    let text = String::from_utf8(text)
        .map_err(|_| CliError::new(Code::FileUnreadable, "SKILL.md is not UTF-8").exit(Exit::Manifest))?;
    let target = dir.join(source::MANIFEST);
    if std::fs::symlink_metadata(&target).is_ok() {
        let message = format!("there is a file at {} already", target.display());
        return Err(CliError::new(Code::FileExists, message));
    }
    let listing = folder::list(dir)?;
    let mut contents = Vec::new();
    for file in listing.files.iter().filter(|file| file.path != skill_md::FILE_NAME) {
        contents.push((file, source::read(&dir.join(&file.path), limit)?));
    }
    let files: Vec<SourceFile<'_>> = contents
        .iter()
        .map(|(file, content)| SourceFile {
            path: &file.path,
            content,
            executable: file.executable,
        })
        .collect();
    // `.` and `..` have a name, too
    let full = std::fs::canonicalize(dir).map_err(|error| source::unreadable(dir, &error))?;
    let name = full.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let manifest = skill_md::import(name, &text, &files).map_err(|problems| {
        let other_name = problems
            .as_slice()
            .iter()
            .any(|problem| problem.pointer == "/name" && problem.message.contains("folder"));
        let failure = CliError::from(problems).about(dir.join(skill_md::FILE_NAME).display());
        if other_name {
            failure.hint("a skill of this format is called as its folder is: rename one of them")
        } else {
            failure
        }
    })?;
    let shown = pretty::pretty(&ordered(manifest.document()))
        .ok_or_else(|| CliError::new(Code::FileFailed, "the manifest cannot be written as JSON"))?;
    if !arguments.dry_run {
        folder::create(&target, shown.as_bytes(), 0o644)?;
    }
    for name in &listing.left_out {
        context.output.note(format!("{name} begins with a dot and is left out"));
    }
    let mut lines = inspect::describe(&manifest);
    for request in manifest.requests() {
        let dangers = asked::dangers(&request.permission);
        lines.extend(dangers.iter().map(|danger| format!("  beware: {danger}")));
    }
    lines.extend(
        manifest
            .warnings()
            .iter()
            .map(|problem| format!("  warning: {problem}")),
    );
    lines.push(if arguments.dry_run {
        "Nothing was written: this was a dry run.".to_owned()
    } else {
        format!(
            "wrote {}; sign it with: safeclaw skill sign {}",
            target.display(),
            dir.display()
        )
    });
    let mut value = view::manifest(&manifest);
    if let Some(members) = value.as_object_mut() {
        let warnings: Vec<view::ProblemView> = manifest.warnings().iter().map(Into::into).collect();
        members.insert("warnings".to_owned(), json!(warnings));
        members.insert("written".to_owned(), json!((!arguments.dry_run).then_some(&target)));
    }
    context.show(&value, &lines)
}

fn ordered(document: &Value) -> Value {
    let Value::Object(object) = document else {
        return document.clone();
    };
    let mut sorted = Object::default();
    for name in ORDER {
        if let Some(value) = object.get(name) {
            sorted.set(name, value.clone());
        }
    }
    for (name, value) in object.iter() {
        if let Some(name) = name.as_str().filter(|name| !ORDER.contains(name)) {
            sorted.set(name, value.clone());
        }
    }
    Value::Object(sorted)
}
