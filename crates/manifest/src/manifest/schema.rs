//! Parameters of a tool: a JSON Schema that compiles, stays at home and ends.

use std::{collections::HashMap, fmt, sync::Arc};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

use crate::text;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Most schemas in one, with every `$ref` written out: what a call may cost.
const MAX_SCHEMAS: usize = 4096;
/// Most schemas, written out, in all tools of a manifest together.
const MAX_SCHEMAS_OF_ALL: usize = 16 * 1024;
/// Most patterns, written out, in all tools together: each may take [`MAX_PATTERN`] of memory.
const MAX_PATTERNS_OF_ALL: usize = 256;
/// Most schemas around one, written out: some keywords look through all that is below them, each time.
const MAX_NESTED: usize = 64;
/// Most references from one to the next: each is a step down the stack, here and where calls are checked.
const MAX_REFERENCES: usize = 16;
/// Memory for one compiled pattern.
const MAX_PATTERN: usize = 1 << 20;
const MAX_DESCRIPTION: usize = 1024;
/// More than these say nothing new about a call.
const MAX_ARGUMENT_PROBLEMS: usize = 16;

/// Keywords that give a schema another name than its place, or make its meaning depend on who refers to it.
const REFUSED: [&str; 7] = [
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "$vocabulary",
];

/// What a tool may be called with: JSON Schema, draft 2020-12, compiled.
///
/// `$ref` reaches `#/$defs/NAME` and `#/definitions/NAME` only, never in a circle. Patterns are of the kind that runs in
/// linear time. Arguments that the schema does not declare are refused unless it says `additionalProperties` itself.
#[derive(Clone)]
pub struct ParameterSchema {
    json: Value,
    validator: Arc<Validator>,
}

/// What is wrong with an argument. The value is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArgumentProblem {
    /// Where in the arguments: a JSON pointer.
    pub pointer: String,
    /// What.
    pub message: String,
}

/// What is wrong with a schema: a pointer relative to it, and why; whether it is about what is shown.
pub(super) struct SchemaFault {
    pub(super) pointer: String,
    pub(super) message: String,
    pub(super) shown: bool,
}

impl SchemaFault {
    fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            message: message.into(),
            shown: false,
        }
    }
}

/// What the tools of a manifest may still cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    schemas: usize,
    patterns: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            schemas: MAX_SCHEMAS_OF_ALL,
            patterns: MAX_PATTERNS_OF_ALL,
        }
    }
}

impl Budget {
    fn take(&mut self, cost: Cost) -> Result<(), SchemaFault> {
        let left = (
            self.schemas.checked_sub(cost.size),
            self.patterns.checked_sub(cost.patterns),
        );
        let (Some(schemas), Some(patterns)) = left else {
            let message = format!(
                "more than {MAX_SCHEMAS_OF_ALL} schemas or {MAX_PATTERNS_OF_ALL} patterns in all tools, written out"
            );
            return Err(SchemaFault::new("", message));
        };
        *self = Self { schemas, patterns };
        Ok(())
    }
}

impl ParameterSchema {
    /// Compiles the `parameters` of a tool; the original's flat shape is turned into a schema first.
    pub(super) fn compile(parameters: Value, budget: &mut Budget) -> Result<Self, SchemaFault> {
        let json = normalised(parameters);
        let root = json.as_object().ok_or_else(|| SchemaFault::new("", "not an object"))?;
        if root.get("type").and_then(Value::as_str) != Some("object") {
            return Err(SchemaFault::new("", "not a schema of type object"));
        }
        if root.get("$schema").is_some_and(|schema| schema != DRAFT) {
            return Err(SchemaFault::new("/$schema", "not draft 2020-12"));
        }
        check_shown(&json, "")?;
        let mut walk = Walk {
            root,
            costs: HashMap::new(),
            following: 0,
        };
        budget.take(walk.cost(&json, "")?)?;
        let validator = compile(&closed(&json)).map_err(|message| SchemaFault::new("", message))?;
        Ok(Self {
            json,
            validator: Arc::new(validator),
        })
    }

    /// The schema, in its normal shape.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Whether the schema declares `name` at its top.
    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        self.json
            .get("properties")
            .is_some_and(|properties| properties.get(name).is_some())
    }

    /// Checks the arguments of a call.
    ///
    /// # Errors
    /// The first 16 problems.
    pub fn check(&self, arguments: &Value) -> Result<(), Vec<ArgumentProblem>> {
        let problems: Vec<_> = self
            .validator
            .iter_errors(arguments)
            .take(MAX_ARGUMENT_PROBLEMS)
            .map(|error| ArgumentProblem {
                pointer: error.instance_path().to_string(),
                message: text::visible(&error.masked().to_string()),
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl fmt::Debug for ParameterSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParameterSchema({})", self.json)
    }
}

impl PartialEq for ParameterSchema {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(MAX_PATTERN)
                .dfa_size_limit(MAX_PATTERN),
        )
        .build(schema)
        .map_err(|error| format!("not a JSON Schema: {}", error.masked()))
}

/// The schema with what it does not declare refused.
fn closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(root) = schema.as_object_mut()
        && !["additionalProperties", "unevaluatedProperties", "patternProperties"]
            .iter()
            .any(|keyword| root.contains_key(*keyword))
    {
        root.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
    schema
}

/// The builtin manifest of the original has each parameter directly under `parameters`, with a boolean `required` inside
/// (safeclaw spec 3.1).
fn normalised(parameters: Value) -> Value {
    let Value::Object(members) = parameters else {
        return parameters;
    };
    let flat = |value: &Value| {
        value.get("type").is_some_and(Value::is_string) && value.get("required").is_none_or(Value::is_boolean)
    };
    if members.get("type").is_some_and(Value::is_string) || !members.values().all(flat) {
        return Value::Object(members);
    }
    let mut required = Vec::new();
    let mut properties = Map::new();
    for (name, mut parameter) in members {
        if let Some(object) = parameter.as_object_mut()
            && object.remove("required") == Some(Value::Bool(true))
        {
            required.push(Value::String(name.clone()));
        }
        properties.insert(name, parameter);
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Every name and text of a schema is read by a model, and by the person who allows it.
fn check_shown(value: &Value, pointer: &str) -> Result<(), SchemaFault> {
    let hidden = |text: &str| text.chars().any(text::is_hidden);
    let fault = |message: &str| {
        Err(SchemaFault {
            shown: true,
            ..SchemaFault::new(pointer, message)
        })
    };
    match value {
        Value::String(text) if hidden(text) => fault("characters that are not seen"),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_shown(item, &format!("{pointer}/{index}"))),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            if hidden(name) {
                return fault("a name with characters that are not seen");
            }
            if name == "description"
                && value
                    .as_str()
                    .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
            {
                return fault("a description of more than 1024 characters");
            }
            check_shown(value, &child(pointer, name))
        }),
        _ => Ok(()),
    }
}

fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What a schema costs when its references are written out.
#[derive(Clone, Copy)]
struct Cost {
    /// How many schemas it is.
    size: usize,
    /// The most references from one to the next.
    references: usize,
    /// How many patterns.
    patterns: usize,
    /// The most schemas within one another.
    nested: usize,
}

impl Cost {
    const NOTHING: Self = Self {
        size: 0,
        references: 0,
        patterns: 0,
        nested: 0,
    };
    const ONE: Self = Self {
        size: 1,
        ..Self::NOTHING
    };

    fn of_patterns(patterns: usize) -> Self {
        Self {
            patterns,
            ..Self::NOTHING
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            size: self.size.saturating_add(other.size),
            references: self.references.max(other.references),
            patterns: self.patterns.saturating_add(other.patterns),
            nested: self.nested.max(other.nested),
        }
    }
}

/// Counts what a schema costs, and refuses what has no end.
struct Walk<'a> {
    root: &'a Map<String, Value>,
    /// What a reference costs; `None` while it is being counted.
    costs: HashMap<&'a str, Option<Cost>>,
    /// How many are being followed.
    following: usize,
}

impl<'a> Walk<'a> {
    fn cost(&mut self, schema: &'a Value, pointer: &str) -> Result<Cost, SchemaFault> {
        let Value::Object(members) = schema else {
            return Ok(Cost::ONE);
        };
        let mut cost = Cost::ONE;
        for (keyword, value) in members {
            let place = child(pointer, keyword);
            if REFUSED.contains(&keyword.as_str()) {
                return Err(SchemaFault::new(&place, "a keyword that we do not take"));
            }
            let more = match (keyword.as_str(), value) {
                ("$ref", reference) => self.reference(reference, &place)?,
                ("$schema", _) if !pointer.is_empty() => {
                    return Err(SchemaFault::new(&place, "$schema below the top"));
                }
                ("enum" | "const" | "default" | "examples", _) => Cost::NOTHING,
                ("pattern", Value::String(_)) => Cost::of_patterns(1),
                (
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                    Value::Object(map),
                ) => {
                    let names = if keyword == "patternProperties" { map.len() } else { 0 };
                    map.iter().try_fold(Cost::of_patterns(names), |sum, (name, schema)| {
                        Ok(sum.and(self.cost(schema, &child(&place, name))?))
                    })?
                }
                (_, Value::Object(_)) => self.cost(value, &place)?,
                (_, Value::Array(items)) => items
                    .iter()
                    .enumerate()
                    .try_fold(Cost::NOTHING, |sum, (index, schema)| {
                        Ok(sum.and(self.cost(schema, &format!("{place}/{index}"))?))
                    })?,
                _ => Cost::NOTHING,
            };
            cost = cost.and(more);
            if cost.size > MAX_SCHEMAS {
                let message = "a schema that grows beyond 4096 when written out";
                return Err(SchemaFault::new(&place, message));
            }
            if cost.nested >= MAX_NESTED {
                return Err(SchemaFault::new(&place, "more than 64 schemas within one another"));
            }
        }
        Ok(Cost {
            nested: cost.nested + 1,
            ..cost
        })
    }

    fn reference(&mut self, reference: &'a Value, place: &str) -> Result<Cost, SchemaFault> {
        let fault = |message: &str| Err(SchemaFault::new(place, message));
        let Some(text) = reference.as_str() else {
            return fault("not a reference");
        };
        let target = ["$defs", "definitions"].into_iter().find_map(|map| {
            let name = text.strip_prefix("#/")?.strip_prefix(map)?.strip_prefix('/')?;
            let plain = !name.contains(['/', '~', '%']);
            let target = self.root.get(map)?.get(name).filter(|_| plain)?;
            Some((target, format!("/{map}/{name}")))
        });
        let Some((target, target_place)) = target else {
            return fault("a reference to something else than #/$defs/NAME");
        };
        let too_long = "more than 16 references from one to the next";
        let cost = match self.costs.get(text) {
            Some(Some(cost)) => *cost,
            Some(None) => return fault("a reference that leads back to itself"),
            None if self.following == MAX_REFERENCES => return fault(too_long),
            None => {
                self.costs.insert(text, None);
                self.following += 1;
                let cost = self.cost(target, &target_place)?;
                self.following -= 1;
                self.costs.insert(text, Some(cost));
                cost
            }
        };
        if cost.references == MAX_REFERENCES {
            return fault(too_long);
        }
        Ok(Cost {
            references: cost.references + 1,
            ..cost
        })
    }
}
