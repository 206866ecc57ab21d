//! `clawdentity pair`.

pub mod confirm;
pub mod list;
pub mod remove;
pub mod start;
pub mod status;

use clap::Subcommand;

use crate::{context::Context, error::Result};

/// Subcommands of `pair`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a ticket for another agent to confirm
    Start(start::Arguments),
    /// Confirm another agent's ticket
    Confirm(confirm::Arguments),
    /// See whether a ticket was confirmed, and save the peer
    Status(status::Arguments),
    /// List an agent's pairs at its relay
    List(list::Arguments),
    /// End a pair
    Remove(remove::Arguments),
}

/// Runs a subcommand.
///
/// # Errors
/// Whatever it fails with.
pub async fn run(group: Group, context: &Context) -> Result<()> {
    match group {
        Group::Start(arguments) => start::run(arguments, context).await,
        Group::Confirm(arguments) => confirm::run(arguments, context).await,
        Group::Status(arguments) => status::run(arguments, context).await,
        Group::List(arguments) => list::run(&arguments, context).await,
        Group::Remove(arguments) => remove::run(&arguments, context).await,
    }
}
