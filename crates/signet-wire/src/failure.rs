//! How things fail: one table of classes and categories for WebSocket, HTTP, admin socket, MCP and command line.

use chancery_base::ErrorCode;
use chancery_policy::messaging;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits;

words! {
    /// What a failure means to whoever asked. Exit codes, HTTP statuses and whether to try again follow from it.
    pub enum Category {
        /// What was asked is malformed, or breaks a rule.
        Validation = "validation",
        /// There is no such thing, or the caller may not know of it.
        NotFound = "not_found",
        /// The caller is known, and may not.
        Permission = "permission",
        /// It took too long.
        Timeout = "timeout",
        /// The network, or the daemon, cannot be reached.
        Network = "network",
        /// A defect, or a broken environment.
        Internal = "internal",
        /// The caller did not prove who it is.
        Auth = "auth",
        /// Somebody called it off.
        Cancelled = "cancelled",
    }
}

impl Category {
    /// Exit code of a command.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Validation => 1,
            Self::NotFound => 2,
            Self::Permission => 4,
            Self::Timeout => 5,
            Self::Network => 6,
            Self::Internal => 8,
            Self::Auth => 9,
            Self::Cancelled => 130,
        }
    }

    /// Status of an HTTP answer.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Validation => 400,
            Self::NotFound => 404,
            Self::Permission => 403,
            Self::Timeout => 504,
            Self::Network => 503,
            Self::Internal => 500,
            Self::Auth => 401,
            Self::Cancelled => 499,
        }
    }

    /// Code of a JSON-RPC error.
    #[must_use]
    pub const fn rpc_code(self) -> i32 {
        match self {
            Self::Validation => -32602,
            Self::NotFound => -32007,
            Self::Permission => -32003,
            Self::Timeout => -32001,
            Self::Network => -32002,
            Self::Internal => -32603,
            Self::Auth => -32000,
            Self::Cancelled => -32006,
        }
    }

    /// Whether the same request may work later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Timeout | Self::Network)
    }

    /// The class that stands for the category when nothing closer is known.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Validation => Class::Validation,
            Self::NotFound => Class::NotFound,
            Self::Permission => Class::Permission,
            Self::Timeout => Class::Timeout,
            Self::Network => Class::Network,
            Self::Internal => Class::Internal,
            Self::Auth => Class::Auth,
            Self::Cancelled => Class::Cancelled,
        }
    }
}

words! {
    /// Class of a failure; `_tag` on the wire.
    pub enum Class {
        /// Malformed, or against a rule.
        Validation = "ValidationError",
        /// A seal cannot be issued, refreshed or revoked like that.
        Seal = "SealError",
        /// No such thing.
        NotFound = "NotFoundError",
        /// Not allowed.
        Permission = "PermissionError",
        /// Not let in.
        Auth = "AuthError",
        /// The credential's time is over.
        CredentialExpired = "CredentialExpiredError",
        /// A defect, or a broken environment.
        Internal = "InternalError",
        /// Took too long.
        Timeout = "TimeoutError",
        /// Called off.
        Cancelled = "CancelledError",
        /// Cannot be reached.
        Network = "NetworkError",
    }
}

impl Class {
    /// The number of the class.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Validation => 1000,
            Self::Seal => 1010,
            Self::NotFound => 1100,
            Self::Permission => 1200,
            Self::Auth => 1300,
            Self::CredentialExpired => 1310,
            Self::Internal => 1400,
            Self::Timeout => 1500,
            Self::Cancelled => 1600,
            Self::Network => 1700,
        }
    }

    /// Its category.
    #[must_use]
    pub const fn category(self) -> Category {
        match self {
            Self::Validation | Self::Seal => Category::Validation,
            Self::NotFound => Category::NotFound,
            Self::Permission => Category::Permission,
            Self::Auth | Self::CredentialExpired => Category::Auth,
            Self::Internal => Category::Internal,
            Self::Timeout => Category::Timeout,
            Self::Cancelled => Category::Cancelled,
            Self::Network => Category::Network,
        }
    }

    /// The class with this number.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.code() == code)
    }
}

/// What else there is to know about a failure.
pub type Context = Map<String, Value>;

/// A failure, as every surface tells it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What it is.
    pub class: Class,
    /// The same for people. Never a secret, nor anything that the caller may not know.
    pub message: String,
    /// The same for programs.
    pub context: Option<Context>,
}

impl Failure {
    /// A failure of `class` without context.
    #[must_use]
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            context: None,
        }
    }

    /// The same with `key` in its context.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.context
            .get_or_insert_with(Context::new)
            .insert(key.to_owned(), value.into());
        self
    }

    /// `field` of an input is wrong. What a reason quotes is cut to [`limits::MAX_REASON_CHARS`], and control characters
    /// in it become spaces.
    #[must_use]
    pub fn validation(field: &str, reason: &str) -> Self {
        let (field, reason) = (tidy(field), tidy(reason));
        Self::new(Class::Validation, format!("Validation failed on '{field}': {reason}"))
            .with("field", field)
            .with("reason", reason)
    }

    /// There is no `kind` that is called `id`.
    #[must_use]
    pub fn not_found(kind: &str, id: &str) -> Self {
        let id = tidy(id);
        Self::new(Class::NotFound, format!("{kind} '{id}' not found"))
            .with("resourceType", kind)
            .with("resourceId", id)
    }

    /// A limit was reached: the same request works after `retry_after_ms`. No category means that, so the context does.
    #[must_use]
    pub fn throttled(limit: &str, retry_after_ms: u64) -> Self {
        Self::new(Class::Permission, format!("The limit '{limit}' is reached"))
            .with("limit", limit)
            .with("retryAfterMs", retry_after_ms)
    }

    /// Its category.
    #[must_use]
    pub const fn kind(&self) -> Category {
        self.class.category()
    }
}

impl From<messaging::Refusal> for Failure {
    /// The chat comes before the scope, as [`messaging::Bounds`] checks them; the context names what is missing.
    fn from(refusal: messaging::Refusal) -> Self {
        let class = match refusal {
            messaging::Refusal::Nested => Class::Validation,
            _ => Class::Permission,
        };
        let failure = Self::new(class, tidy(&refusal.to_string()));
        match refusal {
            messaging::Refusal::Chat(chat) => failure.with("chatId", tidy(&chat)),
            messaging::Refusal::Scope(scope) => failure.with("scope", scope.as_str()),
            messaging::Refusal::ContentType(id) | messaging::Refusal::Reserved(id) => {
                failure.with("contentType", id.as_str())
            }
            _ => failure,
        }
    }
}

impl ErrorCode for Failure {
    fn code(&self) -> &'static str {
        match self.class {
            Class::Validation => "SIGNET_VALIDATION",
            Class::Seal => "SIGNET_SEAL",
            Class::NotFound => "SIGNET_NOT_FOUND",
            Class::Permission => "SIGNET_PERMISSION",
            Class::Auth => "SIGNET_AUTH",
            Class::CredentialExpired => "SIGNET_CREDENTIAL_EXPIRED",
            Class::Internal => "SIGNET_INTERNAL",
            Class::Timeout => "SIGNET_TIMEOUT",
            Class::Cancelled => "SIGNET_CANCELLED",
            Class::Network => "SIGNET_NETWORK",
        }
    }

    fn category(&self) -> chancery_base::Category {
        use chancery_base::Category as Kind;
        match self.kind() {
            Category::Validation => Kind::Input,
            Category::NotFound => Kind::NotFound,
            Category::Permission => Kind::Forbidden,
            Category::Timeout | Category::Network => Kind::Unavailable,
            Category::Internal => Kind::Internal,
            Category::Auth => Kind::Unauthenticated,
            Category::Cancelled => Kind::Conflict,
        }
    }

    fn status(&self) -> u16 {
        self.kind().http_status()
    }
}

/// `text` as one line of bearable length.
fn tidy(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(limits::MAX_REASON_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(limits::MAX_REASON_CHARS).is_some() {
        out.push('…');
    }
    out
}

/// A failure as WebSocket answers tell it: `{code, category, message, context}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureBody {
    /// Number of the class.
    pub code: u16,
    /// Category.
    pub category: Category,
    /// For people.
    pub message: String,
    /// For programs.
    pub context: Option<Context>,
}

impl From<Failure> for FailureBody {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.class.code(),
            category: failure.kind(),
            message: failure.message,
            context: failure.context,
        }
    }
}

impl From<FailureBody> for Failure {
    /// The class is the number's if it is of the category, else the category's.
    fn from(body: FailureBody) -> Self {
        let class = Class::from_code(body.code).filter(|class| class.category() == body.category);
        Self {
            class: class.unwrap_or_else(|| body.category.class()),
            message: body.message,
            context: body.context,
        }
    }
}
