//! `safeclaw skill validate`.

use std::path::PathBuf;

use chancery_manifest::{Manifest, Options, legacy};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{
    source,
    view::{self, ProblemView},
};
use crate::{CliError, Code, Context, Exit, Result};

/// Arguments of `skill validate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 2 when the manifest is refused. The codes are listed in docs/skills/manifest.md.

Examples:
  safeclaw skill validate ./acme.notes
  safeclaw skill validate manifest.json --require-constraints --json
  safeclaw skill validate manifest.json --profile legacy"
)]
pub struct Arguments {
    /// Folder of the skill, or its manifest
    path: PathBuf,
    /// Whose rules: ours, or those of the original, for which three members are enough
    #[arg(long, value_enum, default_value_t = Profile::Strict)]
    profile: Profile,
    /// Refuse requests without constraints, too
    #[arg(long)]
    require_constraints: bool,
}

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    Strict,
    Legacy,
}

/// Runs it.
///
/// # Errors
/// Exit code 2 with all problems on stdout; what cannot be read at all.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let path = source::manifest_of(&arguments.path);
    let bytes = source::manifest_bytes(&path)?;
    let (valid, problems, lines) = match arguments.profile {
        Profile::Strict => strict(&bytes, arguments.require_constraints),
        Profile::Legacy => match legacy::Document::load(&bytes) {
            Ok(_) => (true, Vec::new(), Vec::new()),
            Err(error) => {
                let problem =
                    json!({ "code": "LEGACY", "pointer": "", "message": error.to_string(), "severity": "error" });
                (false, vec![problem], vec![error.to_string()])
            }
        },
    };
    let verdict = match (valid, arguments.profile) {
        (true, Profile::Strict) => "is a good manifest".to_owned(),
        (true, Profile::Legacy) => "is one that the original would load".to_owned(),
        (false, _) => format!("is refused, {}", view::count(problems.len(), "problem")),
    };
    let mut all = vec![format!("{} {verdict}", path.display())];
    all.extend(lines.into_iter().map(|line| format!("  {line}")));
    let profile = match arguments.profile {
        Profile::Strict => "strict",
        Profile::Legacy => "legacy",
    };
    context.show(
        &json!({ "path": path, "profile": profile, "valid": valid, "problems": problems }),
        &all,
    )?;
    if valid {
        Ok(())
    } else {
        let message = format!("{} {verdict}", path.display());
        Err(CliError::new(Code::ManifestRefused, message)
            .exit(Exit::Manifest)
            .shown())
    }
}

fn strict(bytes: &[u8], require_constraints: bool) -> (bool, Vec<serde_json::Value>, Vec<String>) {
    let options = Options {
        require_constraints,
        ..Options::default()
    };
    let parsed = Manifest::parse(bytes, &options);
    let problems = match &parsed {
        Ok(manifest) => manifest.warnings(),
        Err(problems) => problems.as_slice(),
    };
    let views = problems
        .iter()
        .map(|problem| json!(ProblemView::from(problem)))
        .collect();
    let lines = problems.iter().map(|problem| {
        let warning = problem.severity == chancery_manifest::Severity::Warning;
        format!("{problem}{}", if warning { " (warning)" } else { "" })
    });
    (parsed.is_ok(), views, lines.collect())
}
