//! `xs key`: keys of operators. Private halves never leave the daemon's vault.

use chancery_signet_wire::{
    Reference,
    action::{
        Call,
        input::{ByKey, KeysExport, KeysInit, KeysRotate, Nothing},
    },
};
use clap::Subcommand;

use crate::{step::Step, view::View};

const COLUMNS: View = View::Table(&[
    ("key", "keyId"),
    ("identity", "identityId"),
    ("operator", "operatorId"),
    ("fingerprint", "fingerprint"),
    ("trust", "trustTier"),
    ("created", "createdAt"),
    ("rotated", "rotatedAt"),
]);

/// Keep keys.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make the keys of an operator; what is there stays
    #[command(after_help = "Examples:\n  xs key init --operator op_a7f3")]
    Init {
        /// Whose keys
        #[arg(long)]
        operator: Reference,
        /// Its wallet; a new one when left out
        #[arg(long)]
        wallet: Option<Reference>,
    },
    /// Replace operational keys; seals go on in the same chain
    #[command(after_help = "Examples:\n  xs key rotate\n  xs key rotate --operator op_a7f3")]
    Rotate {
        /// Whose keys; everybody's when left out
        #[arg(long)]
        operator: Option<Reference>,
    },
    /// List the operational keys
    #[command(after_help = "Examples:\n  xs key list")]
    List,
    /// Show a key
    #[command(after_help = "Examples:\n  xs key info key_3d9e")]
    Info {
        /// The key, or the identity that it signs for
        #[arg(value_name = "KEY")]
        key: Reference,
    },
    /// Print the public half of a key
    #[command(after_help = "Examples:\n  xs key export-public\n  xs key export-public op_a7f3")]
    ExportPublic {
        /// The key, or the identity that it signs for; the first key when left out
        #[arg(value_name = "KEY")]
        key: Option<Reference>,
    },
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let (call, view) = match self {
            Self::Init { operator, wallet } => {
                let input = KeysInit {
                    operator_id: operator,
                    wallet_id: wallet,
                };
                (Call::KeysInit(input), View::Auto)
            }
            Self::Rotate { operator } => (Call::KeysRotate(KeysRotate { operator_id: operator }), View::Auto),
            Self::List => (Call::KeysList(Nothing {}), COLUMNS),
            Self::Info { key } => (Call::KeysInfo(ByKey { key_id: key }), View::Auto),
            Self::ExportPublic { key } => (Call::KeysExportPublic(KeysExport { key_id: key }), View::Auto),
        };
        Step::ask(call, view)
    }
}
