//! What every command line of Chancery shares: output, failures and exit codes, secrets, prompts, logs, completions.
//!
//! Results go to stdout, everything else to stderr, so that a pipe carries results only. With `--json` every result is
//! one JSON document and a failure is one JSON object on stderr.

pub mod checks;
mod codes;
pub mod completions;
mod failure;
pub mod logs;
mod output;
pub mod prompt;
pub mod secret;
mod tty;
pub mod usage;

pub use chancery_base::Category;
pub use failure::{EXIT_FAILURE, EXIT_OK, EXIT_USAGE, Failure};
pub use output::{ColorChoice, Output, harmless};
