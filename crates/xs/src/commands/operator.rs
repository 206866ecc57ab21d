//! `xs operator`: profiles that agents work under.

use chancery_policy::messaging::ScopeMode;
use chancery_signet_wire::{
    Label, Reference, Text,
    action::{
        Call,
        input::{ByOperator, Nothing, OperatorChanges, OperatorCreate, OperatorUpdate},
    },
    record::operator::{ContentEgressScope, Disclosures, HostingMode, InferenceMode, Provider, Role},
};
use clap::{Args, Subcommand};

use crate::{
    arguments::{list, quoted},
    problem::Result,
    step::Step,
    view::View,
};

const COLUMNS: View = View::Table(&[
    ("id", "id"),
    ("label", "config.label"),
    ("role", "config.role"),
    ("scope", "config.scopeMode"),
    ("status", "status"),
    ("created", "createdAt"),
]);

/// Keep operators.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make an operator
    #[command(after_help = "Examples:
  xs operator create --label support-bot
  xs operator create --label team --scope shared --role admin")]
    Create(Box<Create>),
    /// List the operators that are not removed
    #[command(after_help = "Examples:\n  xs operator list\n  xs operator list --json")]
    List,
    /// Show an operator
    #[command(after_help = "Examples:\n  xs operator info op_a7f3")]
    Info(Named),
    /// Give an operator another label
    #[command(after_help = "Examples:\n  xs operator rename op_a7f3 --label support-bot-v2")]
    Rename {
        /// The operator
        #[arg(value_name = "OPERATOR")]
        operator: Reference,
        /// The new label
        #[arg(long)]
        label: Label,
    },
    /// Remove an operator, and revoke its credentials first
    #[command(after_help = "Examples:\n  xs operator rm op_a7f3\n  xs operator rm op_a7f3 --force")]
    Rm {
        /// The operator
        #[arg(value_name = "OPERATOR")]
        operator: Reference,
        /// Do it; otherwise it is only said what would be done
        #[arg(long)]
        force: bool,
    },
}

/// What names an operator.
#[derive(Debug, Args)]
pub struct Named {
    /// The operator
    #[arg(value_name = "OPERATOR")]
    operator: Reference,
}

/// What an operator is made of.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name
    #[arg(long)]
    label: Label,
    /// What it may administer: operator, admin or superadmin
    #[arg(long, default_value = "operator")]
    role: Role,
    /// Whether each of its chats has an identity of its own: per-chat or shared
    #[arg(long, default_value = "per-chat", value_name = "MODE")]
    scope: ScopeMode,
    /// Who holds its keys: internal or ows
    #[arg(long)]
    provider: Option<Provider>,
    /// Its wallet
    #[arg(long)]
    wallet: Option<Reference>,
    /// Where its model runs: local, cloud or hybrid
    #[arg(long, value_name = "MODE")]
    inference_mode: Option<InferenceMode>,
    /// Whose models, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    inference_providers: Vec<Label>,
    /// Where content may go: none, provider-only or unrestricted
    #[arg(long, value_name = "SCOPE")]
    content_egress_scope: Option<ContentEgressScope>,
    /// What the provider keeps, and for how long
    #[arg(long, value_name = "TEXT")]
    retention_at_provider: Option<Text>,
    /// Where its program runs: self-hosted, cloud or tee
    #[arg(long, value_name = "MODE")]
    hosting_mode: Option<HostingMode>,
}

impl Group {
    pub(crate) fn step(self) -> Result<Step> {
        Ok(match self {
            Self::Create(create) => Step::ask(Call::OperatorCreate(create.input()?), View::Auto),
            Self::List => Step::ask(Call::OperatorList(Nothing {}), COLUMNS),
            Self::Info(Named { operator }) => {
                Step::ask(Call::OperatorInfo(ByOperator { operator_id: operator }), View::Auto)
            }
            Self::Rename { operator, label } => {
                let changes = OperatorChanges {
                    label: Some(label),
                    ..OperatorChanges::default()
                };
                let update = OperatorUpdate {
                    operator_id: operator,
                    changes,
                };
                Step::ask(Call::OperatorUpdate(update), View::Auto)
            }
            Self::Rm { operator, force } => {
                let what = format!("remove operator {} and revoke its credentials", quoted(&operator));
                Step::destroy(force, what, Call::OperatorRemove(ByOperator { operator_id: operator }))
            }
        })
    }
}

impl Create {
    fn input(self) -> Result<OperatorCreate> {
        let providers = crate::arguments::none_if_empty(self.inference_providers);
        let disclosures = Disclosures {
            inference_mode: self.inference_mode,
            inference_providers: providers
                .map(|providers| list("--inference-providers", providers))
                .transpose()?,
            content_egress_scope: self.content_egress_scope,
            retention_at_provider: self.retention_at_provider,
            hosting_mode: self.hosting_mode,
        };
        Ok(OperatorCreate {
            label: self.label,
            role: self.role,
            scope_mode: self.scope,
            provider: self.provider,
            wallet_id: self.wallet,
            inbox_ids: None,
            operator_disclosures: (disclosures != Disclosures::default()).then_some(disclosures),
        })
    }
}
