//! `xs agent doctor`: what is wrong with the signet, and whether its limits hold for a harness.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use chancery_signet_wire::{
    Class,
    action::{Call, input::Nothing},
};
use chancery_terminal::checks::Report;
use serde::Serialize;

use crate::{
    Problem,
    client::{Client, Unreachable},
    context::Context,
    problem::Result,
    tree::Tree,
    view::View,
};

const COLUMNS: View = View::TableAt(
    "checks",
    &[
        ("check", "label"),
        ("status", "status"),
        ("found", "message"),
        ("to do", "remediationHint"),
    ],
);

/// Everything that was looked at.
#[derive(Serialize)]
struct Findings<'a> {
    healthy: bool,
    checks: &'a [chancery_terminal::checks::Check],
}

/// Looks at everything, for a harness that runs as the user `harness`; as this process's user where nobody says.
pub(crate) fn run(harness: Option<u32>, context: &Context) -> Result<()> {
    let mut report = Report::default();
    look(harness, context, &mut report);
    let findings = Findings {
        healthy: report.is_healthy(),
        checks: &report.checks,
    };
    context.output.value(&findings, COLUMNS)?;
    if report.is_healthy() {
        return Ok(());
    }
    Err(Problem::new(Class::Validation, "something is wrong").shown())
}

fn look(harness: Option<u32>, context: &Context, report: &mut Report) {
    let paths = match context.paths() {
        Ok(paths) => paths,
        Err(problem) => return failed(report, "configuration", &problem),
    };
    report.pass(
        "configuration",
        "configuration",
        context.config_path().display().to_string(),
    );
    let data = paths.data();
    isolation(harness, data.path(), report);
    private(&data.vault(), report);
    match context.door().map(|door| Client::connect(&door)) {
        Ok(Ok(client)) => daemon(client, report),
        Ok(Err(Unreachable::Stopped(_))) => {
            report.fail("daemon", "daemon", "it does not run", "xs daemon start");
        }
        Ok(Err(Unreachable::Other(problem))) | Err(problem) => failed(report, "daemon", &problem),
    }
}

/// Whoever runs as the daemon's user is an admin, so that no limit holds for it.
fn isolation(harness: Option<u32>, data: &Path, report: &mut Report) {
    let harness = harness.unwrap_or_else(|| rustix::process::geteuid().as_raw());
    let daemon = match fs::metadata(data) {
        Ok(found) => found.uid(),
        Err(error) => {
            let message = format!("it is not known whose {} is: {error}", data.display());
            return report.fail("isolation", "isolation", message, "xs init");
        }
    };
    if harness == daemon || harness == 0 {
        let message =
            format!("limits are advisory for a harness that runs as uid {harness}: the daemon is uid {daemon}");
        report.fail(
            "isolation",
            "isolation",
            message,
            "give the daemon a user of its own, or the harness",
        );
    } else {
        let message = format!("the harness is uid {harness}, the daemon uid {daemon}");
        report.pass("isolation", "isolation", message);
    }
}

fn private(vault: &Path, report: &mut Report) {
    match fs::metadata(vault) {
        Ok(found) if found.mode() & 0o077 == 0 => report.pass("vault", "vault", vault.display().to_string()),
        Ok(found) => {
            let message = format!("{} has mode {:03o}", vault.display(), found.mode() & 0o777);
            report.fail(
                "vault",
                "vault",
                message,
                "chmod 600 it, and make the keys anew if others may have read it",
            );
        }
        Err(error) => report.fail("vault", "vault", format!("{}: {error}", vault.display()), "xs init"),
    }
}

fn daemon(mut client: Client, report: &mut Report) {
    let status = match client.call(&Call::SignetStatus(Nothing {})) {
        Ok(status) => status,
        Err(problem) => return failed(report, "daemon", &problem),
    };
    let member = |name: &str| status.at(name).map(Tree::inline).unwrap_or_default();
    match member("state").as_str() {
        "running" => report.pass("daemon", "daemon", format!("it runs as process {}", member("pid"))),
        "locked" => {
            let hint = "start it where it can ask for the passphrase, or name a file in XMTP_SIGNET_PASSPHRASE_FILE";
            return report.fail("daemon", "daemon", "its keys are locked", hint);
        }
        state => report.warn("daemon", "daemon", format!("it is {state}"), "xs daemon status"),
    }
    match (member("networkState").as_str(), member("identityCount").as_str()) {
        ("connected", _) => report.pass("network", "network", member("xmtpEnv")),
        (_, "0") => report.warn("network", "network", "there is no inbox yet", "xs inbox create"),
        _ => report.fail(
            "network",
            "network",
            format!("{} is out of reach", member("xmtpEnv")),
            "xs status",
        ),
    }
    keys(&mut client, report);
    audit(&mut client, report);
}

fn keys(client: &mut Client, report: &mut Report) {
    let verified = match client.call(&Call::AdminVerifyKeys(Nothing {})) {
        Ok(verified) => verified,
        Err(problem) => return failed(report, "keys", &problem),
    };
    let text = |tree: &Tree, place: &str| tree.at(place).map(Tree::inline).unwrap_or_default();
    let fine = |tree: &Tree, place: &str| text(tree, place) == "ok";
    let operational = verified.at("operationalKeys").map(Tree::entries).unwrap_or_default();
    let mut wrong: Vec<String> = ["rootKey", "adminKey"]
        .iter()
        .filter(|name| !fine(&verified, &format!("{name}.status")))
        .map(|name| (*name).to_owned())
        .collect();
    let broken = operational.iter().filter(|key| !fine(key, "status"));
    wrong.extend(broken.map(|key| text(key, "identityId")));
    if wrong.is_empty() {
        report.pass(
            "keys",
            "keys",
            format!("root, admin and {} operational", operational.len()),
        );
    } else {
        report.fail(
            "keys",
            "keys",
            format!("not in order: {}", wrong.join(", ")),
            "xs admin verify-keys",
        );
    }
}

fn audit(client: &mut Client, report: &mut Report) {
    match client.call(&Call::AdminLogsVerify(Nothing {})) {
        Ok(verified) if verified.at("ok").map(Tree::inline).as_deref() == Some("true") => {
            let entries = verified.at("entries").map(Tree::inline).unwrap_or_default();
            report.pass("audit", "audit log", format!("{entries} entries, none changed"));
        }
        Ok(verified) => {
            let problem = verified.at("problem").map(Tree::inline).unwrap_or_default();
            report.fail(
                "audit",
                "audit log",
                problem,
                "keep the files as they are, and find out who wrote to them",
            );
        }
        Err(problem) => failed(report, "audit", &problem),
    }
}

fn failed(report: &mut Report, id: &'static str, problem: &Problem) {
    let hint = problem.hint().unwrap_or("xs status");
    report.fail(id, id, problem.failure().message.clone(), hint);
}
