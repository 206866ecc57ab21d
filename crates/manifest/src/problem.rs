//! Problems: all of them at once, each with code and place.

use std::fmt;

use chancery_base::{Category, ErrorCode};

use crate::{code::Code, json::At, text};

/// Whether a problem refuses the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It does not; somebody should know.
    Warning,
    /// It does.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// For programs.
    pub code: Code,
    /// Where: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// For people.
    pub message: String,
    /// Whether it refuses the document.
    pub severity: Severity,
}

/// Why a document was refused: one problem or more, at least one of them an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problem {
    pub(crate) fn error(code: Code, at: &At<'_>, message: &str) -> Self {
        Self {
            code,
            pointer: at.pointer(),
            message: message.to_owned(),
            severity: Severity::Error,
        }
    }

    pub(crate) fn warning(code: Code, at: &At<'_>, message: &str) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, at, message)
        }
    }
}

impl fmt::Display for Problem {
    /// `E_ID at /id: message`. Names out of the document are escaped: they may hold what moves a terminal's cursor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(
            f,
            "{} at {}: {}",
            self.code,
            place.escape_debug(),
            text::visible(&self.message)
        )
    }
}

impl Problems {
    /// No more are collected: a document that has so many has been understood.
    pub const MAX: usize = 64;

    /// `None` when none of `problems` is an error.
    pub(crate) fn new(problems: Vec<Problem>) -> Option<Self> {
        problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
            .then_some(Self(problems))
    }

    pub(crate) fn one(problem: Problem) -> Self {
        Self(vec![problem])
    }

    /// For a document that could not be read although nothing was noted, which would be a defect of the reader: it is refused.
    pub(crate) fn unread() -> Self {
        Self::one(Problem::error(Code::Value, &At::ROOT, "cannot be read"))
    }

    /// The problems, in the order of the document's checks.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// The codes, in the same order.
    pub fn codes(&self) -> impl Iterator<Item = Code> {
        self.0.iter().map(|problem| problem.code)
    }
}

impl fmt::Display for Problems {
    /// One line a problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl ErrorCode for Problems {
    fn code(&self) -> &'static str {
        match self {
            Self(_) => "SKILL_MANIFEST_INVALID",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
