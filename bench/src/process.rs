//! A server in a process of its own, its CPU time, and the machine.

use std::{path::PathBuf, process::Stdio};

use anyhow::Context as _;
use clap::Args;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// Options of a server process.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Folder for its files.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Keep the default limits of the server under test.
    #[arg(long)]
    pub(crate) default_limits: bool,
}

/// A folder for the files of one server, removed when it is dropped. Not in /tmp, which may be in memory: durability is what
/// is measured.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    let in_target = tempfile::Builder::new()
        .prefix("chancery-bench-")
        .tempdir_in(std::env::current_dir()?.join("target"));
    Ok(in_target.or_else(|_| tempfile::tempdir())?)
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) address: String,
    /// Messages sent through it so far, so that ids never repeat.
    pub(crate) sent: usize,
    ours: bool,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start(kind: &str, more: &[&str]) -> anyhow::Result<Self> {
        let dir = folder()?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(kind)
            .arg("--dir")
            .arg(dir.path())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().context("no stdin")?;
        let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let address = stdout.next_line().await?.context("the server said nothing")?;
        Ok(Self {
            child,
            stdin,
            stdout,
            address,
            sent: 0,
            ours: kind == "serve-ours",
            _dir: dir,
        })
    }

    /// Whether it is the relay under test.
    pub(crate) fn is_ours(&self) -> bool {
        self.ours
    }

    /// Has the server queue messages until `total` wait for agents that are away.
    pub(crate) async fn fill(&mut self, total: usize) -> anyhow::Result<()> {
        self.ask(&format!("fill {total}")).await?;
        Ok(())
    }

    /// Has the server do something; the line that it answers.
    pub(crate) async fn ask(&mut self, what: &str) -> anyhow::Result<String> {
        self.stdin.write_all(format!("{what}\n").as_bytes()).await?;
        let answer = self.stdout.next_line().await?;
        answer.context("the server ended")
    }

    /// Memory of the server that is in RAM, bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<f64> {
        let pid = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no VmRSS")?;
        Ok(kib.trim().parse::<f64>()? * 1024.0)
    }

    /// User and system time of the server so far, microseconds.
    pub(crate) fn cpu_us(&self) -> anyhow::Result<f64> {
        let pid = self.child.id().context("the server has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // the command is in parentheses and may hold anything; fields are counted after it
        let fields: Vec<&str> = stat.rsplit_once(')').context("no stat")?.1.split_whitespace().collect();
        let ticks: u64 =
            fields.get(11).context("no utime")?.parse::<u64>()? + fields.get(12).context("no stime")?.parse::<u64>()?;
        // Linux has counted in hundredths of a second since 2.6 (proc(5), USER_HZ)
        Ok(ticks as f64 * 10_000.0)
    }
}

pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(" unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{cores} cores,{}", model.trim_start_matches([' ', '\t', ':']).trim())
}
