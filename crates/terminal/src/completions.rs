//! Completion scripts for shells.

use std::io::{self, Write};

use clap::Command;
use clap_complete::generate;

pub use clap_complete::Shell;

/// Writes the script that completes `command` in `shell`. Its name there is that of the command.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(shell: Shell, command: &mut Command, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // into memory first: the generator panics where writing fails, such as at `| head`
    let mut script = Vec::new();
    generate(shell, command, name, &mut script);
    out.write_all(&script)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command::new("clawdentity").subcommand(Command::new("agent").about("Agents"))
    }

    #[test]
    fn every_shell_gets_a_script_that_knows_the_subcommands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let mut script = Vec::new();
            write(shell, &mut command(), &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("clawdentity") && script.contains("agent"), "{shell}");
        }
    }

    #[test]
    fn a_closed_pipe_is_an_error_not_a_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = write(Shell::Bash, &mut command(), &mut Closed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
