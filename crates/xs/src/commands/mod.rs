//! The commands, a file for each group.

pub mod action;
pub mod admin;
pub mod agent;
pub mod chat;
pub mod completion;
pub mod config;
pub mod consent;
pub mod cred;
pub mod daemon;
mod doctor;
pub mod find;
pub mod inbox;
pub mod init;
pub mod key;
pub mod logs;
pub mod msg;
pub mod operator;
pub mod policy;
pub mod reset;
pub mod reveal;
pub mod seal;
pub mod status;
pub mod wallet;

use crate::{ask, cli::Command, context::Context, problem::Result, step::Step, tree::Tree};

/// What a command comes to.
#[derive(Debug)]
pub(crate) enum Plan {
    /// The daemon does it.
    Ask(Step),
    /// It is done here.
    Here(Here),
}

/// What is done here, whether a daemon runs or not.
#[derive(Debug)]
pub(crate) enum Here {
    Init(init::Arguments),
    Status,
    Reset(reset::Arguments),
    Daemon(daemon::Group),
    Agent(agent::Group),
    Config(config::Group),
    Completion(completion::Arguments),
}

impl Command {
    /// What it comes to. Nothing is done yet.
    pub(crate) fn plan(self) -> Result<Plan> {
        let step = match self {
            Self::Init(arguments) => return Ok(Plan::Here(Here::Init(arguments))),
            Self::Status(_) => return Ok(Plan::Here(Here::Status)),
            Self::Reset(arguments) => return Ok(Plan::Here(Here::Reset(arguments))),
            Self::Daemon(group) => return Ok(Plan::Here(Here::Daemon(group))),
            Self::Agent(group) => return Ok(Plan::Here(Here::Agent(group))),
            Self::Config(group) => return Ok(Plan::Here(Here::Config(group))),
            Self::Completion(arguments) => return Ok(Plan::Here(Here::Completion(arguments))),
            Self::Logs(arguments) => arguments.step(),
            Self::Lookup(arguments) => arguments.step(),
            Self::Search(arguments) => arguments.step()?,
            Self::Consent(group) => group.step(),
            Self::Operator(group) => group.step()?,
            Self::Cred(group) => group.step()?,
            Self::Inbox(group) => group.step(),
            Self::Chat(group) => group.step()?,
            Self::Msg(group) => group.step(),
            Self::Policy(group) => group.step()?,
            Self::Seal(group) => group.step(),
            Self::Wallet(group) => group.step(),
            Self::Key(group) => group.step(),
            Self::Action(group) => group.step(),
            Self::Reveal(group) => group.step(),
            Self::Admin(group) => group.step(),
        };
        Ok(Plan::Ask(step))
    }
}

/// Runs `command`.
pub(crate) fn run(command: Command, context: &Context) -> Result<()> {
    match command.plan()? {
        Plan::Ask(step) => ask::run(step, context),
        Plan::Here(Here::Init(arguments)) => init::run(&arguments, context),
        Plan::Here(Here::Status) => status::run(context),
        Plan::Here(Here::Reset(arguments)) => reset::run(&arguments, context),
        Plan::Here(Here::Daemon(group)) => daemon::run(&group, context),
        Plan::Here(Here::Agent(group)) => agent::run(&group, context),
        Plan::Here(Here::Config(group)) => config::run(&group, context),
        Plan::Here(Here::Completion(arguments)) => completion::run(&arguments, context),
    }
}

/// The steps of a plan to remove something, wherever in the answer they are.
pub(crate) fn plan_lines(data: &Tree) -> Vec<String> {
    let actions = data.at("cleanup.actions").or_else(|| data.at("actions"));
    actions
        .map(Tree::entries)
        .unwrap_or_default()
        .iter()
        .map(Tree::inline)
        .collect()
}
