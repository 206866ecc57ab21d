//! How a command fails: as the signet's failures do, with the exit code of the category (signet spec 1.11, 9.1).

use std::{fmt, io};

use chancery_base::ErrorCode;
use chancery_signet_config::{ConfigError, NoHome};
use chancery_signet_wire::{Category, Class, Context, Failure, Refusal};
use chancery_terminal as terminal;
use serde::Serialize;

/// Why a command ends without having done its work.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    failure: Failure,
    hint: Option<String>,
    exit: Option<u8>,
    shown: bool,
}

/// What commands return.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// A failure of `class`.
    #[must_use]
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Failure::new(class, message).into()
    }

    /// An argument that does not fit, which only the command as a whole tells.
    #[must_use]
    pub fn argument(name: &str, reason: impl fmt::Display) -> Self {
        Failure::validation(name, &reason.to_string()).into()
    }

    /// A defect, or something of this machine that does not work.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Class::Internal, message)
    }

    /// What a command whose stdout is gone ends with. A reader that has had enough (`| head`) is not told about it.
    #[must_use]
    pub fn stdout(error: &io::Error) -> Self {
        let problem = Self::internal(format!("cannot write to stdout: {error}"));
        if error.kind() == io::ErrorKind::BrokenPipe {
            problem.shown()
        } else {
            problem
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same with another exit code than its category's.
    #[must_use]
    pub fn with_exit(self, exit: u8) -> Self {
        Self {
            exit: Some(exit),
            ..self
        }
    }

    /// The same, which the command has shown already: it only sets the exit code.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { shown: true, ..self }
    }

    /// Whether the command has shown it already.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.shown
    }

    /// The failure.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit.unwrap_or(self.failure.kind().exit_code())
    }

    /// `{error, category, message, context?, hint?}`, for programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            error: Class,
            category: Category,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            context: Option<&'a Context>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
        }
        let object = Object {
            error: self.failure.class,
            category: self.failure.kind(),
            message: &self.failure.message,
            context: self.failure.context.as_ref(),
            hint: self.hint(),
        };
        // words, texts and JSON have a form in JSON
        serde_json::to_string(&object).unwrap_or_default()
    }

    /// The same as lines for people.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut lines = vec![
            format!("error: {}", self.failure.class),
            format!("category: {}", self.failure.kind()),
            format!("message: {}", self.failure.message),
        ];
        for (key, value) in self.failure.context.iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            lines.push(format!("{key}: {value}"));
        }
        lines.extend(self.hint.iter().map(|hint| format!("hint: {hint}")));
        lines.join("\n")
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            hint: None,
            exit: None,
            shown: false,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Failure::from(refusal).into()
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        let problem = Self::from(Failure::from(error));
        match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

impl From<NoHome> for Problem {
    fn from(error: NoHome) -> Self {
        Self::argument("HOME", error)
    }
}

impl From<terminal::Failure> for Problem {
    /// What asking at the terminal, or reading a secret, ends with.
    fn from(failure: terminal::Failure) -> Self {
        let class = match failure.code.as_str() {
            "PROMPT_CANCELLED" => Class::Cancelled,
            "TERMINAL_REQUIRED" => Class::Permission,
            "PROMPT_FAILED" => Class::Internal,
            _ => Class::Validation,
        };
        let problem = Self::new(class, failure.message);
        match failure.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}
