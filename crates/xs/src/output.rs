//! Where a command writes: results to stdout, everything else to stderr.

use std::{
    borrow::Cow,
    io::{self, Write as _},
};

use chancery_terminal as terminal;
use clap::ValueEnum;
use serde::Serialize;

use crate::{Problem, problem::Result, tree::Tree, view::View};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Lines and tables for people
    #[default]
    Human,
    /// One JSON document, indented
    Json,
    /// One JSON document a line; a list has a line for each entry
    Ndjson,
}

/// The two streams of a command.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    // makes what others wrote harmless to a terminal
    people: terminal::Output,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            people: terminal::Output::new(false),
        }
    }

    /// How results are written.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether programs read this.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.format != Format::Human
    }

    /// Writes what an action answered.
    pub(crate) fn data(&self, data: &Tree, view: View) -> Result<()> {
        self.printed(self.format, data, view)
    }

    /// The same in this format.
    pub(crate) fn printed(&self, format: Format, data: &Tree, view: View) -> Result<()> {
        match (format, data) {
            (Format::Human, _) => self.lines(&view.lines(data)),
            (Format::Json, _) => {
                let text = serde_json::to_string_pretty(data).map_err(|error| Problem::internal(error.to_string()))?;
                self.bytes(&format!("{}\n", inert(&text)))
            }
            (Format::Ndjson, Tree::List(entries)) => entries.iter().try_for_each(|entry| self.line(entry)),
            (Format::Ndjson, _) => self.line(data),
        }
    }

    /// Writes what a command found out by itself.
    pub(crate) fn value<T: Serialize + ?Sized>(&self, value: &T, view: View) -> Result<()> {
        let data = Tree::of(value).map_err(|error| Problem::internal(error.to_string()))?;
        self.data(&data, view)
    }

    /// Writes one JSON document on a line of its own.
    pub(crate) fn line<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        let text = serde_json::to_string(value).map_err(|error| Problem::internal(error.to_string()))?;
        self.bytes(&format!("{}\n", inert(&text)))
    }

    /// Writes lines for people.
    pub(crate) fn lines(&self, lines: &[String]) -> Result<()> {
        self.people.show(&(), lines).map_err(|error| Problem::stdout(&error))
    }

    /// Writes text as it is.
    pub(crate) fn bytes(&self, text: &str) -> Result<()> {
        self.people
            .bytes(text.as_bytes())
            .map_err(|error| Problem::stdout(&error))
    }

    /// Tells people something on stderr; programs are told nothing.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.is_for_programs() {
            self.people.note(text);
        }
    }

    /// Says on stderr what would be done, and that nothing was.
    pub(crate) fn rehearsal(&self, what: &str) {
        if self.is_for_programs() {
            let message = format!("This will {what}. Run with --force to execute.");
            tell(&serde_json::json!({ "error": "dry_run", "message": message }).to_string());
        } else {
            self.people.note(format_args!("This will {what}."));
            self.people.note("Run with --force to execute.");
        }
    }

    /// Says on stderr why the command failed.
    pub(crate) fn fail(&self, problem: &Problem) {
        if self.is_for_programs() {
            tell(&problem.to_json());
        } else {
            self.people.note(problem.lines());
        }
    }
}

/// The same JSON, in which what a terminal would act on, or not show, is escaped: what others wrote may stand in it, and people
/// look at it, too. Such characters occur in texts only, but ends of line, which are ours.
fn inert(json: &str) -> Cow<'_, str> {
    let acts = |c: char| match c {
        '\n' => false,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        c => c.is_control(),
    };
    if !json.contains(acts) {
        return json.into();
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if acts(c) {
            // all of them are one unit of UTF-16
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.into()
}

/// Without stderr there is nobody to tell that there is no stderr.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_nothing_that_drives_a_terminal_and_stays_the_same() {
        let evil = serde_json::json!({ "a\u{9b}31m": "\u{1b}[2J\u{7f}\u{202e}x\n\u{2028}\u{200b}é🔥" });
        for text in [evil.to_string(), serde_json::to_string_pretty(&evil).unwrap()] {
            let written = inert(&text);
            assert!(!written.contains(|c: char| c != '\n' && c.is_control()), "{written:?}");
            assert!(!written.contains(['\u{202e}', '\u{2028}', '\u{200b}']), "{written:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), evil);
        }
        assert!(matches!(inert(r#"{"plain":"é"}"#), Cow::Borrowed(_)));
    }
}
