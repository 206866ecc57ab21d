//! `xs daemon`: starting and stopping. The daemon itself is `chancery signet`, which holds the engines.
//!
//! What is between the two: it is run as `chancery signet [--config FILE]`, says on stdout one line of JSON when it serves
//! ([`Started`]) and nothing else there, logs to stderr, and ends at SIGTERM. In the background it has `XMTP_SIGNET_DAEMON_CHILD=1`
//! in its environment and is the leader of a session of its own.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Read as _},
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use chancery_signet_wire::{
    Category, Class,
    action::{Call, input::Stop},
    record::status::Started,
};
use clap::{Args, Subcommand};

use crate::{
    Problem,
    arguments::given,
    client::{Client, Unreachable},
    context::Context,
    problem::Result,
    tree::Tree,
    view::View,
};

/// How long a daemon in the background may take until it serves.
const START: Duration = Duration::from_secs(15);
/// How often it is looked whether it has ended.
const TICK: Duration = Duration::from_millis(20);
/// Longest first line, bytes: paths and an address.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// What a background child knows itself by.
const CHILD: &str = "XMTP_SIGNET_DAEMON_CHILD";
/// The program with the engines.
const PROGRAM: &str = "chancery";

/// Start and stop the daemon.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Start the daemon, here or in the background
    #[command(after_help = "Examples:
  xs daemon start
  xs daemon start --daemon

In the background it cannot ask for a passphrase: XMTP_SIGNET_PASSPHRASE_FILE names a file with it, or it starts locked.")]
    Start(Start),
    /// End the daemon, and wait until it has ended
    #[command(after_help = "Examples:\n  xs daemon stop\n  xs daemon stop --timeout 30000")]
    Stop(End),
    /// Show how the daemon fares
    #[command(after_help = "Examples:\n  xs daemon status")]
    Status,
}

/// How it is started.
#[derive(Debug, Args)]
pub struct Start {
    /// In the background: wait until it serves, and print where
    #[arg(long)]
    daemon: bool,
}

/// How it is ended.
#[derive(Debug, Args)]
pub struct End {
    /// How long to wait, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
    /// Without waiting for what is under way
    #[arg(long)]
    force: bool,
}

/// Runs it.
pub(crate) fn run(group: &Group, context: &Context) -> Result<()> {
    match group {
        Group::Start(Start { daemon: true }) => in_background(context),
        Group::Start(Start { daemon: false }) => here(context),
        Group::Stop(end) => {
            let data = stop(end.force, Duration::from_millis(end.timeout), context)?;
            context.output.data(&data, View::Auto)
        }
        Group::Status => super::status::run(context),
    }
}

/// Becomes the daemon.
fn here(context: &Context) -> Result<()> {
    let program = program()?;
    if env::var_os(CHILD).is_some() {
        // whoever started this has looked already. A session of its own: the terminal's end is not the daemon's
        rustix::process::setsid()
            .map_err(|error| Problem::internal(format!("cannot leave the terminal's session: {error}")))?;
    } else {
        check_startable(context)?;
    }
    let error = Command::new(&program).arg("signet").args(config(context)).exec();
    Err(not_run(&program, &error))
}

/// Starts it in the background and waits until it says that it serves.
fn in_background(context: &Context) -> Result<()> {
    // before anything is started: a program that is not there is told here, not in a log
    program()?;
    check_startable(context)?;
    let own = env::current_exe().map_err(|error| Problem::internal(format!("cannot find xs itself: {error}")))?;
    let log = context.paths()?.data().log();
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log)
        .map_err(|error| Problem::internal(format!("cannot write {}: {error}", log.display())))?;
    let before = file.metadata().map(|found| found.len()).unwrap_or_default();
    let child = Command::new(&own)
        .args(["daemon", "start"])
        .args(config(context))
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .spawn()
        .map_err(|error| not_run(&own, &error))?;
    let line = first_line(child, &log, before)?;
    let started: Started = serde_json::from_str(&line)
        .map_err(|_| Problem::internal("the daemon said something else than where it serves"))?;
    context.output.value(&started, View::Auto)
}

/// The line that the daemon says when it serves. One that does not is ended.
fn first_line(mut child: Child, log: &Path, before: u64) -> Result<String> {
    let (send, receive) = mpsc::channel();
    let Some(stdout) = child.stdout.take() else {
        return Err(Problem::internal("the daemon has no stdout"));
    };
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout.take(MAX_LINE_BYTES)).read_line(&mut line);
        // whoever waited may be gone
        let _ = send.send(read.map(|_| line));
    });
    match receive.recv_timeout(START) {
        Ok(Ok(line)) if line.ends_with('\n') => Ok(line),
        Ok(_) => {
            let code = child.wait().ok().and_then(|status| status.code());
            let class = Category::ALL
                .iter()
                .find(|category| code == Some(i32::from(category.exit_code())))
                .map_or(Class::Internal, |category| category.class());
            Err(
                Problem::new(class, format!("the daemon did not start: {}", last_words(log, before)))
                    .with_hint(format!("{} has more", log.display())),
            )
        }
        Err(_) => {
            // ours, and it is of no use to anybody
            let _ = child.kill();
            let _ = child.wait();
            let message = format!("the daemon did not start within {} s", START.as_secs());
            Err(Problem::new(Class::Timeout, message).with_hint(format!("{} has more", log.display())))
        }
    }
}

/// What was said last in the log after its first `before` bytes.
fn last_words(log: &Path, before: u64) -> String {
    let text = fs::read(log).unwrap_or_default();
    let since = usize::try_from(before).ok().and_then(|before| text.get(before..));
    let text = String::from_utf8_lossy(since.unwrap_or_default()).into_owned();
    let said: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let message = said.iter().rev().find_map(|line| line.strip_prefix("message: "));
    message.or(said.last().copied()).unwrap_or("it said nothing").to_owned()
}

/// No second daemon, and none without keys.
fn check_startable(context: &Context) -> Result<()> {
    let door = context.door()?;
    match Client::connect(&door) {
        Err(Unreachable::Stopped(_)) => {}
        Ok(_) | Err(Unreachable::Other(_)) => {
            let message = format!("a daemon answers on {} already", door.socket.display());
            return Err(Problem::new(Class::Validation, message).with_hint("xs daemon stop"));
        }
    }
    let vault = context.paths()?.data().vault();
    if vault.exists() {
        return Ok(());
    }
    let message = format!("there are no keys at {}", vault.display());
    Err(Problem::new(Class::Auth, message).with_hint("xs init"))
}

/// Ends the daemon and waits until nobody listens any more.
pub(crate) fn stop(force: bool, patience: Duration, context: &Context) -> Result<Tree> {
    let door = context.door()?;
    let begun = Instant::now();
    let mut client = Client::connect(&door)?;
    client.wait(Some(patience.max(TICK)))?;
    let data = client.call(&Call::SignetStop(Stop { force: given(force) }))?;
    drop(client);
    loop {
        match std::os::unix::net::UnixStream::connect(&door.socket) {
            Err(_) => return Ok(data),
            Ok(_) if begun.elapsed() >= patience => {
                let message = format!("the daemon did not end within {} ms", patience.as_millis());
                return Err(Problem::new(Class::Timeout, message).with_hint("xs daemon stop --force"));
            }
            Ok(_) => thread::sleep(TICK),
        }
    }
}

fn config(context: &Context) -> impl IntoIterator<Item = std::ffi::OsString> {
    let named = context.named_config();
    named.into_iter().flat_map(|path| ["--config".into(), path.into()])
}

/// `chancery` beside this program, else in a folder of `PATH`.
fn program() -> Result<PathBuf> {
    let beside = env::current_exe().ok().and_then(|own| own.parent().map(Path::to_owned));
    let folders = env::var_os("PATH").unwrap_or_default();
    // a relative folder is whatever the current one has
    let searched = env::split_paths(&folders).filter(|folder| folder.is_absolute());
    beside
        .into_iter()
        .chain(searched)
        .map(|folder| folder.join(PROGRAM))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Problem::new(
                Class::NotFound,
                format!("there is no program {PROGRAM} beside xs or in PATH"),
            )
            .with_hint("cargo build --release -p chancery")
        })
}

fn not_run(program: &Path, error: &std::io::Error) -> Problem {
    Problem::internal(format!("cannot run {}: {error}", program.display()))
}
