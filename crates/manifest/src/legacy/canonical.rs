//! The text that the original signs, and what of a document is not in it.

use std::{borrow::Cow, cmp::Ordering, collections::HashSet, fmt::Write as _};

use crate::json::{At, Object, Text, Value};

/// The text that the original signs (safeclaw spec 4.2): the document without `signature`; of every object at every depth
/// only the members that have the name of a remaining top-level member, sorted by UTF-16 units.
///
/// A document that is no object has the text `null`.
#[must_use]
pub fn canonical(document: &Value) -> String {
    let mut out = String::new();
    let Value::Object(object) = document else {
        return "null".to_owned();
    };
    let mut names: Vec<&Text> = object
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !is_signature(name))
        .collect();
    names.sort_by(|a, b| by_units(a, b));
    Writer {
        names: &names,
        out: &mut out,
    }
    .object(object);
    out
}

fn is_signature(name: &Text) -> bool {
    name.as_str() == Some("signature")
}

fn by_units(a: &Text, b: &Text) -> Ordering {
    a.units().cmp(b.units())
}

struct Writer<'a> {
    names: &'a [&'a Text],
    out: &'a mut String,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Number(number) if number.is_finite() => {
                self.out.push_str(ryu_js::Buffer::new().format_finite(*number));
            }
            Value::Number(_) => self.out.push_str("null"),
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.value(item);
                }
                self.out.push(']');
            }
            Value::Object(object) => self.object(object),
        }
    }

    fn object(&mut self, object: &Object) {
        let mut members: Vec<(&Text, &Value)> = object
            .iter()
            .filter(|(name, _)| self.names.binary_search_by(|other| by_units(other, name)).is_ok())
            .collect();
        members.sort_by(|(a, _), (b, _)| by_units(a, b));
        self.out.push('{');
        for (index, (name, value)) in members.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.string(name);
            self.out.push(':');
            self.value(value);
        }
        self.out.push('}');
    }

    fn string(&mut self, text: &Text) {
        self.out.push('"');
        for c in char::decode_utf16(text.units()) {
            let unit = match c {
                Ok('"') => Err("\\\""),
                Ok('\\') => Err("\\\\"),
                Ok('\u{8}') => Err("\\b"),
                Ok('\t') => Err("\\t"),
                Ok('\n') => Err("\\n"),
                Ok('\u{c}') => Err("\\f"),
                Ok('\r') => Err("\\r"),
                Ok(c @ '\0'..' ') => Ok(u32::from(c)),
                Ok(c) => {
                    self.out.push(c);
                    continue;
                }
                Err(unpaired) => Ok(unpaired.unpaired_surrogate().into()),
            };
            match unit {
                Err(escape) => self.out.push_str(escape),
                // writing to a String cannot fail
                Ok(unit) => drop(write!(self.out, "\\u{unit:04x}")),
            }
        }
        self.out.push('"');
    }
}

/// The first member below the top level whose name no remaining top-level member has, as a JSON pointer: the signature says
/// nothing about it. `None` when the signature covers the whole document (safeclaw spec 4.5).
#[must_use]
pub fn uncovered(document: &Value) -> Option<String> {
    let object = document.as_object()?;
    let names: HashSet<&Text> = object
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !is_signature(name))
        .collect();
    let mut members = object.iter().filter(|(name, _)| !is_signature(name));
    members.find_map(|(name, value)| search(value, &At::ROOT.member(&shown(name)), &names))
}

fn search(value: &Value, at: &At<'_>, names: &HashSet<&Text>) -> Option<String> {
    match value {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| search(item, &at.item(index), names))
        }
        Value::Object(object) => object.iter().find_map(|(name, value)| {
            let text = shown(name);
            let here = at.member(&text);
            if names.contains(name) {
                search(value, &here, names)
            } else {
                Some(here.pointer())
            }
        }),
        _ => None,
    }
}

fn shown(name: &Text) -> Cow<'_, str> {
    match name.as_str() {
        Some(name) => name.into(),
        None => String::from_utf16_lossy(&name.units().collect::<Vec<_>>()).into(),
    }
}
