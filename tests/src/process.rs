//! A server as a process: started, waited for, killed, started again.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{command::clean, wait};

/// What tells that a process is ready.
pub type Ready = Box<dyn Fn() -> bool + Send + Sync>;

/// A server. Dropping it kills it.
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
    stdout: PathBuf,
    log: PathBuf,
    ready: Ready,
    child: Option<Child>,
    starts: usize,
}

impl Process {
    /// Prepares `program`; nothing runs yet. Its output goes to `<dir>/<name>.stdout` and `<dir>/<name>.log`, behind what
    /// earlier starts wrote.
    pub fn new(
        name: &str,
        dir: &Path,
        program: &Path,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            variables: Vec::new(),
            stdout: dir.join(format!("{name}.stdout")),
            log: dir.join(format!("{name}.log")),
            ready: Box::new(ready),
            child: None,
            starts: 0,
        }
    }

    /// Sets a variable for the next start. Of our own environment it sees nothing but what a program needs to run at all.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it runs already, cannot be started, ends, or does not become ready.
    pub fn start(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Starts it and does not wait.
    ///
    /// # Panics
    /// When it runs already or cannot be started.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.stdout(append(&self.stdout)).stderr(append(&self.log));
        clean(&mut command);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        self.child = Some(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.name)),
        );
        self.starts += 1;
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it ends, or does not become ready.
    pub fn wait_ready(&mut self) {
        let what = format!("{} to be ready", self.name);
        let begin = std::time::Instant::now();
        while !(self.ready)() {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().expect("a child")) {
                panic!("{} ended with {status}:\n{}", self.name, self.log());
            }
            assert!(
                begin.elapsed() < wait::PATIENCE,
                "waited in vain for {what}:\n{}",
                self.log()
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it was started and has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.starts
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        let id = self.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(id.expect("a running process"), signal).expect("a signal");
    }

    /// Kills it (SIGKILL) and waits until it is gone. Nothing when it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills it and starts it again: the same arguments, port and files.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub fn stop(&mut self) -> ExitStatus {
        self.end_with(Signal::TERM)
    }

    /// The same with another signal.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub fn end_with(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        let mut child = self.child.take().expect("a running process");
        wait::until(&format!("{} to end", self.name), || child.try_wait().expect("a child"))
    }

    /// What it wrote to stderr, over all starts.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// What it wrote to stdout, over all starts.
    #[must_use]
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- {} wrote:\n{}", self.name, self.log());
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.name)
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a file for output")
}

fn read(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
