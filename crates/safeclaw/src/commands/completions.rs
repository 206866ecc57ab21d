//! `safeclaw completions`: a script that completes commands and options in a shell.

use chancery_terminal::{
    Failure,
    completions::{self, Shell},
};
use clap::{Args, CommandFactory as _};

use crate::{Context, Result, cli::Cli};

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  safeclaw completions bash > ~/.local/share/bash-completion/completions/safeclaw
  safeclaw completions zsh > ~/.zfunc/_safeclaw
  safeclaw completions fish > ~/.config/fish/completions/safeclaw.fish")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Runs it.
///
/// # Errors
/// When stdout is gone.
pub fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut script = Vec::new();
    completions::write(arguments.shell, &mut Cli::command(), &mut script).map_err(|error| Failure::stdout(&error))?;
    let script = String::from_utf8_lossy(&script);
    Ok(context
        .output
        .result(&script, |out| out.write_all(script.as_bytes()))
        .map_err(|error| Failure::stdout(&error))?)
}
