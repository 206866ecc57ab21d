//! The ways to break the rules, and those that only look like it.

mod actors;
mod contexts;
mod drafts;
mod installations;
mod permissions;

pub use contexts::fatal;

use super::{Draft, Who, World};

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It takes effect.
    Accepted,
    /// It is refused by the rule of this code.
    Refused(&'static str),
}

/// A commit that somebody sends.
pub struct Attempt {
    /// Who.
    pub by: Who,
    /// What it says.
    pub draft: Draft,
}

/// A way to break a rule.
pub struct Case {
    /// What is done.
    pub name: &'static str,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The commit.
    pub attempt: fn(&World) -> Attempt,
    /// The same without the fault, which is accepted.
    pub honest: fn(&World) -> Attempt,
}

fn by(by: Who, draft: Draft) -> Attempt {
    Attempt { by, draft }
}

macro_rules! refused {
    ($code:literal, $name:literal, $attempt:expr, $honest:expr) => {
        Case {
            name: $name,
            verdict: Verdict::Refused($code),
            attempt: $attempt,
            honest: $honest,
        }
    };
}

macro_rules! accepted {
    ($name:literal, $attempt:expr) => {
        Case {
            name: $name,
            verdict: Verdict::Accepted,
            attempt: $attempt,
            honest: $attempt,
        }
    };
}

use accepted;
use refused;

/// All of them.
#[must_use]
pub fn catalogue() -> Vec<Case> {
    let mut all = permissions::all();
    all.extend(contexts::all());
    all.extend(installations::all());
    all.extend(actors::all());
    all
}
