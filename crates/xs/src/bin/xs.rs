//! The `xs` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    chancery_xs::run(std::env::args_os())
}
