//! What the owner sees and is asked before anything is installed.

use chancery_manifest::{KeyId, SignedDocument as _, diff};
use chancery_skills::{Approval, Ask, Newness, Package, Plan, Scheme, Skills};
use chancery_terminal::prompt;

use super::{
    super::{asked, view},
    terms,
};
use crate::{CliError, Code, Context, Exit, Result};

/// Characters of a fingerprint's end that are typed.
const TYPED: usize = 8;

/// Asks whether a key that was never met may publish the skill. What is shown is the whole fingerprint; what is typed is
/// its end, which nobody types by habit.
///
/// # Errors
/// Exit code 4 when the answer is another; `TERMINAL_REQUIRED`.
pub(super) fn trust(package: &Package) -> Result<KeyId> {
    let id = package.manifest().id();
    let claimed = package.envelope().and_then(chancery_manifest::Envelope::claimed_key);
    let legacy = || {
        let key = package.manifest().public_key()?;
        chancery_base::ed25519::PublicKey::from_bytes(key).ok()
    };
    let key = claimed
        .or_else(legacy)
        .ok_or_else(|| refused(format!("{id} brings no key that could be trusted")))?;
    let keyid = KeyId::of(&key);
    let fingerprint = keyid.to_string();
    let end = fingerprint.len().saturating_sub(TYPED);
    let question = format!(
        "{id} is signed by a key that is not trusted here:\n  {fingerprint}\nCompare it with what the publisher says elsewhere. To trust it with {id}, type its last {TYPED} characters:"
    );
    let answer = prompt::ask(&question)?;
    if fingerprint.get(end..) == Some(answer.trim()) {
        Ok(keyid)
    } else {
        Err(refused(format!("the key of {id} is not trusted; nothing was changed")))
    }
}

fn refused(message: String) -> CliError {
    CliError::new(Code::Untrusted, message).exit(Exit::Trust)
}

/// What the install would do, as a person reads it.
///
/// # Errors
/// Failures of the database.
pub(super) fn describe(package: &Package, plan: &Plan, skills: &Skills) -> Result<Vec<String>> {
    let manifest = package.manifest();
    let mut lines = vec![format!("{} {} ({})", manifest.name(), plan.version, plan.id)];
    lines.extend(manifest.description().map(|text| format!("  {text}")));
    lines.extend(signed_by(plan, skills)?);
    lines.push(match &plan.previous {
        None => "It is not installed yet.".to_owned(),
        Some(before) if *before == plan.version.to_string() => "It is installed already.".to_owned(),
        Some(before) if plan.downgrade => format!("It replaces {before}, which is NEWER."),
        Some(before) => format!("It replaces {before}."),
    });
    if plan.changes_hands {
        lines.push("It CHANGES HANDS: nothing that was granted before goes along.".to_owned());
    }
    lines.extend(tools(package, plan, skills));
    if let Some(program) = manifest.entrypoint() {
        lines.push(format!("  program: {}", asked::visible(&program.path)));
    }
    lines.push(match (plan.asks.len(), &plan.previous) {
        (0, None) => "It asks for nothing.".to_owned(),
        (0, Some(_)) => "It asks for nothing new.".to_owned(),
        (_, None) => "It asks for:".to_owned(),
        (_, Some(_)) if plan.changes_hands => "It asks for:".to_owned(),
        (_, Some(_)) => "It asks for more than before:".to_owned(),
    });
    for (index, ask) in plan.asks.iter().enumerate() {
        lines.extend(request(index, ask));
    }
    if !plan.kept.is_empty() {
        lines.push("What is granted already and stays:".to_owned());
        lines.extend(
            plan.kept
                .iter()
                .map(|permission| format!("  {}", asked::short(permission))),
        );
    }
    if !plan.dropped.is_empty() {
        lines.push(if plan.changes_hands {
            "What was granted to the other key and ends:".to_owned()
        } else {
            "What is granted and ends, as it is not asked for any more:".to_owned()
        });
        lines.extend(
            plan.dropped
                .iter()
                .map(|permission| format!("  {}", asked::short(permission))),
        );
    }
    lines.extend(
        plan.warnings
            .iter()
            .map(|warning| format!("Warning: {}", view::warning(warning))),
    );
    Ok(lines)
}

fn signed_by(plan: &Plan, skills: &Skills) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if plan.scheme != Scheme::Unsigned {
        let publishers = skills.publishers()?;
        for keyid in plan.signer.split('+') {
            let known = publishers.iter().find(|publisher| publisher.keyid == keyid);
            let trust = match known {
                _ if plan.newly_trusted.iter().any(|new| new == keyid) => {
                    "trusted from now on with this skill".to_owned()
                }
                Some(publisher) if !publisher.label.is_empty() => {
                    format!(
                        "trusted as {:?} since {}",
                        publisher.label,
                        view::minute(publisher.added_at)
                    )
                }
                Some(publisher) => format!("trusted since {}", view::minute(publisher.added_at)),
                None => "whom it belongs to".to_owned(),
            };
            lines.push(format!("  signed by {keyid} ({trust})"));
        }
    }
    lines.push(format!("  signature: {}", view::scheme(plan.scheme)));
    Ok(lines)
}

/// The tools, and which of them are not what they were.
fn tools(package: &Package, plan: &Plan, skills: &Skills) -> Vec<String> {
    let manifest = package.manifest();
    if manifest.tools().is_empty() {
        return Vec::new();
    }
    let before = plan.previous.as_ref().and_then(|_| skills.load(&plan.id).ok());
    let Some(before) = before.filter(|before| before.manifest.payload() != manifest.payload()) else {
        let names: Vec<&str> = manifest.tools().iter().map(chancery_manifest::Tool::name).collect();
        return vec![format!("  tools: {}", names.join(", "))];
    };
    use chancery_manifest::ToolChange::{Added, Changed, Removed};
    let changes = diff(Some(&before.manifest), manifest).tools;
    let words = changes.iter().map(|change| match change {
        Added { name } => format!("  new tool: {name}"),
        Removed { name } => format!("  tool that is gone: {name}"),
        Changed { name, told: true, .. } => format!("  tool that tells the model something else: {name}"),
        Changed { name, .. } => format!("  tool that needs or does something else: {name}"),
    });
    words.collect()
}

fn request(index: usize, ask: &Ask) -> Vec<String> {
    let capability = ask.permission.capability();
    let mut lines = vec![format!(
        "  {}. {capability}, to {}",
        index + 1,
        asked::meaning(capability)
    )];
    lines.extend(
        asked::patterns(&ask.permission)
            .iter()
            .map(|text| format!("       {text}")),
    );
    lines.push(format!("     why: {}", ask.reason));
    match &ask.newness {
        Newness::FirstInstall => {}
        Newness::NewCapability => lines.push(format!("     new: it did not ask for {capability} before")),
        Newness::Widened(patterns) if patterns.is_empty() => {
            lines.push("     new: it was limited before and is not any more".to_owned());
        }
        Newness::Widened(patterns) => lines.push(format!("     new: {}", asked::visible(&patterns.join(", ")))),
        _ => lines.push("     new".to_owned()),
    }
    lines.extend(ask.wider_than.iter().map(|similar| {
        format!(
            "     goes further than what another skill has: {}",
            asked::visible(similar)
        )
    }));
    lines.extend(
        asked::dangers(&ask.permission)
            .iter()
            .map(|danger| format!("     beware: {danger}")),
    );
    lines
}

/// Asks about one request.
///
/// # Errors
/// `TERMINAL_REQUIRED`; `PROMPT_CANCELLED`, exit code 7.
pub(super) fn ask(index: usize, of: usize, ask: &Ask, context: &Context) -> Result<Approval> {
    let question = format!(
        "{} of {of}: grant {}?\n  a always, v for this version only, o once, a time such as 7d or 2026-12-24,\n  n no (install without it), q do not install:",
        index + 1,
        asked::short(&ask.permission)
    );
    loop {
        let answer = prompt::ask(&question).map_err(|failure| match failure.code.as_str() {
            "TERMINAL_REQUIRED" => {
                failure.with_hint("say --grant all, or --grant none and `safeclaw skill grant` later")
            }
            _ => failure,
        })?;
        match answer.trim() {
            "n" | "no" => return Ok(Approval::Leave),
            "q" | "quit" => return Ok(Approval::Decline),
            other => match terms(other, ask, context) {
                Some(terms) => return Ok(Approval::Grant { terms, only: None }),
                None => context.output.note("that is none of the answers"),
            },
        }
    }
}
