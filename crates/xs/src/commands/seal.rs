//! `xs seal`: what chats are told of an agent's limits.

use chancery_signet_wire::{
    Reference,
    action::{
        Call,
        input::{BySeal, SealHistory, SealList},
    },
};
use clap::Subcommand;

use crate::{step::Step, view::View};

const COLUMNS: View = View::Table(&[
    ("seal", "chain.current.sealId"),
    ("credential", "chain.current.credentialId"),
    ("chat", "chain.current.chatId"),
    ("trust", "chain.current.trustTier"),
    ("issued", "chain.current.issuedAt"),
]);

/// Look at seals.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List the seals that are in force
    #[command(after_help = "Examples:\n  xs seal list --chat conv_9e2d")]
    List {
        /// Only those of this chat
        #[arg(long)]
        chat: Option<Reference>,
        /// Only those of this credential
        #[arg(long)]
        credential: Option<Reference>,
    },
    /// Show a seal
    #[command(after_help = "Examples:\n  xs seal info seal_77aa")]
    Info {
        /// The seal
        #[arg(value_name = "SEAL")]
        seal: Reference,
    },
    /// Check the signature of a seal, and its chain
    #[command(after_help = "Examples:\n  xs seal verify seal_77aa")]
    Verify {
        /// The seal
        #[arg(value_name = "SEAL")]
        seal: Reference,
    },
    /// List the seals of a credential in a chat, the newest first
    #[command(after_help = "Examples:\n  xs seal history cred_b2c1 --chat conv_9e2d")]
    History {
        /// The credential
        #[arg(value_name = "CREDENTIAL")]
        credential: Reference,
        /// The chat
        #[arg(long)]
        chat: Reference,
    },
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let (call, view) = match self {
            Self::List { chat, credential } => {
                let input = SealList {
                    chat_id: chat,
                    credential_id: credential,
                };
                (Call::SealList(input), COLUMNS)
            }
            Self::Info { seal } => (Call::SealInfo(BySeal { seal_id: seal }), View::Auto),
            Self::Verify { seal } => (Call::SealVerify(BySeal { seal_id: seal }), View::Auto),
            Self::History { credential, chat } => {
                let input = SealHistory {
                    credential_id: credential,
                    chat_id: chat,
                };
                (Call::SealHistory(input), COLUMNS)
            }
        };
        Step::ask(call, view)
    }
}
