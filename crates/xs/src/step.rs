//! What a command line comes to, before anything is done.

use chancery_signet_wire::{Label, Text, action::Call, frame::EventKind};

use crate::{commands::chat::Format as InviteFormat, output::Format, view::View};

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Ask the daemon.
    Ask(Box<Ask>),
    /// Say what would be done, and do nothing.
    Rehearse(String),
}

/// A question to the daemon.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// The action with its input.
    pub(crate) call: Call,
    /// How people see the answer.
    pub(crate) view: View,
    /// How the answer is printed, where that is not as usual.
    pub(crate) format: Option<Format>,
    /// The one member that is wanted of the answer.
    pub(crate) only: Option<String>,
    /// What would be done, where the answer is only a plan of it.
    pub(crate) plan_of: Option<String>,
    /// What comes after the answer.
    pub(crate) then: Then,
}

/// What comes after an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// Whatever is new in the list at a place of the answer, whenever one of these events says that something may be.
    Watch(&'static [EventKind], &'static str),
    /// What a new chat is given: a name that it sees, and a link to it.
    Equip(Equipment),
    /// The picture of a link.
    Picture(InviteFormat),
}

/// What a new chat is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equipment {
    /// The name that it sees of us.
    pub(crate) profile_name: Option<Label>,
    /// The link, where one is wanted.
    pub(crate) invite: Option<InviteText>,
}

/// What a link says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InviteText {
    /// The name of the chat.
    pub(crate) name: Option<Label>,
    /// What it is about.
    pub(crate) description: Option<Text>,
    /// How it is shown.
    pub(crate) format: InviteFormat,
}

impl Step {
    /// Asks for `call`, shown as `view`.
    pub(crate) fn ask(call: Call, view: View) -> Self {
        Self::Ask(Box::new(Ask {
            call,
            view,
            format: None,
            only: None,
            plan_of: None,
            then: Then::Nothing,
        }))
    }

    /// Asks for `call` if it is meant, and else says what it would do.
    pub(crate) fn destroy(force: bool, what: String, call: Call) -> Self {
        if force {
            Self::ask(call, View::Auto)
        } else {
            Self::Rehearse(what)
        }
    }

    /// The same where the daemon knows what it would do.
    pub(crate) fn destroy_by_plan(force: bool, what: String, call: Call) -> Self {
        Self::ask(call, View::Lines(crate::commands::plan_lines)).changed(|ask| {
            ask.plan_of = (!force).then_some(what);
        })
    }

    /// The same printed like this.
    pub(crate) fn printed(self, format: Format) -> Self {
        self.changed(|ask| ask.format = Some(format))
    }

    /// The same with one member of the answer only.
    pub(crate) fn only(self, member: Option<String>) -> Self {
        self.changed(|ask| ask.only = member)
    }

    /// The same with something after it.
    pub(crate) fn then(self, then: Then) -> Self {
        self.changed(|ask| ask.then = then)
    }

    fn changed(mut self, change: impl FnOnce(&mut Ask)) -> Self {
        if let Self::Ask(ask) = &mut self {
            change(ask);
        }
        self
    }
}
