//! The HTTP surface: paths, and the envelope without `meta` (signet spec 5.7).

use serde::{Deserialize, Serialize, ser::SerializeStruct as _};

use crate::{
    ActionResult, Category, Failure, Json,
    failure::Context,
    shape::{ObjectOnly, given},
};

/// Health: for strangers.
pub const HEALTH: &str = "/v1/health";
/// Any action by its id: `POST /v1/admin/<id>`.
pub const ADMIN_PREFIX: &str = "/v1/admin/";
/// What a credential may ask of itself.
pub const CREDENTIAL_PREFIX: &str = "/v1/credential/";
/// A credential's view of itself, in its two spellings.
pub const CREDENTIAL_INFO: [&str; 2] = ["/v1/credential/info", "/v1/credential/credential.info"];
/// Where the paths of actions begin.
pub const ACTIONS_PREFIX: &str = "/v1/actions/";
/// The events of a credential as server-sent events.
pub const EVENTS: &str = "/v1/events";

/// What an action may not claim, as a beginning or as a whole.
pub const RESERVED: [&str; 4] = [ADMIN_PREFIX, CREDENTIAL_PREFIX, HEALTH, EVENTS];

/// Whether no action may have `path`.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|reserved| {
        let whole = reserved.trim_end_matches('/');
        path.strip_prefix(whole)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// An answer: `{ok:true,data}` or `{ok:false,error:{category,message,context}}`.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpBody {
    /// It was done.
    Success(Json),
    /// It was not.
    Failure(HttpFailure),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpFailure {
    /// Category; the status follows it.
    pub category: Category,
    /// For people.
    pub message: String,
    /// For programs.
    pub context: Option<Context>,
}

impl HttpBody {
    /// Status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Success(_) => 200,
            Self::Failure(failure) => failure.category.http_status(),
        }
    }
}

impl From<Failure> for HttpBody {
    fn from(failure: Failure) -> Self {
        Self::Failure(HttpFailure {
            category: failure.kind(),
            message: failure.message,
            context: failure.context,
        })
    }
}

impl From<ActionResult> for HttpBody {
    fn from(result: ActionResult) -> Self {
        match result {
            ActionResult::Success { data, .. } => Self::Success(data),
            ActionResult::Failure { failure, .. } => failure.into(),
        }
    }
}

impl Serialize for HttpBody {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("HttpBody", 2)?;
        match self {
            Self::Success(data) => {
                object.serialize_field("ok", &true)?;
                object.serialize_field("data", data)?;
            }
            Self::Failure(failure) => {
                object.serialize_field("ok", &false)?;
                object.serialize_field("error", failure)?;
            }
        }
        object.end()
    }
}

#[derive(Deserialize)]
struct Members {
    ok: bool,
    #[serde(default, deserialize_with = "given")]
    data: Option<Json>,
    #[serde(default, deserialize_with = "given")]
    error: Option<HttpFailure>,
}

impl<'de> Deserialize<'de> for HttpBody {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(ObjectOnly(deserializer))?;
        match (members.ok, members.data, members.error) {
            (true, Some(data), None) => Ok(Self::Success(data)),
            (false, None, Some(error)) => Ok(Self::Failure(error)),
            _ => Err(serde::de::Error::custom("either data or an error")),
        }
    }
}
