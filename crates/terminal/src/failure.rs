//! How a command fails.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use chancery_base::ErrorCode;
use serde_json::{Value, json};

/// Exit code of a command that did what it was asked.
pub const EXIT_OK: u8 = 0;
/// Exit code of a command that could not do what it was asked.
pub const EXIT_FAILURE: u8 = 1;
/// Exit code of a command that was called wrongly; clap uses the same.
pub const EXIT_USAGE: u8 = 2;

/// Why a command ends without having done its work. Every [`ErrorCode`] converts, so `?` works in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable, machine-readable name.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// What to do next, when there is something to do.
    pub hint: Option<String>,
    /// Exit code of the process.
    pub exit: u8,
    shown: bool,
}

impl Failure {
    /// A failure at work, exit code 1.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            hint: None,
            exit: EXIT_FAILURE,
            shown: false,
        }
    }

    /// What a command whose stdout is gone ends with. A reader that has had enough (`| head`) is not told about it.
    #[must_use]
    pub fn stdout(error: &io::Error) -> Self {
        let failure = Self::new("STDOUT_FAILED", format!("cannot write to stdout: {error}"));
        if error.kind() == io::ErrorKind::BrokenPipe {
            failure.shown()
        } else {
            failure
        }
    }

    /// A wrong call, exit code 2.
    #[must_use]
    pub fn usage(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code, message).with_exit(EXIT_USAGE)
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same failure with another exit code.
    #[must_use]
    pub fn with_exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }

    /// The same failure, which the command has shown already: it only sets the exit code.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { shown: true, ..self }
    }

    /// Whether the command has shown it already.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.shown
    }

    /// The exit code, for `main`.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }

    /// `{"error":{"code","message","hint"?}}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(hint), Some(fields)) = (&self.hint, error.as_object_mut()) {
            fields.insert("hint".into(), hint.as_str().into());
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

impl<E: ErrorCode> From<E> for Failure {
    /// Code, hint and message of the error, with its causes behind the message; exit code 1.
    fn from(error: E) -> Self {
        let failure = Self::new(error.code(), with_sources(&error));
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// Message and causes, `cannot open x: permission denied`; a cause that the message quotes already is not repeated.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use chancery_base::Category;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the key")]
    struct Unreadable(#[source] std::io::Error);

    impl ErrorCode for Unreadable {
        fn code(&self) -> &'static str {
            "TEST_UNREADABLE"
        }

        fn category(&self) -> Category {
            Category::Internal
        }

        fn hint(&self) -> Option<&'static str> {
            Some("look at its mode")
        }
    }

    #[test]
    fn an_error_becomes_a_failure_with_its_causes() {
        let failure = Failure::from(Unreadable(std::io::Error::other("permission denied")));
        assert_eq!(failure.code, "TEST_UNREADABLE");
        assert_eq!(failure.message, "cannot read the key: permission denied");
        assert_eq!(failure.hint.as_deref(), Some("look at its mode"));
        assert_eq!(failure.exit, EXIT_FAILURE);
    }

    #[test]
    fn the_json_has_a_hint_only_when_there_is_one() {
        let failure = Failure::usage("A", "b");
        assert_eq!(failure.to_json(), json!({ "error": { "code": "A", "message": "b" } }));
        assert_eq!(failure.exit, EXIT_USAGE);
        let failure = failure.with_hint("c");
        assert_eq!(
            failure.to_json(),
            json!({ "error": { "code": "A", "message": "b", "hint": "c" } })
        );
    }
}
