//! Manifests as people edit them: members in their order, two spaces, short lists on one line.

use std::fmt::Write as _;

use chancery_manifest::json::Value;

/// Longest list that stays on one line.
const SHORT: usize = 80;

/// `value` as JSON, ending in a line end. `None` when a string is not Unicode or a number not finite.
pub(super) fn pretty(value: &Value) -> Option<String> {
    let mut out = String::new();
    write(value, 0, &mut out)?;
    out.push('\n');
    Some(out)
}

fn write(value: &Value, depth: usize, out: &mut String) -> Option<()> {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let scalars = items
                .iter()
                .all(|item| !matches!(item, Value::Array(_) | Value::Object(_)));
            if scalars {
                let texts: Vec<String> = items.iter().map(scalar).collect::<Option<_>>()?;
                let line = format!("[{}]", texts.join(", "));
                if line.len() <= SHORT {
                    out.push_str(&line);
                    return Some(());
                }
            }
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                begin(index, depth + 1, out);
                write(item, depth + 1, out)?;
            }
            end(depth, out);
            out.push(']');
        }
        Value::Object(object) if !object.is_empty() => {
            out.push('{');
            for (index, (name, value)) in object.iter().enumerate() {
                begin(index, depth + 1, out);
                let name = serde_json::to_string(name.as_str()?).ok()?;
                let _ = write!(out, "{name}: ");
                write(value, depth + 1, out)?;
            }
            end(depth, out);
            out.push('}');
        }
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        other => out.push_str(&scalar(other)?),
    }
    Some(())
}

fn scalar(value: &Value) -> Option<String> {
    // numbers in their one form: 2, not 2.0
    serde_json::to_string(&value.to_serde()?).ok()
}

fn begin(index: usize, depth: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    end(depth, out);
}

fn end(depth: usize, out: &mut String) {
    let _ = write!(out, "\n{:width$}", "", width = depth * 2);
}

#[cfg(test)]
mod tests {
    use chancery_manifest::json::{Limits, read};

    use super::*;

    #[test]
    fn order_and_meaning_stay() {
        let text = r#"{"b":{"z":[],"a":{}},"a":[1,2.5,true,null,"x\n"],"c":[{"k":"\u00e9"}],"schemaVersion":2}"#;
        let value = read(text.as_bytes(), &Limits::default()).unwrap();
        let shown = pretty(&value).unwrap();
        assert_eq!(read(shown.as_bytes(), &Limits::default()).unwrap(), value);
        assert_eq!(
            shown,
            "{\n  \"b\": {\n    \"z\": [],\n    \"a\": {}\n  },\n  \"a\": [1, 2.5, true, null, \"x\\n\"],\n  \"c\": [\n    {\n      \"k\": \"\u{e9}\"\n    }\n  ],\n  \"schemaVersion\": 2\n}\n"
        );
    }
}
