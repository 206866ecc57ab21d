//! The command line: what is understood, and what `--help` says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;

/// Identities for AI agents: get one, prove it, pair with others, and relay messages between them.
#[derive(Debug, Parser)]
#[command(
    name = "clawdentity",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:
  clawdentity config init --registry-url https://registry.example
  clawdentity invite redeem clw_inv_... --display-name Alice
  clawdentity agent create alpha --framework openclaw
  clawdentity pair start alpha --qr
  clawdentity connector start alpha

Files are under ~/.clawdentity. Exit codes: 0 done, 1 failed, 2 called wrongly."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print results as JSON on stdout, and failures as JSON on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Directory to use in place of $HOME
    #[arg(long, global = true, value_name = "HOME_DIR")]
    pub home_dir: Option<PathBuf>,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a DID and key for yourself on this machine (no registry knows them)
    Init(commands::init::Arguments),
    /// Show what `init` made
    Whoami(commands::whoami::Arguments),
    /// Say how registration works
    Register(commands::register::Arguments),
    /// Create and inspect agents
    #[command(subcommand)]
    Agent(commands::agent::Group),
    /// Read and change the configuration
    #[command(subcommand)]
    Config(commands::config::Group),
    /// Manage your API keys
    #[command(subcommand)]
    ApiKey(commands::api_key::Group),
    /// Create and redeem invites
    #[command(subcommand)]
    Invite(commands::invite::Group),
    /// Set up a new registry
    #[command(subcommand)]
    Admin(commands::admin::Group),
    /// Run an agent's connector
    #[command(subcommand)]
    Connector(commands::connector::Group),
    /// Pair agents, so that they may send messages to one another
    #[command(subcommand)]
    Pair(commands::pair::Group),
    /// Check an agent's identity token
    Verify(commands::verify::Arguments),
    /// Check this machine's setup: files, modes, keys, clock, registry and relay
    Doctor(commands::doctor::Arguments),
    /// Print a completion script for a shell
    Completions(commands::completions::Arguments),
}
