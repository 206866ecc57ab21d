//! Documents, and every small way to spoil one.
#![allow(dead_code, reason = "each test file takes what it needs")]

use serde_json::{Value, json};

/// A file of `vectors/`.
pub(crate) fn vector(file: &str) -> Value {
    let path = format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Where a member is, from the root.
pub(crate) type Path = Vec<Step>;

/// A step towards a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Member(String),
    Item(usize),
}

/// The places of all members of `value`, however deep.
pub(crate) fn places(value: &Value) -> Vec<Path> {
    let below = |step: Step, value: &Value| {
        let mut all = vec![vec![step.clone()]];
        all.extend(places(value).into_iter().map(|mut path| {
            path.insert(0, step.clone());
            path
        }));
        all
    };
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| below(Step::Member(name.clone()), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(n, value)| below(Step::Item(n), value))
            .collect(),
        _ => vec![],
    }
}

/// The value at `path`.
pub(crate) fn at<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Member(name) => &mut value[name.as_str()],
        Step::Item(n) => &mut value[*n],
    })
}

/// `value` without what is at `path`.
pub(crate) fn without(value: &Value, path: &[Step]) -> Value {
    let mut out = value.clone();
    let (last, parent) = path.split_last().unwrap();
    match (at(&mut out, parent), last) {
        (Value::Object(members), Step::Member(name)) => drop(members.remove(name)),
        (Value::Array(items), Step::Item(n)) => drop(items.remove(*n)),
        _ => unreachable!(),
    }
    out
}

/// `value` with `with` at `path`.
pub(crate) fn replaced(value: &Value, path: &[Step], with: Value) -> Value {
    let mut out = value.clone();
    *at(&mut out, path) = with;
    out
}

/// `value` with a member that nobody knows, once in each object.
pub(crate) fn with_strangers(value: &Value) -> Vec<(Path, Value)> {
    let mut paths = vec![vec![]];
    paths.extend(places(value));
    paths
        .into_iter()
        .filter_map(|path| {
            let mut out = value.clone();
            at(&mut out, &path)
                .as_object_mut()?
                .insert("stranger".to_owned(), json!(1));
            Some((path, out))
        })
        .collect()
}

/// Values of every type of JSON but that of `value`.
pub(crate) fn other_types(value: &Value) -> Vec<Value> {
    [
        json!(null),
        json!(true),
        json!(7.5),
        json!("\u{0}"),
        json!([[]]),
        json!({"stranger": {}}),
    ]
    .into_iter()
    .filter(|other| std::mem::discriminant(other) != std::mem::discriminant(value))
    .collect()
}
