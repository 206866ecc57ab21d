//! `safeclaw doctor`: looks at files, vault, records and kernel, and says what is so.

mod files;
mod kernel;
pub mod probe;
mod state;

use chancery_terminal::checks::{Check, Report, Status};
use clap::Args;
use serde::Serialize;

use crate::{CliError, Code, Context, Result};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing. The kernel is tried out, never guessed at from its version: a child process makes a
namespace, a Landlock ruleset and a seccomp filter for itself and ends. The vault is opened only when
--passphrase or SAFECLAW_PASSPHRASE_FILE says how; nobody is asked.
Exit code 1 when something is wrong; warnings alone are exit code 0.

Examples:
  safeclaw doctor
  safeclaw doctor --json --passphrase @/run/secrets/passphrase"
)]
pub struct Arguments {}

#[derive(Serialize)]
struct View<'a> {
    status: &'a str,
    checks: &'a [Check],
    passed: usize,
    warnings: usize,
    failed: usize,
}

/// Runs it.
///
/// # Errors
/// [`Code::Unhealthy`] when something is wrong.
pub fn run(_: &Arguments, context: &Context) -> Result<()> {
    let mut report = Report::default();
    files::look(context.home(), &mut report);
    state::look(context, &mut report);
    kernel::look(&mut report);
    report.pass("runtime.node", "Node.js", "not needed");
    report.warn(
        "sandbox",
        "Sandbox",
        "there is none in this version: skills are checked, installed and granted, and their tools are not run",
        "do not run a skill's programs by hand with more rights than you would grant it",
    );
    let healthy = report.is_healthy();
    let view = View {
        status: if healthy { "healthy" } else { "unhealthy" },
        passed: report.count(Status::Pass),
        warnings: report.count(Status::Warn),
        failed: report.count(Status::Fail),
        checks: &report.checks,
    };
    context.show(&view, &human(&view))?;
    if healthy {
        Ok(())
    } else {
        Err(CliError::new(Code::Unhealthy, "something is wrong").shown())
    }
}

fn human(view: &View<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for check in view.checks {
        let mark = match check.status {
            Status::Pass => "PASS",
            Status::Warn => "WARN",
            Status::Fail => "FAIL",
        };
        lines.push(format!("[{mark}] {}: {}", check.label, check.message));
        lines.extend(check.remediation_hint.as_ref().map(|hint| format!("       {hint}")));
    }
    lines.push(String::new());
    lines.push(format!(
        "{} passed, {} warnings, {} failed",
        view.passed, view.warnings, view.failed
    ));
    lines
}
