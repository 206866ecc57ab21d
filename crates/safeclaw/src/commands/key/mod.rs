//! `safeclaw key`: the keys that sign, and whose are trusted. One file a command.

pub mod export;
pub mod list;
mod named;
pub mod new;
pub mod revoke;
pub mod rotate;
pub mod trust;
pub mod untrust;

use clap::Subcommand;

use crate::{Context, Result};

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a signing key, in the vault
    New(new::Arguments),
    /// List your signing keys, and the publishers whom you trust
    List(list::Arguments),
    /// Print a public key, or write a private one to a file
    Export(export::Arguments),
    /// Trust a publisher's key for some skills
    Trust(trust::Arguments),
    /// Trust a key no longer: it installs nothing new
    Untrust(untrust::Arguments),
    /// Take a key back: nothing that it signed does anything any more
    Revoke(revoke::Arguments),
    /// Write a statement that one of your keys takes over from another
    Rotate(rotate::Arguments),
}

/// Runs one of them.
///
/// # Errors
/// Whatever the command fails with.
pub fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::New(arguments) => new::run(&arguments, context),
        Group::List(arguments) => list::run(&arguments, context),
        Group::Export(arguments) => export::run(&arguments, context),
        Group::Trust(arguments) => trust::run(&arguments, context),
        Group::Untrust(arguments) => untrust::run(&arguments, context),
        Group::Revoke(arguments) => revoke::run(&arguments, context),
        Group::Rotate(arguments) => rotate::run(&arguments, context),
    }
}
