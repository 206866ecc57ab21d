//! Actions with their places on every surface, checked.

use std::collections::{BTreeMap, BTreeSet};

use chancery_policy::messaging::{Scope, Scopes};
use serde_json::Value;

use super::{Definition, HttpAuth, HttpMethod, Intent};
use crate::{Refusal, http, limits};

/// Where an action is over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Who may call it.
    pub auth: HttpAuth,
    /// How.
    pub method: HttpMethod,
    /// Where.
    pub path: String,
}

/// What an action is as a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mcp {
    /// Its name, as the original has it.
    pub name: String,
    /// The name that it is listed under: letters, digits, `_` and `-`, for clients that take no others. Both are answered.
    pub alias: String,
}

/// An action with its places.
#[derive(Debug, Clone)]
pub struct Entry {
    definition: Definition,
    schema: Value,
    /// The command: what follows `xs` in programs that know actions only.
    pub command: String,
    /// The JSON-RPC method.
    pub rpc_method: String,
    /// Where it is over HTTP, if it is there.
    pub http: Option<Http>,
    /// What it is as a tool, if it is one.
    pub mcp: Option<Mcp>,
}

impl Entry {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.definition.id
    }

    /// What it does, in a line.
    #[must_use]
    pub fn description(&self) -> &'static str {
        self.definition.description
    }

    /// What it does to what is there.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.definition.intent
    }

    /// Whether doing it twice is doing it once.
    #[must_use]
    pub fn idempotent(&self) -> bool {
        self.definition.idempotent
    }

    /// JSON Schema of its input.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Name of what it answers.
    #[must_use]
    pub fn output(&self) -> &'static str {
        self.definition.output
    }

    /// The scopes of which a credential needs one to call it, none when it is about what is the credential's own; `None` when
    /// it is for admins alone.
    #[must_use]
    pub fn credential_scopes(&self) -> Option<&'static [Scope]> {
        self.definition.scopes
    }

    /// Whether a credential that may `effective` could call it at all.
    #[must_use]
    pub fn is_for(&self, effective: Scopes) -> bool {
        self.credential_scopes()
            .is_some_and(|any| any.is_empty() || any.iter().any(|scope| effective.contains(*scope)))
    }

    /// Inputs that it is shown with, in JSON.
    #[must_use]
    pub fn examples(&self) -> &'static [&'static str] {
        self.definition.examples
    }

    /// Whether `input` is one.
    ///
    /// # Errors
    /// [`Refusal`] with the place.
    pub fn check(&self, input: Value) -> Result<(), Refusal> {
        (self.definition.input.check)(input)
    }

    fn new(definition: Definition) -> Result<Self, RegistryError> {
        let id = definition.id;
        let http = match definition.http {
            None => None,
            Some((None, _)) => return Err(RegistryError::NoAuth(id)),
            Some((Some(auth), path)) => Some(Http {
                auth,
                method: match definition.intent {
                    Intent::Read => HttpMethod::Get,
                    Intent::Write | Intent::Destroy => HttpMethod::Post,
                },
                path: path.map_or_else(|| format!("{}{}", http::ACTIONS_PREFIX, slashed(id)), str::to_owned),
            }),
        };
        let name = definition
            .mcp
            .map(|name| name.map_or_else(|| format!("signet/{}", slashed(id)), str::to_owned));
        Ok(Self {
            schema: (definition.input.schema)(),
            command: definition
                .command
                .map_or_else(|| id.replacen('.', ":", 1), str::to_owned),
            rpc_method: id.to_owned(),
            http,
            mcp: name.map(|name| Mcp {
                alias: sanitised(&name),
                name,
            }),
            definition,
        })
    }
}

fn slashed(id: &str) -> String {
    id.replace('.', "/")
}

/// `name` as every MCP client takes it: `^[a-zA-Z0-9_-]{1,64}$`.
fn sanitised(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .take(limits::MAX_TOOL_NAME_BYTES)
        .collect()
}

/// Why definitions make no registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Not `noun.verb` of letters, digits and `-`.
    #[error("{0:?} is not the id of an action: noun.verb")]
    BadId(&'static str),
    /// Two actions have the same place.
    #[error("{id:?} and {other:?} have the same {surface}: {place:?}")]
    Taken {
        /// The action.
        id: &'static str,
        /// The one before it.
        other: &'static str,
        /// Where they meet: `id`, `command`, `method`, `route` or `tool`.
        surface: &'static str,
        /// What both are called there.
        place: String,
    },
    /// An action over HTTP does not say who may call it.
    #[error("{0:?} is called over HTTP by nobody knows whom")]
    NoAuth(&'static str),
    /// The path is kept for something else.
    #[error("{id:?} claims {path:?}, which is reserved")]
    Reserved {
        /// The action.
        id: &'static str,
        /// The path.
        path: String,
    },
    /// An example is no input.
    #[error("an example of {id:?} is none: {refusal}")]
    BadExample {
        /// The action.
        id: &'static str,
        /// Why.
        refusal: Refusal,
    },
}

/// All actions, each to be found by its name on any surface.
#[derive(Debug, Clone)]
pub struct Registry {
    /// By id.
    entries: BTreeMap<&'static str, Entry>,
    routes: BTreeMap<(HttpMethod, String), &'static str>,
    tools: BTreeMap<String, &'static str>,
    commands: BTreeMap<String, &'static str>,
}

impl Registry {
    /// Checks `definitions` and gives each its places.
    ///
    /// # Errors
    /// [`RegistryError`], the first one found.
    pub fn new(definitions: impl IntoIterator<Item = Definition>) -> Result<Self, RegistryError> {
        let mut registry = Self {
            entries: BTreeMap::new(),
            routes: BTreeMap::new(),
            tools: BTreeMap::new(),
            commands: BTreeMap::new(),
        };
        for definition in definitions {
            registry.add(Entry::new(definition)?)?;
        }
        Ok(registry)
    }

    fn add(&mut self, entry: Entry) -> Result<(), RegistryError> {
        let id = entry.id();
        check_id(id)?;
        if let Some(other) = self.entries.get(id) {
            return Err(taken(id, other.id(), "id", id));
        }
        if let Some(other) = self.commands.insert(entry.command.clone(), id) {
            return Err(taken(id, other, "command", &entry.command));
        }
        if let Some(http) = &entry.http {
            if http::is_reserved(&http.path) {
                let path = http.path.clone();
                return Err(RegistryError::Reserved { id, path });
            }
            if let Some(other) = self.routes.insert((http.method, http.path.clone()), id) {
                return Err(taken(id, other, "route", &http.path));
            }
        }
        if let Some(mcp) = &entry.mcp {
            for name in BTreeSet::from([&mcp.name, &mcp.alias]) {
                if let Some(other) = self.tools.insert(name.clone(), id) {
                    return Err(taken(id, other, "tool", name));
                }
            }
        }
        for example in entry.examples() {
            let problem = |refusal| RegistryError::BadExample { id, refusal };
            let input = serde_json::from_str(example).map_err(|error| problem(Refusal::new("", error)))?;
            entry.check(input).map_err(problem)?;
        }
        self.entries.insert(id, entry);
        Ok(())
    }

    /// All, by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The action with this id, which is its JSON-RPC method and what follows `/v1/admin/`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The action at this route.
    #[must_use]
    pub fn at(&self, method: HttpMethod, path: &str) -> Option<&Entry> {
        self.get(self.routes.get(&(method, path.to_owned()))?)
    }

    /// The tool with this name, in either of its spellings.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Entry> {
        self.get(self.tools.get(name)?)
    }

    /// The action with this command.
    #[must_use]
    pub fn command(&self, command: &str) -> Option<&Entry> {
        self.get(self.commands.get(command)?)
    }
}

fn taken(id: &'static str, other: &'static str, surface: &'static str, place: &str) -> RegistryError {
    let place = place.to_owned();
    RegistryError::Taken {
        id,
        other,
        surface,
        place,
    }
}

fn check_id(id: &'static str) -> Result<(), RegistryError> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match id.split_once('.') {
        Some((noun, verb)) if is_word(noun) && is_word(verb) => Ok(()),
        _ => Err(RegistryError::BadId(id)),
    }
}
