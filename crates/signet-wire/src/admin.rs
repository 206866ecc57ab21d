//! The admin socket: JSON-RPC 2.0, an object a line (signet spec 5.8).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Number, Value};

use crate::{
    ActionResult, BearerToken, Category, Class, Failure, Json, Refusal, Uuid, failure::Context, frame::EventKind,
    object::Members, shape::nullable,
};

/// The line is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The line is JSON, and no request.
pub const INVALID_REQUEST: i32 = -32600;
/// There is no such method.
pub const METHOD_NOT_FOUND: i32 = -32601;

/// Method by which a client asks to be told of events.
pub const SUBSCRIBE: &str = "events.subscribe";
/// Method by which it no longer wants to be.
pub const UNSUBSCRIBE: &str = "events.unsubscribe";

/// Method by which the owner's word is given. Its params are the root key's signature over what waits, as the crate `keys` has
/// it; its answer is that of the request which waited.
pub const SETTLE: &str = "approval.settle";

/// The first line of a client: `{"type":"admin_auth","token":"<JWT>"}`.
///
/// Without a token it is for whom the kernel vouches: a process of the daemon's own user, where that is let in so. It is an admin
/// then and no more; what the owner decides is asked for by [`ApprovalNeeded`], whoever calls.
#[derive(Debug, Clone, PartialEq)]
pub struct AdminAuth {
    /// The JWT.
    pub token: Option<BearerToken>,
}

impl AdminAuth {
    /// Reads the line. `None` when it is something else, which is answered with [`RpcResponse::expected_auth`].
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            #[serde(default, deserialize_with = "crate::shape::given")]
            token: Option<BearerToken>,
        }
        let mut members = Members::parse(line)?;
        let is_auth = members.take_text("type").is_some_and(|word| word == "admin_auth");
        let body: Body = is_auth.then(|| members.read())?.ok()?;
        Some(Self { token: body.token })
    }

    /// The line, for clients. It holds the token.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            r#type: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            token: Option<&'a BearerToken>,
        }
        serde_json::to_string(&Tagged {
            r#type: "admin_auth",
            token: self.token.as_ref(),
        })
    }
}

/// Id of a request, chosen by the client: text or a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RpcId {
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
}

impl Serialize for RpcId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for RpcId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self::Number(number)),
            Value::String(text) if text.len() <= crate::limits::MAX_REQUEST_ID_BYTES => Ok(Self::Text(text)),
            _ => Err(de::Error::custom("expected a number or a short text")),
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcRequest {
    /// Its id.
    pub id: RpcId,
    /// The method: an action's, or one of the two for events.
    pub method: String,
    /// Its input: an object, empty when the client leaves it out.
    pub params: Map<String, Value>,
}

impl RpcRequest {
    /// Reads a line.
    ///
    /// # Errors
    /// The answer to what is no request: with the id if there is one, as JSON-RPC 2.0 section 5 has it.
    pub fn parse(line: &str) -> Result<Self, RpcResponse> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            // only 2.0 is read
            #[serde(rename = "jsonrpc")]
            _version: Version,
            id: RpcId,
            method: String,
            #[serde(default)]
            params: Map<String, Value>,
        }
        if chancery_base::json::check_strict(line.as_bytes()).is_err() {
            return Err(RpcResponse::error(None, PARSE_ERROR, "Parse error"));
        }
        let id = || {
            let raw = Members::parse(line)?.take("id")?;
            serde_json::from_str(raw.get()).ok()
        };
        let body: Body = Members::parse(line)
            .ok_or_else(|| Refusal::new("", "expected an object"))
            .and_then(|members| members.read())
            .map_err(|refusal| {
                let failure = Failure::from(refusal);
                RpcResponse::error(id(), INVALID_REQUEST, &format!("Invalid request: {failure}"))
            })?;
        Ok(Self {
            id: body.id,
            method: body.method,
            params: body.params,
        })
    }

    /// The line, for clients.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            jsonrpc: Version,
            id: &'a RpcId,
            method: &'a str,
            params: &'a Map<String, Value>,
        }
        serde_json::to_string(&Body {
            jsonrpc: Version::Two,
            id: &self.id,
            method: &self.method,
            params: &self.params,
        })
    }
}

words! {
    /// Version of JSON-RPC.
    pub enum Version {
        /// The one in use.
        Two = "2.0",
    }
}

/// What a client is told: the answer to a request, or to its first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RpcResponse {
    /// Always `2.0`.
    pub jsonrpc: Version,
    /// The request; `null` when none could be made out, and left out of the answer to the right first line.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::shape::given"
    )]
    pub id: Option<Option<RpcId>>,
    /// What it answers.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::shape::given"
    )]
    pub result: Option<Json>,
    /// Why it does not.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::shape::given"
    )]
    pub error: Option<RpcError>,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RpcError {
    /// The category's code, or one of JSON-RPC's own.
    pub code: i32,
    /// For people.
    pub message: String,
    /// What the action answered; absent when it did not get that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RpcErrorData>,
}

/// A failure as the admin socket tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RpcErrorData {
    /// Class.
    #[serde(rename = "_tag")]
    pub tag: Class,
    /// Number of the class.
    pub code: u16,
    /// Category.
    pub category: Category,
    /// For programs.
    #[serde(deserialize_with = "nullable")]
    pub context: Option<Context>,
    /// The class once more.
    pub name: Class,
}

impl RpcResponse {
    /// The answer to the right first line.
    ///
    /// # Errors
    /// None in practice.
    pub fn authenticated() -> Result<Self, serde_json::Error> {
        Ok(Self {
            jsonrpc: Version::Two,
            id: None,
            result: Some(Json::of(&serde_json::json!({"authenticated": true}))?),
            error: None,
        })
    }

    /// The answer to any other first line.
    #[must_use]
    pub fn expected_auth() -> Self {
        Self::error(
            None,
            Category::Auth.rpc_code(),
            "Expected admin_auth frame as first message",
        )
    }

    /// The answer to a method that there is not.
    #[must_use]
    pub fn method_not_found(id: RpcId) -> Self {
        Self::error(Some(id), METHOD_NOT_FOUND, "Method not found")
    }

    /// What an action answered: a success is the result as a whole, a failure an error.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn answer(id: RpcId, result: ActionResult) -> Result<Self, serde_json::Error> {
        Ok(match result {
            ActionResult::Failure { failure, .. } => Self::failure(Some(id), failure),
            success @ ActionResult::Success { .. } => Self {
                jsonrpc: Version::Two,
                id: Some(Some(id)),
                result: Some(Json::of(&success)?),
                error: None,
            },
        })
    }

    /// A failure, as an answer. A bad first line has no id.
    #[must_use]
    pub fn failure(id: Option<RpcId>, failure: Failure) -> Self {
        let error = RpcError {
            code: failure.kind().rpc_code(),
            data: Some(RpcErrorData {
                tag: failure.class,
                code: failure.class.code(),
                category: failure.kind(),
                context: failure.context,
                name: failure.class,
            }),
            message: failure.message,
        };
        Self {
            jsonrpc: Version::Two,
            id: Some(id),
            result: None,
            error: Some(error),
        }
    }

    fn error(id: Option<RpcId>, code: i32, message: &str) -> Self {
        Self {
            jsonrpc: Version::Two,
            id: Some(id),
            result: None,
            error: Some(RpcError {
                code,
                message: message.to_owned(),
                data: None,
            }),
        }
    }
}

shape! {
    /// Input of `events.subscribe`.
    #[derive(Default)]
    frame Subscribe {
        /// Only events of these types; all when absent.
        types?: crate::List<EventKind, 1>,
        /// Only events of this credential; of all when absent.
        credential_id?: crate::Reference,
    }
}

shape! {
    /// The answer to `events.subscribe`.
    record Subscribed {
        /// What the notifications name, and [`UNSUBSCRIBE`] takes.
        subscription_id: Uuid,
    }
}

shape! {
    /// Input of `events.unsubscribe`.
    frame Unsubscribe {
        /// The subscription.
        subscription_id: Uuid,
    }
}

/// A line that nobody asked for: `{"jsonrpc":"2.0","method":"event","params":{…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Always `2.0`.
    pub jsonrpc: Version,
    /// Always `event`.
    pub method: NotificationMethod,
    /// What happened.
    pub params: EventParams,
}

words! {
    /// What notifications are called.
    pub enum NotificationMethod {
        /// Something happened.
        Event = "event",
    }
}

shape! {
    /// What happened.
    record EventParams {
        /// The subscription that it is told to.
        subscription_id: Uuid,
        /// The credential whose event it is.
        credential_id?: crate::CredentialId,
        /// Its number in the stream of that.
        seq?: u64,
        /// When.
        occurred_at: crate::Timestamp,
        /// The event, as a harness is told of it.
        event: Json,
    }
}

impl Notification {
    /// The line that tells of `params`.
    #[must_use]
    pub fn event(params: EventParams) -> Self {
        Self {
            jsonrpc: Version::Two,
            method: NotificationMethod::Event,
            params,
        }
    }
}

/// Where the context of a failure has [`ApprovalNeeded`].
const APPROVAL: &str = "approval";

shape! {
    /// A request waits for the owner. The connection keeps it until it is settled by [`SETTLE`], until its time is over, or
    /// until the connection ends; then nothing was done.
    record ApprovalNeeded {
        /// What is asked, as the crate `keys` has it: what is to be done, until when, and a number nobody can guess.
        request: Json,
        /// The root key whose signature counts, and where it is held.
        root: Json,
    }
}

impl ApprovalNeeded {
    /// The failure that tells a client of it: `permission`, with this in its context.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn failure(&self) -> Result<Failure, serde_json::Error> {
        let value = serde_json::to_value(self)?;
        Ok(Failure::new(Class::Permission, "The owner has to approve this").with(APPROVAL, value))
    }

    /// What `failure` waits for, if it is the owner's word.
    #[must_use]
    pub fn of(failure: &Failure) -> Option<Self> {
        let value = failure.context.as_ref()?.get(APPROVAL)?;
        serde_json::from_str(&value.to_string()).ok()
    }
}
