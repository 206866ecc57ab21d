//! The `clawdentity` command.
//!
//! [`run`] is all that the two binaries call. Other programs and tests use [`execute`] with their own [`Context`]: the same
//! steps, the same files, other streams.

pub mod cli;
mod code;
pub mod commands;
mod context;
pub mod credentials;
pub mod env;
mod error;
pub mod keyring;
mod pairing;
mod qr;
pub mod state;
mod usage;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc};

use chancery_terminal::{Output, logs};
use clap::{CommandFactory as _, Parser as _};

pub use code::Code;
pub use context::Context;
pub use env::Env;
pub use error::{CliError, RemoteCodes, Result};

use cli::Cli;

/// Runs the command that `arguments` name (the first is the program) and returns the exit code of the process: 0 done, 1
/// failed, 2 called wrongly.
pub fn run<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &arguments),
    };
    logs::init("warn");
    let output = Arc::new(Output::new(cli.global.json));
    let result = context(&cli, &output).and_then(|context| block_on(execute(cli, &context)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_shown() {
                output.fail(&(&error).into());
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs `cli` on the current runtime.
///
/// # Errors
/// Whatever the command fails with.
pub async fn execute(cli: Cli, context: &Context) -> Result<()> {
    match cli.command {
        Some(command) => Box::pin(commands::run(command, context)).await,
        None => {
            let help = Cli::command().render_help();
            let write = |out: &mut dyn std::io::Write| write!(out, "{help}");
            // help is for people, whatever --json says about results
            Output::new(false)
                .result(&(), write)
                .map_err(|error| context::stdout_failed(&error))
        }
    }
}

fn context(cli: &Cli, output: &Arc<Output>) -> Result<Context> {
    let env = Env::of_process();
    let home = cli
        .global
        .home_dir
        .clone()
        // a path, which need not be text
        .or_else(|| std::env::var_os("HOME").map(PathBuf::from));
    let home = home.filter(|home| !home.as_os_str().is_empty());
    let home = home.ok_or_else(|| CliError::new(Code::HomeRequired, "HOME is not set"))?;
    let home = std::path::absolute(&home).unwrap_or(home);
    Ok(Context::new(&home, env, Arc::clone(output)))
}

fn block_on(future: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| CliError::new(Code::StateFailed, format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(future);
    // a file lock that another process holds must not keep this one from ending
    runtime.shutdown_background();
    result
}
