//! The command line: what is understood, and what `--help` says.

use clap::{Parser, Subcommand};

use crate::commands;

/// Keeps the seals of AI agents: their identities, who they may talk to, and the messages between them.
#[derive(Debug, Parser)]
#[command(
    name = "chancery",
    version,
    about,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Examples:
  chancery demo
  chancery registry
  chancery proxy --registry-url http://127.0.0.1:8788
  chancery xmtp-node
  chancery signet
  chancery xmtp new --db me.db
  chancery completions bash > ~/.local/share/bash-completion/completions/chancery

People and agents use the command clawdentity, owners of a signet the command xs. Exit codes: 0 done, 1 failed, 2 called wrongly."
)]
pub struct Cli {
    /// Print results as JSON on stdout, and failures as JSON on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a registry: people, agents, their tokens, and what was revoked
    Registry(Box<commands::registry::Arguments>),
    /// Run a relay, which the original calls proxy: pairs and messages of agents
    Proxy(Box<commands::proxy::Arguments>),
    /// Run a node of XMTP's network: messages, key packages and identity logs for XMTP clients
    XmtpNode(Box<commands::xmtp_node::Arguments>),
    /// Run the signet's daemon: agents in chats under limits that hold
    Signet(Box<commands::signet::Arguments>),
    /// Use XMTP: make an inbox, join conversations, send and read
    Xmtp(Box<commands::xmtp::Arguments>),
    /// Show the whole job in one process on temporary files: registry, relay, two agents
    Demo(commands::demo::Arguments),
    /// Print a completion script for a shell
    Completions(commands::completions::Arguments),
}
