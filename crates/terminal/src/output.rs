//! Where a command writes.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// The two streams of a command: results on stdout, everything else on stderr, both in JSON when asked for.
///
/// Colour appears on stderr only, only when that is a terminal, and not when `NO_COLOR` is set to anything
/// (<https://no-color.org>) or `TERM` is `dumb`.
pub struct Output {
    json: bool,
    colour: bool,
    out: Mutex<Box<dyn Write + Send>>,
    err: Mutex<Box<dyn Write + Send>>,
}

impl Output {
    /// Stdout and stderr of this process; with `json` results and failures are JSON.
    #[must_use]
    pub fn new(json: bool) -> Self {
        let mut output = Self::to(json, io::stdout(), io::stderr());
        output.colour = colour_on_stderr();
        output
    }

    /// The same, with colour as `choice` says.
    #[must_use]
    pub fn coloured(json: bool, choice: ColorChoice) -> Self {
        let mut output = Self::new(json);
        output.colour = choice.on_stderr();
        output
    }

    /// Any two streams, without colour.
    #[must_use]
    pub fn to(json: bool, out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        Self {
            json,
            colour: false,
            out: Mutex::new(Box::new(out)),
            err: Mutex::new(Box::new(err)),
        }
    }

    /// Whether results are JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        self.json
    }

    /// Writes the one result of a command: `value` as one JSON document, or what `human` writes.
    ///
    /// # Errors
    /// When stdout cannot be written (such as [`io::ErrorKind::BrokenPipe`]) or `value` is not JSON.
    pub fn result<T: Serialize + ?Sized>(
        &self,
        value: &T,
        human: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        // made first, so that nobody sees half a document or half a line of two threads
        let mut text = Vec::new();
        if self.json {
            serde_json::to_writer(&mut text, value)?;
            text.push(b'\n');
        } else {
            human(&mut text)?;
            text = harmless(&String::from_utf8_lossy(&text)).into_owned().into_bytes();
        }
        let mut out = lock(&self.out);
        out.write_all(&text)?;
        out.flush()
    }

    /// Writes the one result of a command: `value` as one JSON document, or `lines`.
    ///
    /// # Errors
    /// Those of [`result`](Self::result).
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, lines: &[String]) -> io::Result<()> {
        self.result(value, |out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))
    }

    /// Writes `bytes` to stdout as they are.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = lock(&self.out);
        out.write_all(bytes)?;
        out.flush()
    }

    /// Writes one of many results at once: `value` as one JSON object on its own line, or what `human` writes.
    ///
    /// # Errors
    /// Those of [`result`](Self::result).
    pub fn line<T: Serialize + ?Sized>(
        &self,
        value: &T,
        human: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.result(value, human)
    }

    /// Tells people something on stderr; says nothing with JSON.
    pub fn note(&self, text: impl Display) {
        if !self.json {
            self.tell(&format!("{}\n", harmless(&text.to_string())));
        }
    }

    /// Warns on stderr, with JSON as `{"warning":"…"}`.
    pub fn warn(&self, text: impl Display) {
        if self.json {
            self.tell(&format!("{}\n", serde_json::json!({ "warning": text.to_string() })));
        } else {
            let text = text.to_string();
            self.tell(&format!("{} {}\n", self.paint(WARNING, "Warning:"), harmless(&text)));
        }
    }

    /// Says on stderr why the command failed: `Error: <message>` and `  hint: <hint>`, or with JSON
    /// `{"error":{"code","message","hint"?}}`.
    pub fn fail(&self, failure: &Failure) {
        if self.json {
            self.tell(&format!("{}\n", failure.to_json()));
            return;
        }
        let mut text = format!("{} {}\n", self.paint(ERROR, "Error:"), harmless(&failure.message));
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("  {} {}\n", self.paint(HINT, "hint:"), harmless(hint)));
        }
        self.tell(&text);
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Without stderr there is nobody to tell that there is no stderr.
    fn tell(&self, text: &str) {
        let mut err = lock(&self.err);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

/// What `--color` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// Whether stderr takes colour.
    #[must_use]
    pub fn on_stderr(self) -> bool {
        match self {
            Self::Auto => colour_on_stderr(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl From<ColorChoice> for clap::ColorChoice {
    fn from(choice: ColorChoice) -> Self {
        match choice {
            ColorChoice::Auto => Self::Auto,
            ColorChoice::Always => Self::Always,
            ColorChoice::Never => Self::Never,
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("json", &self.json)
            .field("colour", &self.colour)
            .finish_non_exhaustive()
    }
}

/// `text` without what would make a terminal do more than show it: what servers and peers wrote stands in it. Control
/// characters but ends of line and tabs, and those that turn the direction of writing, become U+FFFD.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    let acts = |c: char| match c {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    if text.contains(acts) {
        text.replace(acts, "\u{fffd}").into()
    } else {
        text.into()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether stderr takes colour.
pub(crate) fn colour_on_stderr() -> bool {
    wants_colour(
        io::stderr().is_terminal(),
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        std::env::var_os("TERM").is_some_and(|term| term == "dumb"),
    )
}

fn wants_colour(terminal: bool, no_color: bool, dumb: bool) -> bool {
    terminal && !no_color && !dumb
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_others_wrote_does_not_drive_the_terminal() {
        let evil = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}b\r\tc\nd\u{e9}";
        let (out, err) = (Shared::default(), Shared::default());
        let output = Output::to(false, out.clone(), err.clone());
        output.result(&(), |out| write!(out, "{evil}")).unwrap();
        output.note(evil);
        output.warn(evil);
        for written in [out, err] {
            let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(
                written.contains("a\u{fffd}]0;x\u{fffd}\u{fffd}2J\u{fffd}b\u{fffd}\tc\nd\u{e9}"),
                "{written:?}"
            );
            let harmful = |c: char| c != '\n' && c != '\t' && c.is_control();
            assert!(!written.contains(harmful), "{written:?}");
        }
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn output(json: bool) -> (Output, Shared, Shared) {
        let (out, err) = (Shared::default(), Shared::default());
        (Output::to(json, out.clone(), err.clone()), out, err)
    }

    #[derive(Serialize)]
    struct Agent {
        name: &'static str,
    }

    const AGENT: Agent = Agent { name: "alice" };

    #[test]
    fn a_result_is_for_people_or_for_programs() {
        let (output, out, err) = output(false);
        output
            .result(&AGENT, |out| writeln!(out, "created {}", AGENT.name))
            .unwrap();
        assert_eq!(out.text(), "created alice\n");
        assert_eq!(err.text(), "");

        let (output, out, _) = self::output(true);
        output.line(&AGENT, |_| panic!("not asked for")).unwrap();
        output.line(&AGENT, |_| panic!("not asked for")).unwrap();
        assert_eq!(out.text(), "{\"name\":\"alice\"}\n{\"name\":\"alice\"}\n");
    }

    #[test]
    fn what_is_no_result_stays_off_stdout() {
        let (output, out, err) = output(false);
        output.note("working");
        output.warn("old file");
        output.fail(&Failure::new("X", "no such agent").with_hint("create it"));
        assert_eq!(out.text(), "");
        assert_eq!(
            err.text(),
            "working\nWarning: old file\nError: no such agent\n  hint: create it\n"
        );
    }

    #[test]
    fn with_json_stderr_is_json_too() {
        let (output, _, err) = output(true);
        output.note("working");
        output.warn("old file");
        output.fail(&Failure::new("X", "no such agent"));
        let lines: Vec<serde_json::Value> = err
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let failure = serde_json::json!({ "error": { "code": "X", "message": "no such agent" } });
        assert_eq!(lines, [serde_json::json!({ "warning": "old file" }), failure]);
    }

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        assert!(wants_colour(true, false, false));
        assert!(!wants_colour(false, false, false));
        assert!(!wants_colour(true, true, false));
        assert!(!wants_colour(true, false, true));
    }

    #[test]
    fn a_failing_human_writer_writes_nothing() {
        let (output, out, _) = output(false);
        let result = output.result(&AGENT, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("stop"))
        });
        assert!(result.is_err());
        assert_eq!(out.text(), "");
    }
}
