//! The command line: what is understood, and what `--help` says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{build, commands, output::Format};

/// The signet: agents in XMTP chats, under limits that hold.
#[derive(Debug, Parser)]
#[command(
    name = "xs",
    version = build::VERSION,
    about,
    max_term_width = 100,
    after_help = "Examples:
  xs init --env dev --label owner
  xs daemon start --daemon
  xs status --json
  xs operator create --label support-agent --scope per-chat
  xs cred issue --op support-agent --chat conv_9e2d --allow send,reply,react,read-messages,stream-messages
  xs action list --watch

Whatever names something takes its id, the beginning of its id, or its label.

Exit codes:
  0 done          1 called wrongly, or against a rule   2 not found
  3 status: the daemon does not run                     4 not permitted
  5 timed out     6 daemon or network out of reach      8 internal
  9 not let in    130 called off"
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
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Print results as JSON on stdout, and failures as JSON on stderr
    #[arg(long, global = true, display_order = 900, conflicts_with = "output")]
    pub json: bool,
    /// How results are printed: human, json or ndjson
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true
    )]
    pub output: Option<Format>,
    /// The configuration to use in place of $XDG_CONFIG_HOME/xmtp-signet/config.toml
    #[arg(long, global = true, display_order = 900, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// An admin token, for a daemon of another user: - is one line of stdin, @FILE the first line of a file
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "-|@FILE",
        allow_hyphen_values = true
    )]
    pub token: Option<String>,
}

impl Global {
    /// How results are printed.
    #[must_use]
    pub fn format(&self) -> Format {
        match (self.json, self.output) {
            (true, _) => Format::Json,
            (false, Some(format)) => format,
            (false, None) => Format::Human,
        }
    }
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up: configuration and keys. What is there stays
    Init(commands::init::Arguments),
    /// Show how the daemon fares
    Status(commands::status::Arguments),
    /// Remove everything that the signet keeps here
    Reset(commands::reset::Arguments),
    /// Show what was done and by whom
    Logs(commands::logs::Arguments),
    /// Find out what an id, a label or an id of the network's stands for
    Lookup(commands::find::Lookup),
    /// Look for text in messages, or for operators, policies, credentials and chats
    Search(commands::find::Search),
    /// Say who may write
    #[command(subcommand)]
    Consent(commands::consent::Group),
    /// Start and stop the daemon
    #[command(subcommand)]
    Daemon(commands::daemon::Group),
    /// Keep operators: the profiles that agents work under
    #[command(subcommand)]
    Operator(commands::operator::Group),
    /// Keep credentials: what harnesses are let in with
    #[command(subcommand)]
    Cred(commands::cred::Group),
    /// Keep inboxes: the identities that speak
    #[command(subcommand)]
    Inbox(commands::inbox::Group),
    /// Make, join and look after chats
    #[command(subcommand)]
    Chat(commands::chat::Group),
    /// Send and read messages
    #[command(subcommand)]
    Msg(commands::msg::Group),
    /// Keep policies: scopes to use again
    #[command(subcommand)]
    Policy(commands::policy::Group),
    /// Look at seals: what chats are told of an agent's limits
    #[command(subcommand)]
    Seal(commands::seal::Group),
    /// Keep wallets
    #[command(subcommand)]
    Wallet(commands::wallet::Group),
    /// Keep keys
    #[command(subcommand)]
    Key(commands::key::Group),
    /// Set up harnesses
    #[command(subcommand)]
    Agent(commands::agent::Group),
    /// Decide on actions that wait for the owner
    #[command(subcommand)]
    Action(commands::action::Group),
    /// Decide what harnesses see of what is hidden
    #[command(subcommand)]
    Reveal(commands::reveal::Group),
    /// Make tokens, check keys, export
    #[command(subcommand)]
    Admin(commands::admin::Group),
    /// Look at the configuration
    #[command(subcommand)]
    Config(commands::config::Group),
    /// Print a completion script for a shell
    #[command(alias = "completions")]
    Completion(commands::completion::Arguments),
}
