//! Vault, owner key, configuration, skills and records.

use chancery_audit::Expect;
use chancery_base::ed25519::PublicKey;
use chancery_manifest::KeyId;
use chancery_skills::{SkillStanding, Skills};
use chancery_store::{StoreError, rusqlite::Connection};
use chancery_terminal::checks::Report;
use chancery_vault::v1;

use crate::{CliError, Code, Context, Exit, config::Config, database, owner};

/// What to do where the message says what is wrong, and the failure has no advice of its own.
const SEE_MESSAGE: &str = "put right what the message names; nothing was opened";
/// The same for the database.
const RESTORE: &str = "restore it from a backup";

pub(super) fn look(context: &Context, report: &mut Report) {
    if !context.home().dir().exists() {
        return;
    }
    vault(context, report);
    let owner = owner_key(context, report);
    configuration(context, report);
    if let Some(owner) = owner {
        skills(context, owner, report);
    }
}

fn vault(context: &Context, report: &mut Report) {
    const ID: &str = "vault";
    const LABEL: &str = "Vault";
    let status = match context.vault_status() {
        Ok(status) => status,
        Err(error) => return failed(report, ID, LABEL, error, SEE_MESSAGE),
    };
    if status.format == v1::VERSION {
        let text = "format 1, the original's, in which entries can be swapped unnoticed";
        return report.warn(ID, LABEL, text, "run `safeclaw vault migrate`");
    }
    let source = status.source.map(|source| source.to_string()).unwrap_or_default();
    let text = format!("format {}, opens with a {source}", status.format);
    if context.given_passphrase().is_none() {
        let text = format!("{text}; not tried, because no --passphrase was given");
        return report.pass(ID, LABEL, text);
    }
    match context.open_vault() {
        Ok(_) => report.pass(
            ID,
            LABEL,
            format!("{text}; it does, and is the newest state that was seen"),
        ),
        Err(error) => failed(report, ID, LABEL, error, SEE_MESSAGE),
    }
}

/// The pinned key, when there is one.
fn owner_key(context: &Context, report: &mut Report) -> Option<PublicKey> {
    const ID: &str = "owner";
    const LABEL: &str = "Owner key";
    let pinned = match context.owner_key() {
        Ok(pinned) => pinned,
        Err(error) => {
            report.failed(ID, LABEL, error);
            return None;
        }
    };
    let text = KeyId::of(&pinned).to_string();
    if context.given_passphrase().is_none() {
        report.pass(ID, LABEL, format!("{text} is pinned"));
        return Some(pinned);
    }
    match context.open_vault().and_then(|vault| Ok(owner::key(&vault)?)) {
        Ok(key) if key.public() == pinned => report.pass(ID, LABEL, format!("{text} is pinned, and the vault's")),
        Ok(_) => report.failed(
            ID,
            LABEL,
            CliError::new(
                Code::OwnerChanged,
                format!("{text} is pinned, and the vault has another"),
            ),
        ),
        // said above already
        Err(_) => report.pass(ID, LABEL, format!("{text} is pinned")),
    }
    Some(pinned)
}

fn configuration(context: &Context, report: &mut Report) {
    const ID: &str = "config";
    const LABEL: &str = "Configuration";
    match Config::read(&context.home().config()) {
        Ok(None) => report.pass(ID, LABEL, "none, and none is needed"),
        Ok(Some(_)) => report.pass(ID, LABEL, "safeclaw.json is sound"),
        Err(error) => report.failed(ID, LABEL, error),
    }
}

fn skills(context: &Context, owner: PublicKey, report: &mut Report) {
    let path = context.home().database();
    if !path.exists() {
        return report.pass("skills", "Skills", "none were installed yet");
    }
    let connection = match database::read_only(&path) {
        Ok(connection) => connection,
        Err(error) => return failed(report, "database", "Database", error, RESTORE),
    };
    match damage(&connection) {
        Ok(None) => report.pass("database", "Database", "sound"),
        Ok(Some(text)) => return report.fail("database", "Database", text, RESTORE),
        Err(error) => return failed(report, "database", "Database", error.into(), RESTORE),
    }
    chain(&connection, owner, report);
    match context.skills() {
        Ok(skills) => {
            if let Err(error) = engine(&skills, context, report) {
                failed(report, "skills", "Skills", error, RESTORE);
            }
        }
        Err(error) => failed(report, "skills", "Skills", error, RESTORE),
    }
}

/// What SQLite finds wrong with the file.
fn damage(connection: &Connection) -> Result<Option<String>, StoreError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

fn chain(connection: &Connection, owner: PublicKey, report: &mut Report) {
    const ID: &str = "audit";
    const LABEL: &str = "Audit chain";
    let expect = Expect {
        keys: Some(vec![owner]),
        ..Expect::default()
    };
    match chancery_audit::verify(connection, &expect) {
        Ok(found) => match found.broken {
            Some(broken) => {
                let text = format!("broken at record {}: {}", broken.seq, broken.fault);
                report.failed(ID, LABEL, CliError::new(Code::AuditBroken, text));
            }
            None => {
                let text = format!(
                    "whole: {} records, {} of them after the last signed checkpoint",
                    found.records,
                    super::super::audit::since_checkpoint(&found)
                );
                report.pass(ID, LABEL, text);
            }
        },
        Err(error) => failed(report, ID, LABEL, CliError::of(error, Exit::Failed), RESTORE),
    }
}

/// Rows that nobody signed, content that is damaged, lists that are out of date.
fn engine(skills: &Skills, context: &Context, report: &mut Report) -> Result<(), CliError> {
    let unverified = skills.unverified()?;
    for (kind, name) in &unverified {
        let text = format!("{name} in {kind} is not signed by the owner; it gives nothing");
        report.fail(
            "skills.rows",
            "Decisions",
            text,
            "find out who could write to skills.db",
        );
    }
    if unverified.is_empty() {
        report.pass("skills.rows", "Decisions", "all of them are signed by the owner key");
    }
    let all = skills.list()?;
    let (mut sound, mut damaged) = (0, 0);
    for status in &all {
        if status.standing == SkillStanding::Revoked {
            let text = format!("{} was revoked and may do nothing", status.skill.id);
            let hint = format!("safeclaw skill remove {}", status.skill.id);
            report.warn("skills", "Skills", text, &hint);
            continue;
        }
        match skills.load(&status.skill.id) {
            Ok(_) => sound += 1,
            Err(error) => {
                damaged += 1;
                let failure = CliError::from(error);
                let text = format!("{}: {}", status.skill.id, failure.message());
                report.fail("skills.content", "Content", text, "install the skill again");
            }
        }
    }
    if damaged == 0 {
        let text = format!(
            "{}, every file with the digest that was signed",
            crate::commands::skill::count(sound, "skill")
        );
        report.pass("skills.content", "Content", text);
    }
    let now = context.now();
    for list in skills.revocation_lists()? {
        if list.expires <= now {
            let text = format!("the list of {} was to be renewed by {}", list.issuer, list.expires);
            report.warn(
                "revocations",
                "Revocations",
                text,
                "ask the publisher for the newest list",
            );
        }
    }
    Ok(())
}

/// Adds a failure, with `advice` where it has none of its own.
fn failed(report: &mut Report, id: &'static str, label: &str, error: CliError, advice: &str) {
    let advised = match error.advice() {
        Some(_) => error,
        None => error.hint(advice),
    };
    report.failed(id, label, advised);
}
