//! Where a command writes: results to stdout, everything else to stderr.

use std::io::{self, Write as _};

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
                self.bytes(&format!("{text}\n"))
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
        self.bytes(&format!("{text}\n"))
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

/// Without stderr there is nobody to tell that there is no stderr.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
