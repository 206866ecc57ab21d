//! `xs completion`: a script that completes commands and options in a shell.

use chancery_terminal::completions::{self, Shell};
use clap::{Args, CommandFactory as _};

use crate::{Problem, cli::Cli, context::Context, problem::Result};

/// Arguments of `completion`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xs completion bash > ~/.local/share/bash-completion/completions/xs
  xs completion zsh > ~/.zfunc/_xs
  xs completion fish > ~/.config/fish/completions/xs.fish")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut script = Vec::new();
    completions::write(arguments.shell, &mut Cli::command(), &mut script).map_err(|error| Problem::stdout(&error))?;
    context.output.bytes(&String::from_utf8_lossy(&script))
}
