//! A daemon that does not start says so in the signet's categories, and ends with their exit codes (signet spec 1.11).

use chancery_admin::SocketError;
use chancery_base::{Category, ErrorCode};
use chancery_custody::CustodyError;
use chancery_serve::ServeError;
use chancery_signet::StartError;
use chancery_signet_config::ConfigError;
use chancery_signet_wire::{Class, Failure};
use chancery_store::{StoreError, files::FileError};
use chancery_terminal as terminal;

use super::error::Error;

/// Why the daemon does not start, or ends otherwise than it was told to.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    code: String,
    failure: Failure,
    hint: Option<String>,
}

impl Problem {
    /// As lines for people, of which `xs` shows the one that begins with `message: `.
    #[must_use]
    pub fn lines(&self) -> String {
        let Failure {
            class,
            message,
            context,
            ..
        } = &self.failure;
        let mut lines = vec![
            format!("error: {class}"),
            format!("category: {}", self.failure.kind()),
            // one line, whatever it quotes
            format!("message: {}", message.split_whitespace().collect::<Vec<_>>().join(" ")),
        ];
        for (key, value) in context.iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            lines.push(format!("{key}: {value}"));
        }
        lines.extend(self.hint.iter().map(|hint| format!("hint: {hint}")));
        lines.join("\n")
    }

    fn of(error: &impl ErrorCode, class: Class) -> Self {
        Self {
            code: error.code().to_owned(),
            failure: Failure::new(class, with_causes(error)),
            hint: error.hint().map(str::to_owned),
        }
    }

    fn with_hint(self, hint: &str) -> Self {
        Self {
            hint: Some(hint.to_owned()),
            ..self
        }
    }
}

/// The end of the process: what it says, and the exit code of the category.
impl From<Problem> for terminal::Failure {
    fn from(problem: Problem) -> Self {
        let exit = problem.failure.kind().exit_code();
        let failure = Self::new(problem.code, problem.failure.message).with_exit(exit);
        match problem.hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// What a tool of ours said before there was a category for it.
impl From<terminal::Failure> for Problem {
    fn from(failure: terminal::Failure) -> Self {
        Self {
            code: failure.code,
            failure: Failure::new(Class::Validation, failure.message),
            hint: failure.hint,
        }
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        let (code, hint) = (error.code(), error.hint());
        Self {
            code: code.to_owned(),
            failure: error.into(),
            hint: hint.map(str::to_owned),
        }
    }
}

impl From<CustodyError> for Problem {
    fn from(error: CustodyError) -> Self {
        let class = match (&error, error.category()) {
            (CustodyError::Cancelled, _) => Class::Cancelled,
            (CustodyError::SignerTimeout(_), _) => Class::Timeout,
            // keys that are not there are the admin's, and without them nobody is let in
            (CustodyError::NotInitialised(_) | CustodyError::WrongPassphrase, _) => Class::Auth,
            (_, category) => class_of(category),
        };
        Self::of(&error, class)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = Self::of(&error, class_of(error.category()));
        match error {
            StoreError::Locked { .. } => problem.with_hint("a daemon runs on it: xs daemon status, xs daemon stop"),
            _ => problem,
        }
    }
}

impl From<ServeError> for Problem {
    fn from(error: ServeError) -> Self {
        let problem = Self::of(&error, class_of(error.category()));
        match error {
            ServeError::AddressInUse { .. } => {
                problem.with_hint("stop the other process, or choose another port: ws.port, http.port")
            }
            _ => problem,
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error.into(),
            error => Error::Database(error.to_string()).into(),
        }
    }
}

macro_rules! by_category {
    ($($error:ty),+) => { $(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::of(&error, class_of(error.category()))
            }
        }
    )+ };
}

by_category!(Error, FileError, SocketError);

/// A port that is taken and a lock that is held are rules that the start was against.
fn class_of(category: Category) -> Class {
    match category {
        Category::Input | Category::Conflict | Category::Limited => Class::Validation,
        Category::Unauthenticated => Class::Auth,
        Category::Forbidden => Class::Permission,
        Category::NotFound => Class::NotFound,
        Category::Unavailable => Class::Network,
        _ => Class::Internal,
    }
}

/// Message and causes; a cause that the message quotes already is not repeated.
fn with_causes(error: &impl ErrorCode) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
