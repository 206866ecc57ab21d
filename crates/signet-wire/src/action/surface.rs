//! The surface map: everything that callers can see of the table, as one text with one hash.

use chancery_base::{digest, json};
use chancery_policy::messaging::Scope;
use serde::Serialize;
use serde_json::Value;

use super::{Entry, HttpMethod, Intent, Registry};

/// Version of the form of a surface map.
pub const SURFACE_VERSION: &str = "1.0";

/// A surface map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurfaceMap {
    text: String,
}

impl SurfaceMap {
    /// Canonical JSON (RFC 8785): `{entries, version}`, the entries by id. The same table is the same text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text in lower-case hex.
    #[must_use]
    pub fn hash(&self) -> String {
        digest::sha256_hex(&self.text)
    }
}

#[derive(Serialize)]
struct Map<'a> {
    version: &'a str,
    entries: Vec<Line<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: &'a str,
    intent: Intent,
    #[serde(skip_serializing_if = "is_false")]
    idempotent: bool,
    surfaces: Vec<&'static str>,
    cli: Cli<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Route<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp: Option<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_scopes: Option<&'static [Scope]>,
    example_count: usize,
    input: &'a Value,
    output: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cli<'a> {
    command: &'a str,
    rpc_method: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route<'a> {
    auth: super::HttpAuth,
    input_source: &'static str,
    method: HttpMethod,
    path: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tool<'a> {
    tool_name: &'a str,
    alias: &'a str,
    annotations: Annotations<'a>,
}

/// What a tool says of itself (MCP, `ToolAnnotations`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Annotations<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    read_only_hint: bool,
    #[serde(skip_serializing_if = "is_false")]
    destructive_hint: bool,
    #[serde(skip_serializing_if = "is_false")]
    idempotent_hint: bool,
}

// serde hands over a reference
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl<'a> Annotations<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            title: entry.description(),
            read_only_hint: entry.intent() == Intent::Read,
            destructive_hint: entry.intent() == Intent::Destroy,
            idempotent_hint: entry.idempotent(),
        }
    }
}

impl Entry {
    /// What it says of itself as a tool, in the words of MCP: `title`, and the hints that are true.
    ///
    /// # Errors
    /// None in practice: it has a form in JSON.
    pub fn annotations(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(Annotations::of(self))
    }

    fn line(&self) -> Line<'_> {
        let http = self.http.as_ref().map(|http| Route {
            auth: http.auth,
            input_source: match http.method {
                HttpMethod::Get => "query",
                HttpMethod::Post => "body",
            },
            method: http.method,
            path: &http.path,
        });
        let mcp = self.mcp.as_ref().map(|mcp| Tool {
            tool_name: &mcp.name,
            alias: &mcp.alias,
            annotations: Annotations::of(self),
        });
        let mut surfaces = vec!["cli"];
        surfaces.extend(http.is_some().then_some("http"));
        surfaces.extend(mcp.is_some().then_some("mcp"));
        Line {
            id: self.id(),
            intent: self.intent(),
            idempotent: self.idempotent(),
            surfaces,
            cli: Cli {
                command: &self.command,
                rpc_method: &self.rpc_method,
            },
            http,
            mcp,
            credential_scopes: self.credential_scopes(),
            example_count: self.examples().len(),
            input: self.schema(),
            output: self.output(),
        }
    }
}

impl Registry {
    /// The surface map of all actions.
    ///
    /// # Errors
    /// None in practice: every part has a form in JSON.
    pub fn surface_map(&self) -> Result<SurfaceMap, json::JsonError> {
        let map = Map {
            version: SURFACE_VERSION,
            entries: self.entries().map(Entry::line).collect(),
        };
        json::canonical(&map).map(|text| SurfaceMap { text })
    }
}
