//! JSON Schema (draft 2020-12) of inputs, and reading inputs that arrive as text.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Number, Value};

/// Returns the schema of `T`: an object without references, in which a member that may be absent is never `null`.
#[must_use]
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.remove("title");
        // the description of the root is the type's, and says what the action's description says
        members.remove("description");
    }
    without_null(&mut schema);
    schema
}

/// The generator takes every `Option` for a value that may be `null`. Here only required members may be.
fn without_null(schema: &mut Value) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties {
        if !required.contains(name) {
            drop_null(property);
        }
        without_null(property);
        if let Some(items) = property.get_mut("items") {
            without_null(items);
        }
    }
}

fn drop_null(schema: &mut Value) {
    let null =
        |value: &Value| *value == Value::Null || *value == "null" || value.get("type").is_some_and(|t| t == "null");
    for keyword in ["type", "enum", "anyOf"] {
        let Some(list) = schema.get_mut(keyword).and_then(Value::as_array_mut) else {
            continue;
        };
        list.retain(|item| !null(item));
        let only = match list.as_slice() {
            [only] => only.clone(),
            _ => continue,
        };
        let Some(members) = schema.as_object_mut() else {
            continue;
        };
        match (keyword, only) {
            ("type", only) => {
                members.insert("type".to_owned(), only);
            }
            ("anyOf", Value::Object(only)) => {
                members.remove("anyOf");
                members.extend(only);
            }
            _ => {}
        }
    }
}

/// Returns the input that a query string stands for, as `schema` has it: what it calls a number is read as one, what it
/// calls a list is one, however often the key comes. Everything else stays text, and what does not fit is left for the
/// reader of the input to refuse; so is a key that comes twice and is no list.
#[must_use]
pub fn from_query(schema: &Value, query: &str) -> Value {
    let mut members: Map<String, Value> = Map::new();
    for (key, text) in url::form_urlencoded::parse(query.as_bytes()) {
        let kind = schema
            .get("properties")
            .and_then(|properties| properties.get(key.as_ref()));
        let is_list = kind.is_some_and(|kind| is(kind, "array"));
        let value = match kind {
            Some(kind) if is_list => kind
                .get("items")
                .map_or_else(|| text.as_ref().into(), |items| scalar(items, &text)),
            Some(kind) => scalar(kind, &text),
            None => text.as_ref().into(),
        };
        match members.get_mut(key.as_ref()) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None if is_list => {
                members.insert(key.into_owned(), Value::Array(vec![value]));
            }
            None => {
                members.insert(key.into_owned(), value);
            }
        }
    }
    Value::Object(members)
}

fn is(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(many)) => many.iter().any(|one| one == kind),
        _ => false,
    }
}

fn scalar(schema: &Value, text: &str) -> Value {
    if is(schema, "string") {
        return text.into();
    }
    if is(schema, "boolean") {
        return match text {
            "true" => true.into(),
            "false" => false.into(),
            _ => text.into(),
        };
    }
    if is(schema, "integer") {
        return integer(text).map_or_else(|| text.into(), Value::Number);
    }
    text.into()
}

/// A decimal integer in its one spelling.
fn integer(text: &str) -> Option<Number> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then(|| number.into())
}
