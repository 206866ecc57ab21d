//! Constraints as JSON. A member that is misspelt, foreign or empty is an error: it must never mean "unrestricted".

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json};

use super::{Capability, Constraints, Dimension, ExecutablePattern, GrantPath, Permission, Set, ValueError};

/// What is wrong with the constraints of a request or grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConstraintProblem {
    /// Where, as a JSON pointer (RFC 6901) relative to `constraints`.
    pub pointer: String,
    /// Of what kind.
    pub kind: ProblemKind,
    /// What, without the value.
    pub message: String,
}

/// The kinds of [`ConstraintProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Not the JSON type that belongs there.
    Type,
    /// A member that does not belong to the capability.
    Kind,
    /// A value that breaks its rule, or an empty list.
    Value,
}

/// Whether a program may be named together with its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pins {
    Refused,
    Taken,
}

/// The permission that `constraints` describe, or everything that is wrong with them.
pub(super) fn read(
    capability: Capability,
    constraints: Option<&Value>,
    pins: Pins,
) -> Result<Permission, Vec<ConstraintProblem>> {
    let mut problems = Problems(Vec::new());
    let read = match constraints {
        None => Some(Constraints::Unconstrained),
        Some(Value::Object(members)) => read_object(capability, members, pins, &mut problems),
        Some(_) => {
            problems.add(String::new(), ProblemKind::Type, "constraints must be an object");
            None
        }
    };
    match read.map(|constraints| Permission::new(capability, constraints)) {
        Some(Ok(permission)) if problems.0.is_empty() => Ok(permission),
        Some(Err(error)) => {
            problems.add(String::new(), ProblemKind::Kind, error.0);
            Err(problems.0)
        }
        _ => Err(problems.0),
    }
}

struct Problems(Vec<ConstraintProblem>);

impl Problems {
    fn add(&mut self, pointer: String, kind: ProblemKind, message: impl Into<String>) {
        self.0.push(ConstraintProblem {
            pointer,
            kind,
            message: message.into(),
        });
    }
}

fn read_object(
    capability: Capability,
    members: &Map<String, Value>,
    pins: Pins,
    problems: &mut Problems,
) -> Option<Constraints> {
    let dimension = capability.dimension();
    let expected = dimension.member();
    for name in members.keys().filter(|name| *name != expected) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        problems.add(
            pointer,
            ProblemKind::Kind,
            format!("{capability} is limited by {expected} only"),
        );
    }
    let Some(list) = members.get(expected) else {
        if members.is_empty() {
            let message = format!("constraints without {expected}: leave them out to ask for everything");
            problems.add(String::new(), ProblemKind::Value, message);
        }
        return None;
    };
    match dimension {
        Dimension::Path => texts(list, expected, problems).map(Constraints::Paths),
        Dimension::Host => texts(list, expected, problems).map(Constraints::Hosts),
        Dimension::Executable => {
            set(list, expected, problems, |item| executable(item, pins)).map(Constraints::Executables)
        }
        Dimension::Name => texts(list, expected, problems).map(Constraints::Names),
    }
}

fn texts<P: Ord + FromStr<Err = ValueError>>(list: &Value, member: &str, problems: &mut Problems) -> Option<Set<P>> {
    set(list, member, problems, |item| match item {
        Value::String(text) => text.parse().map_err(|error: ValueError| (ProblemKind::Value, error.0)),
        _ => Err((ProblemKind::Type, "not a string")),
    })
}

fn set<P: Ord>(
    list: &Value,
    member: &str,
    problems: &mut Problems,
    read: impl Fn(&Value) -> Result<P, (ProblemKind, &'static str)>,
) -> Option<Set<P>> {
    let Value::Array(items) = list else {
        problems.add(
            format!("/{member}"),
            ProblemKind::Type,
            format!("{member} must be an array"),
        );
        return None;
    };
    let mut patterns = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match read(item) {
            Ok(pattern) => patterns.push(pattern),
            Err((kind, message)) => problems.add(format!("/{member}/{index}"), kind, message),
        }
    }
    if items.is_empty() {
        problems.add(format!("/{member}"), ProblemKind::Value, "an empty list");
    }
    Set::new(patterns).ok()
}

fn executable(item: &Value, pins: Pins) -> Result<ExecutablePattern, (ProblemKind, &'static str)> {
    let value = |error: ValueError| (ProblemKind::Value, error.0);
    match item {
        Value::String(text) => text.parse().map_err(value),
        Value::Object(_) if pins == Pins::Taken => {
            let pinned = Pinned::deserialize(item).map_err(|_| (ProblemKind::Type, "not a pinned executable"))?;
            let sha256 = from_hex(&pinned.sha256).ok_or((ProblemKind::Value, "not a SHA-256 in lower-case hex"))?;
            let path: GrantPath = pinned.path.parse().map_err(value)?;
            let asked: ExecutablePattern = pinned.asked.parse().map_err(value)?;
            asked.pinned(path, sha256).map_err(value)
        }
        _ => Err((ProblemKind::Type, "not a string")),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    asked: String,
    path: String,
    sha256: String,
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Constraints {
    /// `{"paths": [...]}` and the like; `None` for unconstrained, which is written by leaving the member out.
    #[must_use]
    pub fn to_json(&self) -> Option<Value> {
        let member = self.dimension()?.member();
        let list: Vec<Value> = match self {
            Self::Executables(set) => set.as_slice().iter().map(program).collect(),
            _ => self.texts().into_iter().map(Value::String).collect(),
        };
        Some(json!({ member: list }))
    }
}

fn program(pattern: &ExecutablePattern) -> Value {
    match pattern.pin() {
        None => json!(pattern.asked()),
        Some((path, sha256)) => {
            json!({ "asked": pattern.asked(), "path": path.as_str(), "sha256": to_hex(sha256) })
        }
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("capability", &self.capability())?;
        if let Some(constraints) = self.constraints().to_json() {
            map.serialize_entry("constraints", &constraints)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            capability: Capability,
            // `null` is not the same as absent: it would mean "unrestricted" by accident
            #[serde(default, deserialize_with = "present")]
            constraints: Option<Value>,
        }
        fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
            Value::deserialize(deserializer).map(Some)
        }
        let wire = Wire::deserialize(deserializer)?;
        read(wire.capability, wire.constraints.as_ref(), Pins::Taken).map_err(|problems| {
            let first = problems
                .first()
                .map(|problem| format!("{}: {problem}", problem.pointer));
            serde::de::Error::custom(first.unwrap_or_default())
        })
    }
}
