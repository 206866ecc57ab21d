//! `xs consent`: who may write.

use chancery_signet_wire::{
    Reference,
    action::{Call, input::ConsentOf},
    record::chat::EntityType,
};
use clap::{Args, Subcommand};

use crate::{step::Step, view::View};

/// Say who may write.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Show whether somebody may write
    #[command(after_help = "Examples:\n  xs consent check inbox_4b1d\n  xs consent check 7c2e… --type group_id")]
    Check(Whom),
    /// Let somebody write
    #[command(after_help = "Examples:\n  xs consent allow inbox_4b1d")]
    Allow(Whom),
    /// Let somebody not write
    #[command(after_help = "Examples:\n  xs consent deny inbox_4b1d")]
    Deny(Whom),
}

/// Whom it is about.
#[derive(Debug, Args)]
pub struct Whom {
    /// Who: an inbox or a group
    entity: Reference,
    /// What that is: inbox_id or group_id
    #[arg(long = "type", value_name = "TYPE")]
    entity_type: Option<EntityType>,
    /// The inbox that consents
    #[arg(long = "as", value_name = "INBOX")]
    acting: Option<Reference>,
}

impl From<Whom> for ConsentOf {
    fn from(whom: Whom) -> Self {
        Self {
            entity: whom.entity,
            entity_type: whom.entity_type,
            identity_label: whom.acting,
        }
    }
}

impl Group {
    pub(crate) fn step(self) -> Step {
        let call = match self {
            Self::Check(whom) => Call::ConsentCheck(whom.into()),
            Self::Allow(whom) => Call::ConsentAllow(whom.into()),
            Self::Deny(whom) => Call::ConsentDeny(whom.into()),
        };
        Step::ask(call, View::Auto)
    }
}
