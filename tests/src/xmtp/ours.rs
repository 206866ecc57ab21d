//! `chancery xmtp shell` as a process: a request a line, an answer a line, and events between them.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use serde_json::Value;

use crate::{binary, command::clean};

/// How long one request may take: a commit that loses its race is made again, and a node may be away for some seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Our client refused or failed: its stable code, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OursRefused {
    /// Its code.
    pub code: String,
    /// Its words.
    pub error: String,
}

impl std::fmt::Display for OursRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.error)
    }
}

/// A shell over one inbox's file. Dropping it kills it.
#[derive(Debug)]
pub struct Shell {
    child: Mutex<Child>,
    /// Locked from a request to its answer: answers have no names, they come in order.
    talk: Mutex<(ChildStdin, mpsc::Receiver<Value>)>,
    events: Arc<Mutex<Vec<Value>>>,
    log: PathBuf,
}

impl Shell {
    /// Starts one. Its stderr goes to `log`, behind what is there.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(node: &str, db: &Path, log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let mut command = Command::new(binary::chancery());
        command.args(["xmtp", "shell", "--node", node, "--db"]).arg(db);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(file.expect("a file for output"));
        clean(&mut command);
        let mut child = command.spawn().expect("chancery");
        let stdin = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let (sender, answers) = mpsc::channel();
        let for_reader = Arc::clone(&events);
        std::thread::spawn(move || read(lines, &sender, &for_reader));
        Self {
            child: Mutex::new(child),
            talk: Mutex::new((stdin, answers)),
            events,
            log: log.to_owned(),
        }
    }

    /// Writes a line and waits for its answer.
    ///
    /// # Errors
    /// What the shell said when it refused.
    ///
    /// # Panics
    /// When the shell is gone, does not answer, or answers something else.
    pub fn ask(&self, line: &str) -> Result<Value, OursRefused> {
        let answer = self.try_ask(line).unwrap_or_else(|| {
            panic!("no answer to {line:?} within {PATIENCE:?}:\n{}", self.log());
        });
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer),
            Some(false) => Err(OursRefused {
                code: text("code"),
                error: text("error"),
            }),
            None => panic!("{line:?} was answered with {answer}"),
        }
    }

    /// The same; the answer as it came. None when the shell is gone, or does not answer.
    ///
    /// # Panics
    /// Never.
    pub fn try_ask(&self, line: &str) -> Option<Value> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdin, answers) = &mut *talk;
        stdin.write_all(format!("{line}\n").as_bytes()).ok()?;
        answers.recv_timeout(PATIENCE).ok()
    }

    /// Events that came so far, in order.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Its process id.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// What it wrote to stderr.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A line that is no JSON object ends it: who waits for an answer then says so.
fn read(lines: BufReader<ChildStdout>, answers: &mpsc::Sender<Value>, events: &Mutex<Vec<Value>>) {
    for line in lines.lines() {
        let Some(heard) = line.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok()) else {
            return;
        };
        if heard.get("event").is_some() {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
        } else if answers.send(heard).is_err() {
            return;
        }
    }
}
