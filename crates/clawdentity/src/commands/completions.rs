//! `clawdentity completions`: a script that completes commands and options in a shell.

use chancery_terminal::completions::{self, Shell};
use clap::{Args, CommandFactory as _};

use crate::{
    cli::Cli,
    context::{Context, stdout_failed},
    error::Result,
};

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  clawdentity completions bash > ~/.local/share/bash-completion/completions/clawdentity
  clawdentity completions zsh > ~/.zfunc/_clawdentity
  clawdentity completions fish > ~/.config/fish/completions/clawdentity.fish")]
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
    completions::write(arguments.shell, &mut Cli::command(), &mut script).map_err(|error| stdout_failed(&error))?;
    let script = String::from_utf8_lossy(&script);
    context
        .output
        .result(&script, |out| out.write_all(script.as_bytes()))
        .map_err(|error| stdout_failed(&error))
}
