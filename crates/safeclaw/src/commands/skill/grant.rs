//! `safeclaw skill grant`.

use chancery_manifest::VersionRange;
use chancery_policy::{Capability, Permission};
use chancery_skills::{GrantRequest, GrantStatus, SkillsError, Terms};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{asked, view};
use crate::{CliError, Code, Context, Result, time};

/// Arguments of `skill grant`.
#[derive(Debug, Args)]
#[command(
    after_help = "A grant goes no further than what the manifest asks for, and belongs to the skill as its key
signed it. Without limits of your own you grant what is asked for. The passphrase of the vault
is asked for.

Examples:
  safeclaw skill grant acme.notes fs:read --path ~/notes/2026
  safeclaw skill grant acme.notes fs:read --path ~/notes --expires 7d
  safeclaw skill grant acme.sync net:https --host api.example.com --max-uses 1
  safeclaw skill grant acme.repo process:spawn --executable git --version-range '>=1.0.0, <2.0.0'
  safeclaw skill grant acme.sync secret:read --name sync_token --session review"
)]
pub struct Arguments {
    /// Id of the skill
    id: String,
    /// What: fs:read, fs:write, net:http, net:https, process:spawn, env:read, secret:read or secret:write
    #[arg(value_name = "CAPABILITY", value_parser = super::capability(), hide_possible_values = true)]
    capability: Capability,
    /// File or folder with all below it; absolute
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// Host[:port], *.domain[:port], address or network
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Program, by name or absolute path; bound to the file that it is now
    #[arg(long = "executable", value_name = "PROGRAM")]
    executables: Vec<String>,
    /// Name of a variable or secret
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Until when: 12h, 7d, 2026-12-24 or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// How many times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_uses: Option<u32>,
    /// In the session of this name only
    #[arg(long, value_name = "SESSION", value_parser = session)]
    session: Option<String>,
    /// For these versions of the skill only, such as =1.2.3
    #[arg(long, value_name = "RANGE")]
    version_range: Option<VersionRange>,
}

/// Runs it.
///
/// # Errors
/// [`Code::Usage`] for limits that do not belong to the capability, `SKILLS_NOT_ASKED` for what the manifest does not ask
/// for, `SKILLS_NOT_INSTALLED`, [`Code::TimeInvalid`]; those of the vault, exit code 9.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let id = &arguments.id;
    let terms = terms(arguments, context)?;
    let skills = context.skills()?;
    let skill = skills
        .load(id)
        .map_err(|error| super::not_in_force(&skills, id, error))?
        .skill;
    let permissions = match limits(arguments) {
        Some(limits) => vec![permission(arguments.capability, &limits)?],
        None => skill
            .requests
            .iter()
            .filter(|asked| asked.capability() == arguments.capability)
            .cloned()
            .collect(),
    };
    let asked = |permission: &Permission| {
        skill
            .requests
            .iter()
            .any(|asked| asked.capability() == permission.capability())
    };
    if permissions.is_empty() || !permissions.iter().all(asked) {
        return Err(SkillsError::NotAsked {
            id: id.clone(),
            what: arguments.capability.to_string(),
        }
        .into());
    }
    // before anybody types a passphrase for nothing
    for permission in &permissions {
        skills.may_be_granted(id, permission)?;
    }
    for permission in &permissions {
        context
            .output
            .note(format!("{id} {}: {}", skill.version, asked::short(permission)));
        for danger in asked::dangers(permission) {
            context.output.warn(danger);
        }
    }
    let unlocked = context.unlock()?;
    // with a notary: what is decided now is under a signed checkpoint
    let skills = context.skills_as_owner(&unlocked.owner)?;
    let mut granted = Vec::new();
    for permission in permissions {
        let request = GrantRequest {
            terms: terms.clone(),
            ..GrantRequest::new(id.clone(), permission)
        };
        granted.push(skills.grant(&unlocked.owner, &request)?.id);
    }
    let now = context.now();
    let grants: Vec<GrantStatus> = skills
        .grants(id)?
        .into_iter()
        .filter(|status| granted.contains(&status.grant.id))
        .collect();
    let views: Vec<Value> = grants.iter().map(|status| view::grant(status, now)).collect();
    let mut lines = vec![format!("granted to {id}")];
    lines.extend(grants.iter().flat_map(|status| view::grant_lines(status, now)));
    context.show(&json!({ "grants": views }), &lines)
}

/// A session that has a name.
fn session(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("a session has a name, without control characters");
    }
    Ok(text.to_owned())
}

fn terms(arguments: &Arguments, context: &Context) -> Result<Terms> {
    let now = context.now();
    let end = arguments
        .expires
        .as_deref()
        .map(|text| time::after(text, now))
        .transpose()?;
    if end.is_some_and(|end| end <= now) {
        return Err(CliError::new(Code::TimeInvalid, "the grant would be over already"));
    }
    Ok(Terms {
        expires_at: end,
        max_uses: arguments.max_uses,
        session_id: arguments.session.clone(),
        version_range: arguments.version_range.clone(),
    })
}

/// The limits that were given, as a manifest writes them.
fn limits(arguments: &Arguments) -> Option<Map<String, Value>> {
    let members = [
        ("paths", &arguments.paths),
        ("hosts", &arguments.hosts),
        ("executables", &arguments.executables),
        ("names", &arguments.names),
    ];
    let given: Map<String, Value> = members
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| (name.to_owned(), json!(values)))
        .collect();
    (!given.is_empty()).then_some(given)
}

fn permission(capability: Capability, limits: &Map<String, Value>) -> Result<Permission> {
    Permission::from_request(capability, Some(&json!(limits))).map_err(|problems| {
        let option = capability.dimension().singular();
        let told: Vec<String> = problems
            .iter()
            .map(|problem| match given(limits, &problem.pointer) {
                Some(text) => format!("--{option} {}: {}", asked::visible(&text), problem.message),
                None => problem.message.clone(),
            })
            .collect();
        CliError::new(Code::Usage, told.join("; ")).hint(format!("{capability} is limited by --{option}"))
    })
}

/// What was typed for the limit at `pointer`, such as `/paths/0`.
fn given(limits: &Map<String, Value>, pointer: &str) -> Option<String> {
    json!(limits).pointer(pointer)?.as_str().map(str::to_owned)
}
