//! `safeclaw audit`: what is installed, what was granted, what was decided. Offline, without a passphrase.

use chancery_audit::{AuditError, Broken, Entry, Expect, Query, Report, limits::MAX_READ};
use chancery_base::Millis;
use chancery_skills::{GrantStatus, Revocation, Revoked, Scheme, SkillStanding, SkillStatus, Skills};
use chancery_store::rusqlite::Connection;
use clap::{Args, value_parser};
use serde::Serialize;
use serde_json::{Value, json};

use super::skill::asked::visible;
use crate::{CliError, Code, Context, Exit, Result, database, time};

/// Kinds of the records that are about what a skill asked for; the others are about what was decided.
const EXECUTION: &str = "capability.";

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Asks for no passphrase and no network. With --verify every record is held to the one before it, and the
signed checkpoints to the owner key; the first broken link is named, and the exit code is 1.

Examples:
  safeclaw audit
  safeclaw audit --since 7d --limit 20
  safeclaw audit --verify --json"
)]
pub struct Arguments {
    /// Verify the chain of records
    #[arg(long)]
    verify: bool,
    /// Only records since then: a span such as 7d, a date or a time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// At most so many of the newest records of each kind, up to 1000
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = value_parser!(u16).range(1..=1000))]
    limit: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    skills: Vec<Value>,
    sessions: Vec<Value>,
    recent_executions: Vec<Value>,
    generated_at: String,
    decisions: Vec<Value>,
    revocations: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<Report>,
}

/// Runs it.
///
/// # Errors
/// [`Code::NotOnboarded`], [`Code::TimeInvalid`], [`Code::AuditBroken`]; those of the database.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let now = context.now();
    let since = arguments
        .since
        .as_deref()
        .map(|text| time::before(text, now))
        .transpose()?;
    let owner = context.owner_key()?;
    let path = context.home().database();
    let mut view = View {
        skills: Vec::new(),
        sessions: sessions(context),
        recent_executions: Vec::new(),
        generated_at: now.to_rfc3339(),
        decisions: Vec::new(),
        revocations: Vec::new(),
        chain: None,
    };
    if path.exists() {
        let connection = database::read_only(&path)?;
        if arguments.verify {
            let expect = Expect {
                keys: Some(vec![owner]),
                ..Expect::default()
            };
            let report =
                chancery_audit::verify(&connection, &expect).map_err(|error| CliError::of(error, Exit::Failed))?;
            // what does not hold together is not shown as if it did
            if let Some(broken) = report.broken {
                return Err(refuse(context, &report, broken)?);
            }
            view.chain = Some(report);
        }
        let limit = usize::from(arguments.limit);
        let records = |is: &dyn Fn(&Entry) -> bool| {
            newest(&connection, limit, since, is).map_err(|error| CliError::of(error, Exit::Failed))
        };
        view.recent_executions = records(&|entry| entry.kind.starts_with(EXECUTION))?;
        view.decisions = records(&|entry| !entry.kind.starts_with(EXECUTION) && !entry.is_checkpoint())?;
        let skills = context.skills()?;
        view.skills = installed(&skills)?;
        view.revocations = skills.revocations()?.iter().map(revoked).collect();
    }
    context.show(&view, &human(&view))
}

/// Shows the report of a broken chain, and returns the failure.
fn refuse(context: &Context, report: &Report, broken: Broken) -> Result<CliError> {
    if context.output.json() {
        context.show(
            &json!({ "chain": report, "generatedAt": context.now().to_rfc3339() }),
            &[],
        )?;
    }
    let message = format!("the audit chain is broken at record {}: {}", broken.seq, broken.fault);
    Ok(CliError::new(Code::AuditBroken, message))
}

/// The newest records that are `wanted`, newest first.
fn newest(
    connection: &Connection,
    limit: usize,
    since: Option<Millis>,
    wanted: &dyn Fn(&Entry) -> bool,
) -> Result<Vec<Value>, AuditError> {
    let mut found = Vec::new();
    let mut end = chancery_audit::head(connection)?.seq;
    while end > 0 && found.len() < limit {
        let after = end.saturating_sub(MAX_READ as u64);
        let query = Query {
            after,
            since,
            ..Query::default()
        };
        let page = chancery_audit::read(connection, &query)?;
        let page = page.into_iter().rev().filter(|entry| entry.seq <= end && wanted(entry));
        found.extend(page.take(limit - found.len()).map(record));
        end = after;
    }
    Ok(found)
}

fn record(entry: Entry) -> Value {
    json!({
        "seq": entry.seq,
        "at": entry.at.to_rfc3339(),
        "kind": entry.kind,
        "outcome": entry.outcome,
        "actor": entry.actor,
        "subject": entry.subject,
        "detail": entry.detail,
    })
}

fn installed(skills: &Skills) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for SkillStatus { skill, standing } in skills.list()? {
        let grants = skills.grants(&skill.id)?;
        all.push(json!({
            "id": skill.id,
            "version": skill.version,
            "name": skill.name,
            "standing": standing_word(standing),
            "scheme": skill.scheme,
            "signer": skill.signer,
            "signed": skill.scheme != Scheme::Unsigned,
            "installedAt": skill.installed_at.to_rfc3339(),
            "grants": grants.iter().map(grant).collect::<Vec<_>>(),
        }));
    }
    Ok(all)
}

fn standing_word(standing: SkillStanding) -> &'static str {
    match standing {
        SkillStanding::InForce => "in-force",
        SkillStanding::Revoked => "revoked",
        // what nobody has heard of is not in force
        _ => "unverified",
    }
}

fn grant(status: &GrantStatus) -> Value {
    let grant = &status.grant;
    json!({
        "id": grant.id,
        "capability": grant.permission.capability().as_str(),
        "constraints": grant.permission.constraints().texts(),
        "grantedAt": grant.granted_at.to_rfc3339(),
        "grantedBy": grant.granted_by,
        "expiresAt": grant.expires_at.map(Millis::to_rfc3339),
        "maxUses": grant.max_uses,
        "used": status.used,
        "sessionId": grant.session_id,
        "versionRange": grant.version_range.as_ref().map(ToString::to_string),
        "forInstalledVersion": status.for_version,
    })
}

fn revoked(revocation: &Revocation) -> Value {
    let (kind, what) = match &revocation.what {
        Revoked::Key { keyid } => ("key", keyid.clone()),
        Revoked::Manifest { sha256 } => ("manifest", sha256.clone()),
        Revoked::Skill { id, versions } => ("skill", format!("{id} {versions}")),
        other => ("other", format!("{other:?}")),
    };
    json!({ "kind": kind, "what": what, "at": revocation.at.to_rfc3339(), "reason": revocation.reason })
}

/// Sessions that the original left here: their names only.
fn sessions(context: &Context) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(context.home().sessions()) else {
        return Vec::new();
    };
    let id = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let id = name.strip_suffix(".json")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        (!id.is_empty() && id.bytes().all(plain)).then(|| id.to_owned())
    };
    let mut ids: Vec<String> = entries.flatten().filter_map(id).collect();
    ids.sort_unstable();
    ids.into_iter().map(|id| json!({ "id": id })).collect()
}

fn human(view: &View) -> Vec<String> {
    let mut lines = vec!["Installed skills".to_owned()];
    for skill in &view.skills {
        lines.push(format!(
            "  {}@{}  {} ({}, {})",
            text(&skill["id"]),
            text(&skill["version"]),
            text(&skill["name"]),
            text(&skill["standing"]),
            text(&skill["scheme"])
        ));
        lines.extend(skill["grants"].as_array().into_iter().flatten().map(granted));
    }
    none_if_empty(&mut lines, view.skills.is_empty());
    lines.push("Sessions".to_owned());
    lines.extend(
        view.sessions
            .iter()
            .map(|session| format!("  {}", text(&session["id"]))),
    );
    none_if_empty(&mut lines, view.sessions.is_empty());
    for (title, records) in [
        ("Recent executions", &view.recent_executions),
        ("Decisions", &view.decisions),
    ] {
        lines.push(title.to_owned());
        lines.extend(records.iter().map(|record| {
            format!(
                "  {}  {}  {}  {}{}",
                text(&record["at"]),
                text(&record["outcome"]),
                text(&record["kind"]),
                // what a skill asked for: it must not end the line, and write another one
                visible(text(&record["subject"])),
                told(&record["detail"])
            )
        }));
        none_if_empty(&mut lines, records.is_empty());
    }
    if let Some(chain) = &view.chain {
        lines.push(format!(
            "Audit chain: whole, {} records, {} signed checkpoints, {} records since the last",
            chain.records,
            chain.checkpoints,
            since_checkpoint(chain)
        ));
    }
    lines.push(format!("Generated {}", view.generated_at));
    lines
}

/// What a record says besides: which version it is about, and why something was refused or taken back.
fn told(detail: &Value) -> String {
    let version = detail["version"]
        .as_str()
        .map(|version| format!(" {}", visible(version)));
    let why = [&detail["code"], &detail["reason"]].into_iter().find_map(Value::as_str);
    let why = why
        .filter(|why| !why.is_empty())
        .map(|why| format!(" ({})", visible(why)));
    [version, why].into_iter().flatten().collect()
}

/// Records behind the last checkpoint, which itself follows the record that it covers.
pub(super) fn since_checkpoint(chain: &Report) -> u64 {
    match chain.checkpoints {
        0 => chain.records,
        _ => chain.unsigned().saturating_sub(1),
    }
}

fn granted(grant: &Value) -> String {
    let constraints: Vec<String> = grant["constraints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|pattern| visible(text(pattern)))
        .collect();
    let on = if constraints.is_empty() {
        "anything".to_owned()
    } else {
        constraints.join(", ")
    };
    let until = grant["expiresAt"]
        .as_str()
        .map(|at| format!(", until {at}"))
        .unwrap_or_default();
    let uses = grant["maxUses"]
        .as_u64()
        .map(|most| format!(", used {} of {most} times", grant["used"]))
        .unwrap_or_default();
    format!("    {} [{on}]{until}{uses}", text(&grant["capability"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn none_if_empty(lines: &mut Vec<String>, empty: bool) {
    if empty {
        lines.push("  none".to_owned());
    }
}
