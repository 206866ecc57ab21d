//! Chores of the workspace: `cargo xtask <chore>`.
// Printing its findings is all that this program is for.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod layers;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <chore>

Chores:
  layers   check every import between crates against layers.toml
  help     print this
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] | ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["layers"] => layers::run().unwrap_or_else(|error| {
            eprintln!("cargo xtask layers: {error:#}");
            ExitCode::from(2)
        }),
        other => {
            eprintln!("unknown chore: {}\n\n{HELP}", other.join(" "));
            ExitCode::from(2)
        }
    }
}
