//! What `--json` shows of skills and grants. Members keep their names and meaning.

use chancery_base::{Millis, digest};
use chancery_manifest::{CapabilityRequest, Manifest, Problem, Severity, SignedDocument as _};
use chancery_policy::Permission;
use chancery_skills::{Ask, GrantStatus, GrantedBy, Newness, Scheme, Skill, SkillStanding, Warning};
use serde::Serialize;
use serde_json::{Value, json};

use super::asked;

/// `1 grant`, `2 grants`.
pub(in crate::commands) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A time as people and programs read it.
pub(super) fn time(at: Millis) -> String {
    at.to_rfc3339()
}

/// A time to the minute, for people.
pub(super) fn minute(at: Millis) -> String {
    let text = at.to_rfc3339();
    match text.get(..16) {
        Some(minute) => format!("{}Z", minute.replace('T', " ")),
        None => text,
    }
}

/// How a signature was judged, in words.
pub(super) fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::V2 => "scheme 2, which covers everything",
        Scheme::Legacy => "the original's scheme, covering everything in this manifest",
        Scheme::LegacyPartial => "the original's scheme, NOT covering everything; the content is pinned instead",
        Scheme::Unsigned => "NONE; the content is pinned instead",
        _ => "unknown",
    }
}

/// How a skill stands, as one word.
pub(super) fn standing(standing: SkillStanding) -> &'static str {
    match standing {
        SkillStanding::InForce => "in force",
        SkillStanding::Revoked => "revoked",
        _ => "not verified",
    }
}

/// One thing that is wrong or worth knowing.
#[derive(Debug, Serialize)]
pub(super) struct ProblemView {
    code: &'static str,
    pointer: String,
    message: String,
    severity: &'static str,
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.as_str(),
            pointer: problem.pointer.clone(),
            message: problem.message.clone(),
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
        }
    }
}

/// A permission with its reason: `{capability, constraints?, reason}`.
pub(super) fn request(permission: &Permission, reason: &str) -> Value {
    let mut value = json!(permission);
    if let Some(members) = value.as_object_mut() {
        members.insert("reason".to_owned(), reason.into());
    }
    value
}

/// What a manifest asks for.
pub(super) fn requests(requests: &[CapabilityRequest]) -> Vec<Value> {
    let view = |asked: &CapabilityRequest| request(&asked.permission, &asked.reason);
    requests.iter().map(view).collect()
}

/// What a manifest says of itself.
pub(super) fn manifest(manifest: &Manifest) -> Value {
    let tools: Vec<Value> = manifest
        .tools()
        .iter()
        .map(|tool| {
            let needs: Vec<&str> = tool
                .requires()
                .iter()
                .filter_map(|index| manifest.requests().get(*index))
                .map(|request| request.permission.capability().as_str())
                .collect();
            json!({ "name": tool.name(), "description": tool.description(), "requires": needs })
        })
        .collect();
    json!({
        "id": manifest.id(),
        "version": manifest.version().to_string(),
        "name": manifest.name(),
        "description": manifest.description(),
        "publisher": manifest.publisher(),
        "manifest": digest::sha256_hex(manifest.payload()),
        "requests": requests(manifest.requests()),
        "tools": tools,
        "files": manifest.files().iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        "entrypoint": manifest.entrypoint().map(|entry| entry.path.as_str()),
        "minHostVersion": manifest.min_host_version().map(ToString::to_string),
        "expires": manifest.expires().map(time),
    })
}

/// An installed skill.
pub(super) fn skill(skill: &Skill, stands: SkillStanding, grants: usize) -> Value {
    json!({
        "id": skill.id,
        "version": skill.version,
        "name": skill.name,
        "signer": skill.signer,
        "scheme": skill.scheme,
        "standing": match stands {
            SkillStanding::InForce => "in-force",
            SkillStanding::Revoked => "revoked",
            _ => "unverified",
        },
        "manifest": skill.manifest,
        "installedAt": time(skill.installed_at),
        "grants": grants,
    })
}

/// A grant. Whether it is over is seen from `now`.
pub(super) fn grant(status: &GrantStatus, now: Millis) -> Value {
    let grant = &status.grant;
    json!({
        "id": grant.id.to_string(),
        "skillId": grant.skill_id,
        "signer": grant.signer,
        "permission": grant.permission,
        "reasonShown": grant.reason_shown,
        "grantedAt": time(grant.granted_at),
        "grantedBy": match grant.granted_by {
            GrantedBy::User => "user",
            GrantedBy::Builtin => "builtin",
            _ => "policy",
        },
        "expiresAt": grant.expires_at.map(time),
        "maxUses": grant.max_uses,
        "used": status.used,
        "sessionId": grant.session_id,
        "versionRange": grant.version_range.as_ref().map(ToString::to_string),
        "state": state(status, now),
    })
}

/// The same of a skill that may not be in force, and then no grant of it is.
pub(super) fn grant_of(status: &GrantStatus, skill: SkillStanding, now: Millis) -> Value {
    let mut value = grant(status, now);
    if let (Some(members), false) = (value.as_object_mut(), skill == SkillStanding::InForce) {
        members.insert("state".to_owned(), "skill not in force".into());
    }
    value
}

/// How a grant stands: whether it may allow anything now.
pub(super) fn state(status: &GrantStatus, now: Millis) -> &'static str {
    let grant = &status.grant;
    if grant.expires_at.is_some_and(|end| now >= end) {
        "expired"
    } else if grant.max_uses.is_some_and(|limit| status.used >= limit) {
        "used up"
    } else if !status.for_version {
        "for another version"
    } else {
        "in force"
    }
}

/// A grant in a line or two, for people.
pub(super) fn grant_lines(status: &GrantStatus, now: Millis) -> Vec<String> {
    let grant = &status.grant;
    let mut terms = vec![format!("since {}", minute(grant.granted_at))];
    if let Some(end) = grant.expires_at {
        terms.push(format!("until {}", minute(end)));
    }
    if let Some(limit) = grant.max_uses {
        terms.push(format!("{} of {limit} uses used", status.used));
    }
    if let Some(session) = &grant.session_id {
        terms.push(format!("in session {session}"));
    }
    if let Some(range) = &grant.version_range {
        terms.push(format!("for versions {range}"));
    }
    match state(status, now) {
        "in force" => {}
        other => terms.push(other.to_uppercase()),
    }
    vec![
        format!("  {}  {}", grant.id, asked::short(&grant.permission)),
        format!("      {}", terms.join(", ")),
    ]
}

/// A request to be decided.
pub(super) fn ask(ask: &Ask) -> Value {
    let mut value = request(&ask.permission, &ask.reason);
    if let Some(members) = value.as_object_mut() {
        let (new, patterns) = match &ask.newness {
            Newness::FirstInstall => ("skill", Vec::new()),
            Newness::NewCapability => ("capability", Vec::new()),
            Newness::Widened(patterns) => ("patterns", patterns.clone()),
            _ => ("unknown", Vec::new()),
        };
        members.insert("new".to_owned(), new.into());
        members.insert("newPatterns".to_owned(), json!(patterns));
        members.insert("widerThan".to_owned(), json!(ask.wider_than));
    }
    value
}

/// What somebody should know, in words.
pub(super) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::Unsigned => "nobody signed this skill: anybody may have written it".to_owned(),
        Warning::Partial { pointer } => {
            format!(
                "the signature does not cover {}, which anybody may have changed; what is there now is pinned",
                asked::visible(pointer)
            )
        }
        Warning::StaleRevocations { issuer, ended } => {
            format!(
                "the revocation list of {issuer} ended at {}: what was revoked since is not known",
                minute(*ended)
            )
        }
        Warning::Manifest(text) => asked::visible(text),
        Warning::NotGranted { what, why } => {
            format!("{} was not granted: {}", asked::visible(what), asked::visible(why))
        }
        _ => "something that this version has no words for".to_owned(),
    }
}
