//! `safeclaw skill install`.

mod consent;

use std::{io::IsTerminal as _, num::NonZeroUsize, path::PathBuf, sync::Mutex};

use chancery_manifest::KeyId;
use chancery_skills::{
    Approval, Approver, Ask, InstallError, InstallOptions, Installed, Package, Plan, SkillLoader, Skills, SkillsError,
    Terms, Warning,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{source, view};
use crate::{CliError, Code, Context, Result};

/// Arguments of `skill install`.
#[derive(Debug, Args)]
#[command(
    after_help = "What is installed must be signed by a key that you trust with its id: one that `safeclaw key
trust` named, or whose full fingerprint you give as --trust-key. An id stays with its key. Your
decision is signed with your owner key, so the passphrase of the vault is asked for; nothing is
changed before.

Examples:
  safeclaw skill install ./acme.notes --dry-run
  safeclaw skill install ./acme.notes --trust-key SHA256:AiEiZ8hjVd55KHBv7iyX0q1kSGb2PPDcM5q9d6J4W0o
  safeclaw skill install ./acme.notes --grant none
  safeclaw skill install ./acme.notes --rotation rotation.dsse --revocations revocations.dsse
  safeclaw skill install ./draft --allow-unsigned --i-understand"
)]
pub struct Arguments {
    /// Folder of the skill, or its manifest
    path: PathBuf,
    /// What of the requests is granted: all of it, what you say to each, or nothing; ask on a terminal, otherwise none
    #[arg(long, value_enum, value_name = "HOW")]
    grant: Option<Granting>,
    /// Trust the key with this fingerprint to publish this skill: you have compared all of it
    #[arg(long, value_name = "FINGERPRINT")]
    trust_key: Option<KeyId>,
    /// How many keys must have signed a skill that is new here; later versions need at least as many
    #[arg(long, value_name = "N", default_value = "1")]
    threshold: NonZeroUsize,
    /// Statement by which the key that the skill belongs to hands over to another
    #[arg(long, value_name = "FILE")]
    rotation: Option<PathBuf>,
    /// Signed revocation list to take first
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    revocations: Option<PathBuf>,
    /// Refuse when a revocation list is out of date
    #[arg(long)]
    require_fresh: bool,
    /// Take a version that is older than one that was installed, this once
    #[arg(long)]
    allow_downgrade: bool,
    /// Take a signature of the original's kind that does not cover everything; what is there now is pinned
    #[arg(long)]
    accept_partial_signature: bool,
    /// Take a skill that nobody signed; needs --i-understand
    #[arg(long, requires = "i_understand")]
    allow_unsigned: bool,
    /// You know that anybody may have written it
    #[arg(long)]
    i_understand: bool,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

/// What of the requests is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Granting {
    All,
    Ask,
    None,
}

/// Runs it.
///
/// # Errors
/// What the manifest (exit code 2), the signature (3), trust (4), revocations (5) and versions (6) refuse; 7 when you
/// say no, 9 when the vault does not open. Nothing has changed then.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    if arguments.grant == Some(Granting::Ask) && context.output.json() {
        // with --json nothing is shown, and nobody decides about what was not shown
        return Err(CliError::new(
            Code::Usage,
            "--grant ask shows what it asks about, which --json does not",
        )
        .hint("say --grant all or --grant none"));
    }
    let package = SkillLoader::new().load_from_file(&arguments.path)?;
    let skills = context.skills()?;
    if let Some(path) = &arguments.revocations {
        let list = skills.accept_revocations(&source::envelope(path)?)?;
        context.output.note(format!(
            "took revocation list {} of {}, {}",
            list.sequence,
            list.issuer,
            entries(list.entries.len())
        ));
    }
    let mut options = options(arguments)?;
    let on_terminal = std::io::stdin().is_terminal() && !context.output.json();
    let granting = arguments
        .grant
        .unwrap_or(if on_terminal { Granting::Ask } else { Granting::None });
    let plan = match skills.plan(&package, &options) {
        Err(InstallError::Untrusted { .. }) if on_terminal && !arguments.dry_run && options.trust_key.is_none() => {
            options.trust_key = Some(consent::trust(&package)?);
            skills.plan(&package, &options)
        }
        planned => planned,
    };
    let refused = |error: InstallError| {
        if !arguments.dry_run {
            skills.record_refusal(&package, &error);
        }
        let another = arguments
            .trust_key
            .filter(|_| matches!(error, InstallError::Untrusted { .. }));
        let failure = CliError::from(error);
        match another {
            // copying the name of whoever signed it would be no comparison
            Some(given) => failure.hint(format!(
                "you said {given}, which did not sign it: do not take it before you know from the publisher why"
            )),
            None => failure,
        }
    };
    let plan = plan.map_err(refused)?;
    let shown = consent::describe(&package, &plan, &skills)?;
    if arguments.dry_run {
        let mut lines = shown;
        lines.push("Nothing was changed: this was a dry run.".to_owned());
        return context.show(&planned(&plan, None), &lines);
    }
    shown.iter().for_each(|line| context.output.note(line));
    let Some(decided) = decide(granting, &plan, context)? else {
        return Err(refused(InstallError::Declined { id: plan.id }));
    };
    // only now, so that the passphrase says yes to what was shown
    let unlocked = context.unlock()?;
    // with a notary: what is decided now is under a signed checkpoint
    let skills = context.skills_as_owner(&unlocked.owner)?;
    let installed = install(&skills, &package, &options, &decided, &unlocked.owner)?;
    // people have seen the others above
    let told = |warning: &&Warning| context.output.json() || !plan.warnings.contains(warning);
    for warning in installed.warnings.iter().filter(told) {
        context.output.warn(view::warning(warning));
    }
    let mut lines = vec![format!(
        "installed {} {}, {}",
        installed.skill.id,
        installed.skill.version,
        view::count(installed.grants.len(), "grant")
    )];
    if decided.iter().any(|(_, approval)| *approval == Approval::Leave) {
        lines.push(format!(
            "  grant it what it needs: safeclaw skill grant {} ...",
            installed.skill.id
        ));
    }
    context.show(&planned(&plan, Some(&installed)), &lines)
}

/// How many entries of a list are its signer's to make.
fn entries(number: usize) -> String {
    match number {
        1 => "1 entry".to_owned(),
        number => format!("{number} entries"),
    }
}

fn options(arguments: &Arguments) -> Result<InstallOptions> {
    let rotation = arguments.rotation.as_deref().map(source::envelope).transpose()?;
    Ok(InstallOptions {
        allow_unsigned: arguments.allow_unsigned && arguments.i_understand,
        accept_partial: arguments.accept_partial_signature,
        trust_key: arguments.trust_key,
        rotation,
        allow_downgrade: arguments.allow_downgrade,
        require_fresh: arguments.require_fresh,
        threshold: arguments.threshold,
        host_version: env!("CARGO_PKG_VERSION").parse().ok(),
        ..InstallOptions::default()
    })
}

/// What the owner says to each request of `plan`; `None` when it is not to be installed.
fn decide(granting: Granting, plan: &Plan, context: &Context) -> Result<Option<Vec<(Ask, Approval)>>> {
    let mut decided = Vec::new();
    for (index, ask) in plan.asks.iter().enumerate() {
        let approval = match granting {
            Granting::All => Approval::all(),
            Granting::None => Approval::Leave,
            Granting::Ask => consent::ask(index, plan.asks.len(), ask, context)?,
        };
        if approval == Approval::Decline {
            return Ok(None);
        }
        decided.push((ask.clone(), approval));
    }
    Ok(Some(decided))
}

/// Says what was decided. A request that was not shown means that something changed meanwhile.
struct Decided<'a> {
    decided: &'a [(Ask, Approval)],
    unknown: Mutex<bool>,
}

impl Approver for Decided<'_> {
    fn decide(&self, ask: &Ask) -> Approval {
        match self.decided.iter().find(|(shown, _)| shown == ask) {
            Some((_, approval)) => approval.clone(),
            None => {
                if let Ok(mut unknown) = self.unknown.lock() {
                    *unknown = true;
                }
                Approval::Decline
            }
        }
    }
}

fn install(
    skills: &Skills,
    package: &Package,
    options: &InstallOptions,
    decided: &[(Ask, Approval)],
    owner: &chancery_base::ed25519::SecretKey,
) -> Result<Installed> {
    let approver = Decided {
        decided,
        unknown: Mutex::new(false),
    };
    match skills.install(package, options, &approver, owner) {
        Err(InstallError::Declined { .. }) if approver.unknown.lock().is_ok_and(|unknown| *unknown) => {
            Err(CliError::from(SkillsError::Stale))
        }
        done => Ok(done?),
    }
}

fn planned(plan: &Plan, installed: Option<&Installed>) -> Value {
    let warnings = installed.map_or(&plan.warnings, |installed| &installed.warnings);
    let asks: Vec<Value> = plan.asks.iter().map(view::ask).collect();
    json!({
        "installed": installed.is_some(),
        "id": plan.id,
        "version": plan.version.to_string(),
        "previous": plan.previous,
        "signer": plan.signer,
        "scheme": plan.scheme,
        "manifest": plan.manifest_sha256,
        "newlyTrusted": plan.newly_trusted,
        "changesHands": plan.changes_hands,
        "downgrade": plan.downgrade,
        "asks": asks,
        "kept": plan.kept,
        "dropped": plan.dropped,
        "grants": installed.map(|installed| {
            let grants = installed.grants.iter();
            grants.map(|grant| json!({ "id": grant.id.to_string(), "permission": grant.permission })).collect::<Vec<_>>()
        }),
        "warnings": warnings.iter().map(view::warning).collect::<Vec<_>>(),
    })
}

/// The terms that an answer at the terminal names; `None` for an answer that means nothing.
fn terms(answer: &str, ask: &Ask, context: &Context) -> Option<Terms> {
    Some(match answer {
        "a" | "always" => Terms::default(),
        "o" | "once" => Terms::once(),
        "v" | "version" => Terms {
            version_range: ask.version.parse().ok().map(chancery_manifest::VersionRange::exactly),
            ..Terms::default()
        },
        until => Terms {
            expires_at: crate::time::after(until, context.now())
                .ok()
                .filter(|end| *end > context.now()),
            ..Terms::default()
        },
    })
    .filter(|terms| *terms != Terms::default() || matches!(answer, "a" | "always"))
}
