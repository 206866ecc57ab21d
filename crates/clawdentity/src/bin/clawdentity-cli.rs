//! The `clawdentity` command, under the name that the published package installs.

use std::process::ExitCode;

fn main() -> ExitCode {
    chancery_clawdentity::run(std::env::args_os())
}
