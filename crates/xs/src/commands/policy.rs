//! `xs policy`: scopes to use again.

use chancery_policy::messaging::Scopes;
use chancery_signet_wire::{
    Label, Reference,
    action::{
        Call,
        input::{ByPolicy, Nothing, PolicyChanges, PolicyCreate, PolicyUpdate},
    },
};
use clap::Subcommand;

use crate::{
    Problem,
    arguments::{quoted, scopes},
    problem::Result,
    step::Step,
    view::View,
};

const COLUMNS: View = View::Table(&[
    ("id", "id"),
    ("label", "config.label"),
    ("allow", "config.allow"),
    ("deny", "config.deny"),
    ("confirm", "config.confirm"),
]);

/// Keep policies.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a policy
    #[command(after_help = "Examples:
  xs policy create --label helper --allow send,reply,react
  xs policy create --label drafts --allow read-messages,stream-messages,send --confirm send")]
    Create {
        /// Its name
        #[arg(long)]
        label: Label,
        /// What is allowed unless it is denied, with commas between them
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        allow: Option<Scopes>,
        /// What is denied, which always wins
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        deny: Option<Scopes>,
        /// What waits for the owner each time
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        confirm: Option<Scopes>,
    },
    /// List the policies
    #[command(after_help = "Examples:\n  xs policy list")]
    List,
    /// Show a policy
    #[command(after_help = "Examples:\n  xs policy info helper")]
    Info {
        /// The policy
        #[arg(value_name = "POLICY")]
        policy: Reference,
    },
    /// Change a policy, and with it every credential that has it
    #[command(after_help = "Examples:\n  xs policy update helper --deny forward-to-provider")]
    Update {
        /// The policy
        #[arg(value_name = "POLICY")]
        policy: Reference,
        /// Another name
        #[arg(long)]
        label: Option<Label>,
        /// What is allowed; as before when left out
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        allow: Option<Scopes>,
        /// What is denied; as before when left out
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        deny: Option<Scopes>,
        /// What waits for the owner; as before when left out
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        confirm: Option<Scopes>,
    },
    /// Remove a policy
    #[command(after_help = "Examples:\n  xs policy rm helper\n  xs policy rm helper --force")]
    Rm {
        /// The policy
        #[arg(value_name = "POLICY")]
        policy: Reference,
        /// Do it; otherwise it is only said what would be done
        #[arg(long)]
        force: bool,
    },
}

impl Group {
    pub(crate) fn step(self) -> Result<Step> {
        Ok(match self {
            Self::Create {
                label,
                allow,
                deny,
                confirm,
            } => {
                let input = PolicyCreate {
                    label,
                    allow: allow.unwrap_or(Scopes::NONE),
                    deny: deny.unwrap_or(Scopes::NONE),
                    confirm,
                };
                Step::ask(Call::PolicyCreate(input), View::Auto)
            }
            Self::List => Step::ask(Call::PolicyList(Nothing {}), COLUMNS),
            Self::Info { policy } => Step::ask(Call::PolicyInfo(ByPolicy { policy_id: policy }), View::Auto),
            Self::Update {
                policy,
                label,
                allow,
                deny,
                confirm,
            } => {
                let changes = PolicyChanges {
                    label,
                    allow,
                    deny,
                    confirm,
                };
                if changes == PolicyChanges::default() {
                    let reason = "give at least one of --label, --allow, --deny and --confirm";
                    return Err(Problem::argument("policy update", reason));
                }
                let input = PolicyUpdate {
                    policy_id: policy,
                    changes,
                };
                Step::ask(Call::PolicyUpdate(input), View::Auto)
            }
            Self::Rm { policy, force } => {
                let what = format!("remove policy {}", quoted(&policy));
                Step::destroy(force, what, Call::PolicyRemove(ByPolicy { policy_id: policy }))
            }
        })
    }
}
