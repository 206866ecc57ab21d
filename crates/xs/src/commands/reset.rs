//! `xs reset`: everything that the signet keeps here goes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use chancery_base::Clock as _;
use chancery_signet_config::{DataDir, Paths};
use chancery_signet_wire::{
    Class, Reference,
    action::{
        Call,
        input::{CredentialList, CredentialRevoke, Nothing},
    },
};
use clap::{ArgAction, Args};
use serde::Serialize;

use crate::{
    Problem,
    client::{Client, Unreachable, owner},
    context::Context,
    problem::Result,
    system::SystemClock,
    tree::Tree,
    view::View,
};

/// Files that open others: they are written over before they go.
const SECRETS: [&str; 4] = ["vault.json", "vault.key", "vault-passphrase", "secrets"];
/// How long the daemon may take to end.
const STOP: Duration = Duration::from_secs(30);

/// Arguments of `reset`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xs reset
  xs reset --stop --force
  xs reset --force --all --keep-audit=false

With the daemon running, credentials are revoked first, so that their chats are told. The configuration stays unless --all.")]
pub struct Arguments {
    /// Do it; otherwise it is only listed what would be done
    #[arg(long)]
    force: bool,
    /// End the daemon, if it runs
    #[arg(long)]
    stop: bool,
    /// Remove the configuration as well
    #[arg(long)]
    all: bool,
    /// Do not revoke credentials first: chats are not told
    #[arg(long)]
    offline: bool,
    /// Save the audit log before its database goes
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true"
    )]
    keep_audit: bool,
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
struct Answer {
    executed: bool,
    actions: Vec<String>,
}

/// What is to be done.
struct Plan {
    client: Option<Client>,
    credentials: Vec<Reference>,
    audit: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let paths = context.paths()?;
    let plan = Plan::of(arguments, &paths, context)?;
    let answer = Answer {
        executed: arguments.force,
        actions: plan.lines(),
    };
    if arguments.force {
        plan.execute(&paths, context)?;
    }
    context.output.value(&answer, View::Lines(super::plan_lines))?;
    if !arguments.force {
        context.output.rehearsal("remove everything that the signet keeps here");
    }
    Ok(())
}

impl Plan {
    fn of(arguments: &Arguments, paths: &Paths, context: &Context) -> Result<Self> {
        let mut client = match Client::connect(&context.door()?) {
            Ok(_) if !arguments.stop => {
                return Err(Problem::new(Class::Validation, "the daemon runs").with_hint("xs reset --stop"));
            }
            Ok(client) => Some(client),
            Err(Unreachable::Stopped(_)) => None,
            Err(unreachable) => return Err(unreachable.into()),
        };
        let data = paths.data();
        let audit = if !arguments.keep_audit || !data.database().exists() {
            None
        } else if client.is_some() {
            Some(saved_log(paths))
        } else {
            let problem = Problem::new(Class::Validation, "only a running daemon can save its audit log");
            return Err(problem.with_hint("xs daemon start --daemon, then xs reset --stop; or --keep-audit=false"));
        };
        let credentials = match &mut client {
            Some(client) if !arguments.offline => {
                let all = client.call(&Call::CredentialList(CredentialList::default()))?;
                let ids = all.entries().iter().filter_map(|entry| entry.at("id"));
                ids.filter_map(|id| id.inline().parse().ok()).collect()
            }
            _ => Vec::new(),
        };
        let mut there = entries(&data);
        there.push(paths.owner());
        there.extend([paths.pid_file(), paths.admin_socket()]);
        if arguments.all {
            there.push(context.config_path());
        }
        there.retain(|path| path.symlink_metadata().is_ok());
        there.sort();
        there.dedup();
        Ok(Self {
            client,
            credentials,
            audit,
            paths: there,
        })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .credentials
            .iter()
            .map(|id| format!("revoke credential {id}"))
            .collect();
        lines.extend(
            self.audit
                .iter()
                .map(|path| format!("save the audit log to {}", path.display())),
        );
        lines.extend(self.client.iter().map(|_| "stop the daemon".to_owned()));
        lines.extend(self.paths.iter().map(|path| format!("remove {}", path.display())));
        lines
    }

    fn execute(mut self, paths: &Paths, context: &Context) -> Result<()> {
        if let Some(client) = &mut self.client {
            for credential in self.credentials.drain(..) {
                let input = CredentialRevoke {
                    credential_id: credential,
                    reason: None,
                };
                owner::call(client, &Call::CredentialRevoke(input), context)?;
            }
            if let Some(path) = &self.audit {
                let log = client.call(&Call::AdminLogsExport(Nothing {}))?;
                save(path, &log).map_err(|error| failed("write", path, &error))?;
            }
        }
        if self.client.take().is_some() {
            super::daemon::stop(false, STOP, context)?;
        }
        for path in &self.paths {
            remove(path).map_err(|error| failed("remove", path, &error))?;
        }
        // what is not ours keeps the folder
        let _ = fs::remove_dir(paths.data().path());
        Ok(())
    }
}

/// What is ours in the folder. Anything else in it stays: a folder that is configured wrongly may be somebody's home.
fn entries(data: &DataDir) -> Vec<PathBuf> {
    DataDir::ENTRIES.map(|name| data.path().join(name)).to_vec()
}

fn saved_log(paths: &Paths) -> PathBuf {
    paths
        .audit_log()
        .with_file_name(format!("audit-before-reset-{}.jsonl", SystemClock.now().0))
}

fn save(path: &Path, log: &Tree) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for entry in log.entries() {
        serde_json::to_writer(&mut file, entry)?;
        file.write_all(b"\n")?;
    }
    file.sync_all()
}

/// Removes a file, or a folder with what is in it; of a link the link.
fn remove(path: &Path) -> io::Result<()> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        // the daemon took it along when it ended
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?.path();
            if is_secret(&entry) || is_secret(path) {
                overwrite(&entry)?;
            }
        }
        return fs::remove_dir_all(path);
    }
    if found.is_file() && is_secret(path) {
        overwrite(path)?;
    }
    fs::remove_file(path)
}

fn is_secret(path: &Path) -> bool {
    SECRETS
        .iter()
        .any(|name| path.file_name().is_some_and(|found| found == *name))
}

/// Puts zeros over a file. File systems that copy on write, and flash, may keep the old bytes all the same.
fn overwrite(path: &Path) -> io::Result<()> {
    let found = path.symlink_metadata()?;
    if !found.is_file() {
        return Ok(());
    }
    let mut file: File = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut io::Read::take(io::repeat(0), found.len()), &mut file)?;
    file.sync_all()
}

fn failed(action: &str, path: &Path, error: &io::Error) -> Problem {
    Problem::internal(format!("cannot {action} {}: {error}", path.display()))
}
