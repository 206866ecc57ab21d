//! The command line: what is understood, and what `--help` says.

use std::path::PathBuf;

use chancery_terminal::ColorChoice;
use clap::{Args, Parser, Subcommand};

use crate::{commands, passphrase::Given};

/// Skills that can be trusted: signed manifests, narrow grants, a vault, and a record of every decision.
#[derive(Debug, Parser)]
#[command(
    name = "safeclaw",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:
  safeclaw onboard
  safeclaw doctor
  safeclaw key list
  safeclaw vault set github_token
  safeclaw audit --verify
  safeclaw completions bash > ~/.local/share/bash-completion/completions/safeclaw

Files are under ~/.safeclaw (directory 0700, files 0600).

Exit codes:
  0 done            1 called wrongly, or failed otherwise   2 invalid manifest
  3 signature       4 trust                                 5 revoked
  6 downgrade       7 denied by you                         8 sandbox not to be had
  9 vault"
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
    #[arg(long, display_order = 900, global = true)]
    pub json: bool,
    /// Directory to use in place of $HOME
    #[arg(long, display_order = 900, global = true, value_name = "DIR")]
    pub home_dir: Option<PathBuf>,
    /// Where the vault's passphrase is: - is one line of stdin, @FILE the first line of a file. Otherwise
    /// SAFECLAW_PASSPHRASE_FILE names a file, or the terminal is asked
    #[arg(
        long,
        display_order = 900,
        global = true,
        value_name = "-|@FILE",
        allow_hyphen_values = true
    )]
    pub passphrase: Option<Given>,
    /// Whether messages are coloured: auto (on a terminal), always or never
    #[arg(
        long,
        display_order = 900,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub color: ColorChoice,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up: a vault, the owner key, a signing key. What is there stays
    Onboard(commands::onboard::Arguments),
    /// Write, sign, install and limit skills
    #[command(subcommand)]
    Skill(commands::skill::Group),
    /// Keep the keys that sign, and say whose you trust
    #[command(subcommand)]
    Key(commands::key::Group),
    /// Keep secrets: tokens, and the keys that sign
    #[command(subcommand)]
    Vault(commands::vault::Group),
    /// Show what is installed, granted and decided, and verify the record of it
    Audit(commands::audit::Arguments),
    /// Look at files, keys, records and kernel, and say what is so
    Doctor(commands::doctor::Arguments),
    /// Print a completion script for a shell
    Completions(commands::completions::Arguments),
}
