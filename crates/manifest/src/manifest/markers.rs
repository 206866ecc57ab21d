//! Members that are there for the original's signature only (safeclaw spec 4.5): with the value `null`, and the name of a
//! nested member, they draw that member into the signed text.

use crate::json::{Object, Value};

/// Names of nested members that a publisher may list although the manifest does not have them.
const VOCABULARY: [&str; 49] = [
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "annotations",
    "anyOf",
    "argument",
    "args",
    "capability",
    "const",
    "constraints",
    "default",
    "dependentRequired",
    "description",
    "destructive",
    "effects",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "executables",
    "format",
    "hosts",
    "items",
    "kind",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "mode",
    "multipleOf",
    "name",
    "names",
    "not",
    "oneOf",
    "openWorld",
    "parameters",
    "paths",
    "pattern",
    "properties",
    "protocol",
    "readOnly",
    "reason",
    "required",
    "requires",
    "title",
];

/// Whether a top-level member called `name` may be `null`: the name is of the vocabulary, or occurs below the top level.
pub(super) fn is_marker(name: &str, object: &Object) -> bool {
    VOCABULARY.contains(&name)
        || matches!(name, "type" | "uniqueItems")
        || object.iter().any(|(_, value)| occurs(name, value))
}

fn occurs(name: &str, value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| occurs(name, item)),
        Value::Object(object) => object
            .iter()
            .any(|(member, value)| member.as_str() == Some(name) || occurs(name, value)),
        _ => false,
    }
}
