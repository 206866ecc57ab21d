//! What command lines come to: which action, with which input.

mod lines;
mod seeds;

use clap::Parser as _;
use serde_json::Value;

use crate::{
    Problem,
    cli::Cli,
    commands::Plan,
    step::{Ask, Step},
};

/// The words of a line, as a shell has them: blanks part them, double quotes keep them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn plan(line: &str) -> Result<Plan, Problem> {
    let cli = Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
    cli.command.unwrap().plan()
}

/// What is asked of the daemon.
#[track_caller]
fn ask(line: &str) -> Ask {
    match plan(line) {
        Ok(Plan::Ask(Step::Ask(ask))) => *ask,
        other => panic!("{line}: {other:?}"),
    }
}

/// The action and its input.
#[track_caller]
fn call(line: &str) -> (&'static str, Value) {
    let call = ask(line).call;
    (call.id(), call.params().unwrap().into())
}

/// What would be done, of a line that does nothing.
#[track_caller]
fn rehearsal(line: &str) -> String {
    match plan(line) {
        Ok(Plan::Ask(Step::Rehearse(what))) => what,
        other => panic!("{line}: {other:?}"),
    }
}
