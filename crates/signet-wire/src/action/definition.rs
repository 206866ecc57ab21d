//! One action, as the table has it.

use chancery_policy::messaging::Scope;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Refusal, object, schema};

words! {
    /// What an action does to what is there.
    pub enum Intent {
        /// Nothing.
        Read = "read",
        /// It adds or changes.
        Write = "write",
        /// It takes away.
        Destroy = "destroy",
    }
}

words! {
    /// Who may call an action over HTTP.
    pub enum HttpAuth {
        /// Whoever holds the admin key.
        Admin = "admin",
        /// Whoever holds a credential.
        Credential = "credential",
    }
}

words! {
    /// How an action is called over HTTP: what reads by a query, what writes by a body.
    pub enum HttpMethod {
        /// The input is the query string.
        Get = "GET",
        /// The input is the body.
        Post = "POST",
    }
}

/// The input of an action: its schema, and whether a value is one.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub(crate) schema: fn() -> Value,
    pub(crate) check: fn(Value) -> Result<(), Refusal>,
}

impl Shape {
    /// The shape of `T`.
    #[must_use]
    pub const fn of<T: JsonSchema + DeserializeOwned>() -> Self {
        Self {
            schema: schema::of::<T>,
            check: |value| object::located::<T, _>(value).map(|_| ()),
        }
    }
}

/// One action: its id, and what cannot be derived from it.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    pub(crate) id: &'static str,
    pub(crate) description: &'static str,
    pub(crate) intent: Intent,
    pub(crate) idempotent: bool,
    pub(crate) input: Shape,
    pub(crate) output: &'static str,
    pub(crate) examples: &'static [&'static str],
    pub(crate) command: Option<&'static str>,
    pub(crate) http: Option<(Option<HttpAuth>, Option<&'static str>)>,
    pub(crate) mcp: Option<Option<&'static str>>,
    pub(crate) scopes: Option<&'static [Scope]>,
}

impl Definition {
    /// An action that is called from the command line and the admin socket. Reading is idempotent.
    #[must_use]
    pub const fn new(
        id: &'static str,
        intent: Intent,
        description: &'static str,
        input: Shape,
        output: &'static str,
    ) -> Self {
        Self {
            id,
            description,
            intent,
            idempotent: matches!(intent, Intent::Read),
            input,
            output,
            examples: &[],
            command: None,
            http: None,
            mcp: None,
            scopes: None,
        }
    }

    /// The same, called by `command` from the command line.
    #[must_use]
    pub const fn command(mut self, command: &'static str) -> Self {
        self.command = Some(command);
        self
    }

    /// The same over HTTP, for whoever `auth` says, at the path that its id gives.
    #[must_use]
    pub const fn http(mut self, auth: HttpAuth) -> Self {
        self.http = Some((Some(auth), None));
        self
    }

    /// The same over HTTP at `path`. Without `auth` no registry takes it.
    #[must_use]
    pub const fn http_at(mut self, auth: Option<HttpAuth>, path: &'static str) -> Self {
        self.http = Some((auth, Some(path)));
        self
    }

    /// The same as a tool, under the name that its id gives.
    #[must_use]
    pub const fn tool(mut self) -> Self {
        self.mcp = Some(None);
        self
    }

    /// The same as the tool `name`.
    #[must_use]
    pub const fn tool_named(mut self, name: &'static str) -> Self {
        self.mcp = Some(Some(name));
        self
    }

    /// The same for credentials, too: for those that may any of `scopes`, or for all, about what is theirs, when there are
    /// none. Exactly which scopes a call takes is the policy's to say; a tool that no call could be made of is not listed.
    #[must_use]
    pub const fn credentials(mut self, scopes: &'static [Scope]) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// The same with inputs, in JSON, that it is shown with. A registry checks them.
    #[must_use]
    pub const fn examples(mut self, examples: &'static [&'static str]) -> Self {
        self.examples = examples;
        self
    }
}
