//! What people see of an answer: lines and tables (signet spec 9.1). Programs get the whole of it as JSON.

use crate::tree::Tree;

/// How an answer is shown to people.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View {
    /// An object as `key: value`, what nests by dotted keys; a list of objects as a table of all that they have.
    Auto,
    /// A table with these columns, each a heading and where it is in an entry.
    Table(&'static [(&'static str, &'static str)]),
    /// The same of the list that is at a place in the answer.
    TableAt(&'static str, &'static [(&'static str, &'static str)]),
    /// As lines.
    Lines(fn(&Tree) -> Vec<String>),
}

impl View {
    /// The lines; none for an empty list.
    pub(crate) fn lines(self, data: &Tree) -> Vec<String> {
        match self {
            Self::Auto => auto(data),
            Self::Table(columns) => table(columns, data.entries()),
            Self::TableAt(place, columns) => table(columns, data.at(place).map(Tree::entries).unwrap_or_default()),
            Self::Lines(lines) => lines(data),
        }
    }
}

fn auto(data: &Tree) -> Vec<String> {
    match data {
        Tree::Object(_) => {
            let mut lines = Vec::new();
            dotted("", data, &mut lines);
            lines
                .into_iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect()
        }
        Tree::List(entries) if entries.iter().any(|entry| matches!(entry, Tree::Object(_))) => {
            let rows: Vec<Vec<(String, String)>> = entries
                .iter()
                .map(|entry| {
                    let mut cells = Vec::new();
                    dotted("", entry, &mut cells);
                    cells
                })
                .collect();
            let mut headings: Vec<&str> = Vec::new();
            for (key, _) in rows.iter().flatten() {
                if !headings.contains(&key.as_str()) {
                    headings.push(key);
                }
            }
            let cell = |row: &[(String, String)], heading: &&str| {
                let found = row.iter().find(|(key, _)| key == heading);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            let cells = rows
                .iter()
                .map(|row| headings.iter().map(|heading| cell(row, heading)).collect());
            aligned(&headings, cells.collect())
        }
        Tree::List(entries) => entries.iter().map(Tree::inline).collect(),
        Tree::Null => Vec::new(),
        scalar => vec![scalar.inline()],
    }
}

fn dotted(prefix: &str, tree: &Tree, out: &mut Vec<(String, String)>) {
    match tree {
        Tree::Object(members) if !members.is_empty() || prefix.is_empty() => {
            for (key, value) in members {
                let key = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                dotted(&key, value, out);
            }
        }
        other => out.push((on_one_line(prefix), on_one_line(&other.inline()))),
    }
}

/// `text` with escapes for what would begin another line: a line that others wrote must not pass for one of ours.
fn on_one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let shown = |c: char| match c {
        c if breaks(c) => c.escape_default().to_string(),
        c => c.to_string(),
    };
    if text.contains(breaks) {
        text.chars().map(shown).collect()
    } else {
        text.to_owned()
    }
}

fn table(columns: &[(&str, &str)], entries: &[Tree]) -> Vec<String> {
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let cell = |entry: &Tree, place: &str| entry.at(place).map(Tree::inline).unwrap_or_default();
    let row = |entry: &Tree| columns.iter().map(|(_, place)| cell(entry, place)).collect();
    aligned(&headings, entries.iter().map(row).collect())
}

/// Left-aligned, two spaces between columns, a heading and a dashed rule.
fn aligned(headings: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    // a cell is one line, whatever somebody wrote
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| cell.replace(['\n', '\t'], " ")).collect())
        .collect();
    let width = |(at, heading): (usize, &&str)| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count());
        cells.max().unwrap_or_default().max(heading.chars().count())
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(width).collect();
    let line = |cells: Vec<String>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![
        line(headings.iter().map(|heading| (*heading).to_owned()).collect()),
        line(widths.iter().map(|width| "-".repeat(*width)).collect()),
    ];
    lines.extend(rows.into_iter().map(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_object_is_lines_with_dotted_keys() {
        let data = tree(r#"{"id":"op_1","config":{"label":"x","inboxIds":["a","b"],"more":{}},"none":null}"#);
        assert_eq!(
            View::Auto.lines(&data),
            [
                "id: op_1",
                "config.label: x",
                "config.inboxIds: a, b",
                "config.more: {}",
                "none: "
            ]
        );
    }

    #[test]
    fn what_others_wrote_makes_no_line_of_its_own() {
        let data = tree(r#"{"payload":{"text":"a\nexpiresAt: never\u2028x","k\ney":"b\r"},"list":["c\nd"]}"#);
        assert_eq!(
            View::Auto.lines(&data),
            [
                r"payload.text: a\nexpiresAt: never\u{2028}x",
                r"payload.k\ney: b\r",
                r"list: c\nd"
            ]
        );
    }

    #[test]
    fn a_list_is_a_table() {
        let data = tree(r#"[{"id":"a","n":1},{"id":"long","m":"x\ny"}]"#);
        assert_eq!(
            View::Auto.lines(&data),
            ["id    n  m", "----  -  ----", "a     1", r"long     x\ny"]
        );
        let columns = View::Table(&[("name", "id"), ("number", "n")]);
        assert_eq!(
            columns.lines(&data),
            ["name  number", "----  ------", "a     1", "long"]
        );
        assert!(columns.lines(&tree("[]")).is_empty());
        let nested = tree(r#"{"groups":[{"id":"g"}]}"#);
        assert_eq!(
            View::TableAt("groups", &[("id", "id")]).lines(&nested),
            ["id", "--", "g"]
        );
    }

    #[test]
    fn scalars_are_themselves() {
        assert_eq!(View::Auto.lines(&tree("true")), ["true"]);
        assert_eq!(View::Auto.lines(&tree(r#"["a","b"]"#)), ["a", "b"]);
        assert!(View::Auto.lines(&tree("[]")).is_empty());
    }
}
