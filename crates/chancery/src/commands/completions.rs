//! `chancery completions`.

use chancery_terminal::{Failure, Output, completions};
use clap::{Args, CommandFactory as _};

use crate::{cli::Cli, error::Error};

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chancery completions bash > ~/.local/share/bash-completion/completions/chancery
  chancery completions zsh > ~/.zfunc/_chancery
  chancery completions fish > ~/.config/fish/completions/chancery.fish")]
pub struct Arguments {
    /// The shell
    shell: completions::Shell,
}

/// Runs it.
///
/// # Errors
/// [`Error::Output`] when stdout cannot be written.
pub fn run(arguments: &Arguments, _: &Output) -> Result<(), Failure> {
    // a script is a script, whatever --json says about results
    Output::new(false)
        .result(&(), |out| completions::write(arguments.shell, &mut Cli::command(), out))
        .map_err(Error::Output)?;
    Ok(())
}
