//! The `safeclaw` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    chancery_safeclaw::run(std::env::args_os())
}
