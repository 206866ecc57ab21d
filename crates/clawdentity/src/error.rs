//! What a command of this program fails with.

use std::{borrow::Cow, fmt};

use chancery_base::{Category, ErrorCode as _};
use chancery_networks::{HttpError, RemoteError};
use chancery_store::files::FileError;
use chancery_terminal::{EXIT_FAILURE, EXIT_USAGE, Failure};

use crate::code::Code;

/// A failure as it is shown: a name, a sentence, what to do next, and the server's words when a server refused.
#[derive(Debug, Clone)]
pub struct CliError(Box<Detail>);

/// In a box, because every result of every command could carry it.
#[derive(Debug, Clone)]
struct Detail {
    code: Cow<'static, str>,
    category: Category,
    message: String,
    hint: Option<String>,
    remote: Option<RemoteError>,
    exit: u8,
    quiet: bool,
}

/// The result of everything here.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

impl CliError {
    /// A failure named `code`.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Detail {
            code: Cow::Borrowed(code.as_str()),
            category: code.category(),
            message: message.into(),
            hint: code.hint().map(str::to_owned),
            remote: None,
            exit: EXIT_FAILURE,
            quiet: false,
        }))
    }

    /// A failure of the arguments: exit code 2.
    #[must_use]
    pub fn usage(code: Code, message: impl Into<String>) -> Self {
        let mut failure = Self::new(code, message);
        failure.0.exit = EXIT_USAGE;
        failure
    }

    /// The same failure, which an argument brought about: exit code 2.
    #[must_use]
    pub fn of_argument(self) -> Self {
        self.of_argument_if(true)
    }

    /// The same, when it was an argument and no file or variable.
    #[must_use]
    pub fn of_argument_if(mut self, argument: bool) -> Self {
        if argument {
            self.0.exit = EXIT_USAGE;
        }
        self
    }

    /// With another advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Its name: one of [`Code`], or the server's.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn category(&self) -> Category {
        self.0.category
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The sentence and the name, which the words of a server hold already.
    #[must_use]
    pub fn with_code(&self) -> String {
        if self.0.message.contains(self.code()) {
            self.0.message.clone()
        } else {
            format!("{} ({})", self.0.message, self.code())
        }
    }

    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The server's refusal, when there is one.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteError> {
        self.0.remote.as_ref()
    }

    /// 2 for arguments that do not fit, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.0.exit
    }

    /// The same failure, which the command has shown already: it only sets the exit code.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.0.quiet = true;
        self
    }

    /// Whether the command has shown it already.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.0.quiet
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for CliError {}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        let hint = error.hint();
        let reason = std::error::Error::source(&error)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        let failure = Self::new(Code::StateFailed, format!("{error}{reason}"));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(Detail {
            code: Cow::Owned(failure.code),
            category: if failure.exit == EXIT_USAGE {
                Category::Input
            } else {
                Category::Internal
            },
            message: failure.message,
            hint: failure.hint,
            remote: None,
            exit: failure.exit,
            quiet: false,
        }))
    }
}

impl From<&CliError> for Failure {
    fn from(error: &CliError) -> Self {
        let failure = Self::new(error.code(), error.message()).with_exit(error.exit_code());
        match error.advice() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// How the failures of one remote call are named when the server does not name them.
#[derive(Debug, Clone, Copy)]
pub struct RemoteCodes {
    /// No answer.
    pub unreachable: Code,
    /// A refusal without a name.
    pub refused: Code,
    /// An answer of another shape.
    pub invalid: Code,
}

impl RemoteCodes {
    /// The failure that `error` is.
    #[must_use]
    pub fn name(&self, error: HttpError) -> CliError {
        let text = error.to_string();
        match error {
            HttpError::Remote(remote) => {
                let category = HttpError::Remote(remote.clone()).category();
                let mut failure = CliError::new(self.refused, text);
                let detail = &mut failure.0;
                detail.category = category;
                if remote.code != "HTTP_ERROR" {
                    detail.code = Cow::Owned(remote.code.clone());
                }
                detail.hint = remote_hint(&remote).or(detail.hint.take());
                detail.remote = Some(remote);
                failure
            }
            HttpError::Unreachable { .. } | HttpError::Timeout { .. } => CliError::new(self.unreachable, text),
            HttpError::Unexpected { .. } | HttpError::TooLarge { .. } => CliError::new(self.invalid, text),
            other => CliError(Box::new(Detail {
                code: Cow::Borrowed(other.code()),
                category: other.category(),
                message: text,
                hint: other.hint().map(str::to_owned),
                remote: None,
                exit: EXIT_FAILURE,
                quiet: false,
            })),
        }
    }
}

fn remote_hint(remote: &RemoteError) -> Option<String> {
    let hint = match remote.code.as_str() {
        "API_KEY_MISSING" | "API_KEY_INVALID" | "API_KEY_REVOKED" => {
            "check `clawdentity config get apiKey`; replace it with `clawdentity config set apiKey -`"
        }
        "INVITE_REDEEM_CODE_INVALID" | "INVITE_REDEEM_EXPIRED" | "INVITE_REDEEM_ALREADY_USED" => {
            "ask for a new invite code; one invite is for one person, once"
        }
        "INVITE_CREATE_INVALID" => "--expires-at is a time in the future, such as 2030-01-31T12:00:00Z",
        "INVITE_CREATE_FORBIDDEN" => "only an administrator may invite",
        "ADMIN_BOOTSTRAP_UNAUTHORIZED" => {
            "pass --bootstrap-secret @FILE: a registry that makes its own secret keeps it in bootstrap-secret in its data \
             directory"
        }
        "ADMIN_BOOTSTRAP_DISABLED" => "start the registry with a bootstrap secret",
        "ADMIN_BOOTSTRAP_ALREADY_COMPLETED" => "the registry has its administrator; ask them for an invite",
        "AGENT_AUTH_REFRESH_INVALID" | "AGENT_AUTH_REFRESH_REVOKED" | "AGENT_AUTH_REFRESH_EXPIRED" => {
            "the agent's session is over; create the agent anew"
        }
        "API_KEY_NOT_FOUND" => "`clawdentity api-key list` shows your keys and their ids",
        "API_KEY_CREATE_INVALID" => "a name has 1 to 64 characters, none of them a control character",
        "PROXY_PAIR_SELF_FORBIDDEN" => "confirm it as another agent than the one that made the ticket",
        "PROXY_PAIR_OWNERSHIP_FORBIDDEN" => "recreate or refresh the local agent identity",
        "PROXY_PAIR_OWNERSHIP_UNAVAILABLE" => {
            "the relay cannot ask its registry; its operator must check BOOTSTRAP_INTERNAL_SERVICE_ID and _SECRET"
        }
        "PROXY_PAIR_TICKET_NOT_FOUND" | "PROXY_PAIR_TICKET_EXPIRED" | "PROXY_PAIR_TICKET_ALREADY_CONFIRMED" => {
            "ask the initiator for a new ticket"
        }
        "PROXY_AUTH_TIMESTAMP_SKEW" => "set this machine's clock",
        "PROXY_AUTH_REVOKED" => "the agent was revoked; create a new one",
        _ => match (remote.status, remote.retry_after_secs) {
            (429 | 503, Some(secs)) => return Some(format!("try again in {secs} seconds")),
            _ => return None,
        },
    };
    Some(hint.to_owned())
}

impl CliError {
    /// The same failure under a name of ours, where the seed promises one.
    #[must_use]
    pub fn renamed(mut self, code: Code) -> Self {
        self.0.code = Cow::Borrowed(code.as_str());
        self.0.hint = code.hint().map(str::to_owned).or(self.0.hint.take());
        self
    }
}
