//! `safeclaw skill`: write, sign, install and limit skills. One file a command.

pub(super) mod asked;
pub mod diff;
mod folder;
pub mod grant;
pub mod grants;
pub mod import;
pub mod inspect;
pub mod install;
pub mod list;
pub mod new;
mod pretty;
mod refused;
pub mod remove;
pub mod revoke;
pub mod show;
pub mod sign;
mod source;
pub mod test;
pub mod validate;
pub mod verify;
mod view;

pub(super) use view::count;

use chancery_policy::Capability;
use chancery_skills::{SkillStanding, Skills, SkillsError};
use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{CliError, Code, Context, Exit, Result};

/// Reads a capability, and names all of them where it is none.
fn capability() -> impl TypedValueParser<Value = Capability> {
    let names = Capability::ALL.map(Capability::as_str);
    PossibleValuesParser::new(names).try_map(|text| text.parse::<Capability>())
}

/// What an installed skill that does not answer is refused with: exit code 5 when something of it is revoked.
fn not_in_force(skills: &Skills, id: &str, error: SkillsError) -> CliError {
    let revoked = || {
        let found = skills.list().ok()?.into_iter().find(|status| status.skill.id == id)?;
        Some(found.standing == SkillStanding::Revoked)
    };
    if matches!(error, SkillsError::NotInForce { .. }) && revoked() == Some(true) {
        return CliError::of(error, Exit::Revoked)
            .hint("its key, manifest or version is revoked; `safeclaw skill remove` takes it away");
    }
    error.into()
}

/// Commands about skills.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Write a skill to start from: manifest, SKILL.md, example calls
    New(new::Arguments),
    /// Say everything that is wrong with a manifest
    Validate(validate::Arguments),
    /// Sign a skill with keys of the vault
    Sign(sign::Arguments),
    /// Say who signed a skill, and what the signatures cover
    Verify(verify::Arguments),
    /// Show what a skill says of itself, believing nothing of it
    Inspect(inspect::Arguments),
    /// Install a skill, or another version of it
    Install(install::Arguments),
    /// List the installed skills
    List(list::Arguments),
    /// Show an installed skill
    Show(show::Arguments),
    /// List what was granted
    Grants(grants::Arguments),
    /// Grant an installed skill what it asks for, or less
    Grant(grant::Arguments),
    /// Take grants back
    Revoke(revoke::Arguments),
    /// Remove a skill and its grants
    Remove(remove::Arguments),
    /// Compare two manifests, or what is installed with another
    Diff(diff::Arguments),
    /// Try example calls against the grants, running nothing
    Test(test::Arguments),
    /// Make a skill of a folder with SKILL.md
    Import(import::Arguments),
}

/// Runs one of them.
///
/// # Errors
/// Whatever the command fails with.
pub fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::New(arguments) => new::run(&arguments, context),
        Group::Validate(arguments) => validate::run(&arguments, context),
        Group::Sign(arguments) => sign::run(&arguments, context),
        Group::Verify(arguments) => verify::run(&arguments, context),
        Group::Inspect(arguments) => inspect::run(&arguments, context),
        Group::Install(arguments) => install::run(&arguments, context),
        Group::List(arguments) => list::run(&arguments, context),
        Group::Show(arguments) => show::run(&arguments, context),
        Group::Grants(arguments) => grants::run(&arguments, context),
        Group::Grant(arguments) => grant::run(&arguments, context),
        Group::Revoke(arguments) => revoke::run(&arguments, context),
        Group::Remove(arguments) => remove::run(&arguments, context),
        Group::Diff(arguments) => diff::run(&arguments, context),
        Group::Test(arguments) => test::run(&arguments, context),
        Group::Import(arguments) => import::run(&arguments, context),
    }
}

/// The engine, where the owner has onboarded.
///
/// # Errors
/// Failures of the database.
fn engine_if_any(context: &Context) -> Result<Option<Skills>> {
    match context.skills() {
        Err(error) if error.code() == Code::NotOnboarded.as_str() => Ok(None),
        opened => opened.map(Some),
    }
}

/// The guide's page about Rust: what it shows is run.
#[cfg(doctest)]
#[doc = include_str!("../../../../../docs/skills/rust.md")]
struct Guide;
