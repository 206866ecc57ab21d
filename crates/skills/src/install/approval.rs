//! What the owner is asked.

use chancery_policy::Permission;

use crate::grants::{Terms, text};

/// Whoever says what a skill gets: a prompt, or a rule.
pub trait Approver {
    /// Decides one request of a skill. What is granted never goes beyond it.
    fn decide(&self, ask: &Ask) -> Approval;
}

/// One request, as the owner should see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The skill.
    pub skill_id: String,
    /// Its name.
    pub name: String,
    /// The version that asks.
    pub version: String,
    /// Whose it is.
    pub signer: String,
    /// What it asks for.
    pub permission: Permission,
    /// Why, in the publisher's words.
    pub reason: String,
    /// Programs in it that run whatever they are told to: granting one of them is granting any program.
    pub interpreters: Vec<String>,
    /// What of it is new.
    pub newness: Newness,
    /// Grants of other skills for the same capability, none of which goes as far; empty where one does, or there are none.
    pub wider_than: Vec<String>,
}

/// What is new in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Newness {
    /// The skill is.
    FirstInstall,
    /// The capability is: the installed version did not ask for it.
    NewCapability,
    /// These patterns are; the rest the installed version asked for, too. Empty where it is unconstrained now.
    Widened(Vec<String>),
}

/// What the owner says to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// Granted on these terms: all of it, or the part that is named.
    Grant {
        /// On what terms.
        terms: Terms,
        /// A part of the request.
        only: Option<Permission>,
    },
    /// Not granted; the skill is installed without it.
    Leave,
    /// The skill is not installed.
    Decline,
}

impl Approval {
    /// All of it, until it is revoked.
    #[must_use]
    pub fn all() -> Self {
        Self::Grant {
            terms: Terms::default(),
            only: None,
        }
    }
}

/// Grants everything that is asked for: what the seed calls `autoApprove`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApproveAll;

/// Grants nothing; the owner grants afterwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApproveNone;

impl Approver for ApproveAll {
    fn decide(&self, _: &Ask) -> Approval {
        Approval::all()
    }
}

impl Approver for ApproveNone {
    fn decide(&self, _: &Ask) -> Approval {
        Approval::Leave
    }
}

impl<F: Fn(&Ask) -> Approval> Approver for F {
    fn decide(&self, ask: &Ask) -> Approval {
        self(ask)
    }
}

impl Ask {
    /// The request for people: `fs:read /a, /b`.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.permission)
    }
}
