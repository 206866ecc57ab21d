//! `xs admin`: tokens, keys, export.

use chancery_signet_wire::{
    Positive,
    action::{
        Call,
        input::{AdminToken, Nothing},
    },
};
use clap::Subcommand;

use crate::{arguments::positive, step::Step, view::View};

/// Administer.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Have the daemon make a token, for HTTP and for other users. Whoever holds it is an admin until it ends
    #[command(after_help = "Examples:
  xs admin token
  curl -H \"authorization: Bearer $(xs admin token)\" -d '{}' http://127.0.0.1:8081/v1/admin/operator.list")]
    Token {
        /// How long it is good, seconds; 120 when left out, and an hour at most
        #[arg(long, value_name = "SECONDS", value_parser = positive)]
        ttl: Option<Positive>,
    },
    /// Check whether every key can be used
    #[command(after_help = "Examples:\n  xs admin verify-keys")]
    VerifyKeys,
    /// Print everything that is held here but secrets
    #[command(after_help = "Examples:\n  xs admin export-state --json > state.json")]
    ExportState,
}

impl Group {
    pub(crate) fn step(self) -> Step {
        match self {
            Self::Token { ttl } => {
                let view = View::Lines(|data| data.at("token").map(crate::tree::Tree::inline).into_iter().collect());
                Step::ask(Call::AdminToken(AdminToken { ttl_seconds: ttl }), view)
            }
            Self::VerifyKeys => Step::ask(Call::AdminVerifyKeys(Nothing {}), View::Auto),
            Self::ExportState => Step::ask(Call::AdminExportState(Nothing {}), View::Auto),
        }
    }
}
