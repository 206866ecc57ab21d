//! `safeclaw vault`: secrets at rest. One file a command.

pub mod accept;
pub mod change_passphrase;
pub mod delete;
pub mod get;
pub mod init;
pub mod list;
pub mod migrate;
pub mod rotate;
pub mod set;
pub mod status;

use clap::Subcommand;

use crate::{Context, Result};

/// Commands about the vault.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make an empty vault that a passphrase opens
    Init(init::Arguments),
    /// Show what can be told without the passphrase
    Status(status::Arguments),
    /// Put a secret in
    Set(set::Arguments),
    /// Take a secret out, into a pipe or file
    Get(get::Arguments),
    /// Delete a secret
    Delete(delete::Arguments),
    /// List the names of the secrets
    List(list::Arguments),
    /// Make a new master key and encrypt every secret anew
    Rotate(rotate::Arguments),
    /// Let another passphrase open the vault
    ChangePassphrase(change_passphrase::Arguments),
    /// Move a vault of the original into the format of today
    Migrate(migrate::Arguments),
    /// Take a vault that you restored from a backup as the newest one
    Accept(accept::Arguments),
}

/// Runs one of them.
///
/// # Errors
/// Whatever the command fails with.
pub fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Init(arguments) => init::run(&arguments, context),
        Group::Status(arguments) => status::run(&arguments, context),
        Group::Set(arguments) => set::run(&arguments, context),
        Group::Get(arguments) => get::run(&arguments, context),
        Group::Delete(arguments) => delete::run(&arguments, context),
        Group::List(arguments) => list::run(&arguments, context),
        Group::Rotate(arguments) => rotate::run(&arguments, context),
        Group::ChangePassphrase(arguments) => change_passphrase::run(&arguments, context),
        Group::Migrate(arguments) => migrate::run(&arguments, context),
        Group::Accept(arguments) => accept::run(&arguments, context),
    }
}
