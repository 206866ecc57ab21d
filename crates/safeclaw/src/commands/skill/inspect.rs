//! `safeclaw skill inspect`.

use std::path::PathBuf;

use chancery_manifest::{KeyId, Manifest};
use clap::Args;
use serde_json::json;

use super::{asked, source, view};
use crate::{Context, Result};

/// Arguments of `skill inspect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing of it is verified: whoever wrote the folder may have written anything. `safeclaw skill
verify` says who signed it.

Examples:
  safeclaw skill inspect ./acme.notes
  safeclaw skill inspect ./acme.notes --json"
)]
pub struct Arguments {
    /// Folder of the skill, or its manifest
    path: PathBuf,
}

/// Runs it.
///
/// # Errors
/// `SKILL_MANIFEST_INVALID`, exit code 2; `ENVELOPE_FORMAT`, exit code 3; what cannot be read.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let path = source::manifest_of(&arguments.path);
    let manifest = source::manifest(&path)?;
    let envelope = source::envelope_if_any(&source::envelope_of(&path))?;
    let claimed: Vec<KeyId> = envelope
        .iter()
        .flat_map(|envelope| envelope.signatures())
        .map(|signature| signature.keyid)
        .collect();
    let mut value = view::manifest(&manifest);
    if let Some(members) = value.as_object_mut() {
        members.insert("claimedSigners".to_owned(), json!(claimed));
        members.insert(
            "legacySignature".to_owned(),
            manifest.legacy_signature().is_some().into(),
        );
        let warnings: Vec<view::ProblemView> = manifest.warnings().iter().map(Into::into).collect();
        members.insert("warnings".to_owned(), json!(warnings));
    }
    let mut lines = describe(&manifest);
    lines.extend(
        claimed
            .iter()
            .map(|key| format!("  says it is signed by {key} (not checked)")),
    );
    if claimed.is_empty() {
        let signed = manifest.legacy_signature().is_some();
        lines.push(if signed {
            "  says it is signed, by the original's scheme (not checked)".to_owned()
        } else {
            "  is not signed".to_owned()
        });
    }
    lines.extend(
        manifest
            .warnings()
            .iter()
            .map(|problem| format!("  warning: {problem}")),
    );
    context.show(&value, &lines)
}

/// What a manifest says of itself, for people.
pub(super) fn describe(manifest: &Manifest) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {} ({})",
        manifest.name(),
        manifest.version(),
        manifest.id()
    )];
    lines.extend(manifest.description().map(|text| format!("  {text}")));
    lines.extend(
        manifest
            .publisher()
            .map(|text| format!("  says it is published by {text}")),
    );
    lines.push(match manifest.requests().len() {
        0 => "It asks for nothing.".to_owned(),
        _ => "It asks for:".to_owned(),
    });
    for (index, request) in manifest.requests().iter().enumerate() {
        let capability = request.permission.capability();
        lines.push(format!(
            "  {}. {capability}, to {}",
            index + 1,
            asked::meaning(capability)
        ));
        lines.extend(
            asked::patterns(&request.permission)
                .iter()
                .map(|text| format!("       {text}")),
        );
        lines.push(format!("     why: {}", request.reason));
    }
    if !manifest.tools().is_empty() {
        lines.push("Its tools:".to_owned());
        for tool in manifest.tools() {
            lines.push(format!("  {}  {}", tool.name(), tool.description()));
        }
    }
    if !manifest.files().is_empty() {
        let paths: Vec<&str> = manifest.files().iter().map(|file| file.path.as_str()).collect();
        lines.push(format!("Its files: {}", paths.join(", ")));
    }
    lines
}
