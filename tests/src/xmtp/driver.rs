//! One process of Node with one generation of the SDK: requests, answers and events as lines of JSON.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{Client, Event, Generation, Options, Sdk};
use crate::{command::clean, wait};

/// How long one operation may take: the SDK tries several times for some seconds each while the node is away.
const PATIENCE: Duration = Duration::from_secs(90);

/// The SDK refused or failed; its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // what follows is statistics
        f.write_str(self.0.split("\n ====").next().unwrap_or_default())
    }
}

/// A process of Node with clients of one generation. Dropping the last handle kills it, and its clients with it.
#[derive(Debug, Clone)]
pub struct Driver {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    generation: Generation,
    version: String,
    child: Mutex<Child>,
    stdin: Mutex<ChildStdin>,
    next: AtomicU64,
    heard: Arc<Heard>,
    log: PathBuf,
}

/// What came from the process.
#[derive(Debug, Default)]
struct Heard {
    /// Who waits, by the request's id. None once the process is gone.
    waiting: Mutex<Option<HashMap<u64, mpsc::Sender<Value>>>>,
    /// Events of streams, by `client/stream`.
    events: Mutex<HashMap<String, Vec<Event>>>,
}

impl Driver {
    /// Starts one whose clients talk to the node at `url`. Its stderr goes to a file in `dir`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(sdk: &Sdk, generation: Generation, url: &str, dir: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = dir.join(format!("sdk-{}-{number}.log", generation.major()));
        let mut command = Command::new(sdk.node());
        command.arg(Sdk::script()).arg("--modules").arg(sdk.modules());
        command.args(["--sdk", generation.major(), "--node", url]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(&log).expect("a file for output"));
        clean(&mut command);
        let mut child = command.spawn().expect("node, to run the SDK");
        let stdin = Mutex::new(child.stdin.take().expect("a pipe"));
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));

        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let ready: Value = serde_json::from_str(&first).unwrap_or_else(|_| {
            panic!(
                "the SDK did not load: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
        });
        let heard = Arc::new(Heard::default());
        *heard.waiting.lock().unwrap() = Some(HashMap::new());
        let for_reader = Arc::clone(&heard);
        std::thread::spawn(move || for_reader.read(lines));
        Self {
            inner: Arc::new(Inner {
                generation,
                version: ready["ready"]["sdk"].as_str().expect("a version").to_owned(),
                child: Mutex::new(child),
                stdin,
                next: AtomicU64::new(1),
                heard,
                log,
            }),
        }
    }

    /// The SDK's generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.inner.generation
    }

    /// The SDK's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// A registered client with a new wallet and its database in memory.
    ///
    /// # Panics
    /// When it cannot be registered.
    #[must_use]
    pub fn client(&self, name: &str) -> Client {
        self.client_with(name, &Options::default())
    }

    /// The same, as `options` say.
    ///
    /// # Panics
    /// When it cannot be registered.
    #[must_use]
    pub fn client_with(&self, name: &str, options: &Options) -> Client {
        Client::create(self, name, options).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Asks for an operation of `tests/xmtp/operations.mjs` and waits for its answer.
    ///
    /// # Errors
    /// What the SDK said when it failed.
    ///
    /// # Panics
    /// When the process is gone, or does not answer.
    pub fn ask(&self, operation: &str, mut parameters: Value) -> Result<Value, Refused> {
        let id = self.number();
        parameters["id"] = json!(id);
        parameters["op"] = json!(operation);
        let (sender, answer) = mpsc::channel();
        match self.inner.heard.waiting.lock().unwrap().as_mut() {
            Some(waiting) => waiting.insert(id, sender),
            None => panic!("{operation}: the SDK's process is gone:\n{}", self.log()),
        };
        let line = format!("{parameters}\n");
        let written = self.inner.stdin.lock().unwrap().write_all(line.as_bytes());
        let answer = written.ok().and_then(|()| answer.recv_timeout(PATIENCE).ok());
        let Some(mut answer) = answer else {
            panic!("no answer to {parameters} within {PATIENCE:?}:\n{}", self.log());
        };
        if answer["ok"] == true {
            return Ok(answer["result"].take());
        }
        Err(Refused(answer["error"].as_str().unwrap_or_default().to_owned()))
    }

    /// The process' id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let child = self.inner.child.lock();
        child.unwrap_or_else(std::sync::PoisonError::into_inner).id()
    }

    /// Kills the process (SIGKILL): its clients are gone from one moment to the next, their databases stay as they are.
    pub fn kill(&self) {
        self.inner.kill();
    }

    /// What it wrote to stderr.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.inner.log).unwrap_or_default()
    }

    /// Another one each time.
    pub(super) fn number(&self) -> u64 {
        self.inner.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn events(&self, stream: &str) -> Vec<Event> {
        self.inner
            .heard
            .events
            .lock()
            .unwrap()
            .get(stream)
            .cloned()
            .unwrap_or_default()
    }
}

impl Inner {
    fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Heard {
    fn read(&self, lines: BufReader<ChildStdout>) {
        for line in lines.lines() {
            let Some(heard) = line.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok()) else {
                break;
            };
            if let Some(id) = heard["id"].as_u64() {
                let waiting = self
                    .waiting
                    .lock()
                    .unwrap()
                    .as_mut()
                    .and_then(|waiting| waiting.remove(&id));
                // one whose patience ended does not listen any more
                let _ = waiting.map(|sender| sender.send(heard));
            } else {
                let name = |member: &str| heard[member].as_str().unwrap_or_default();
                let stream = format!("{}/{}", name("client"), name("stream"));
                let event = Event::of(name("event"), heard["value"].clone());
                self.events.lock().unwrap().entry(stream).or_default().push(event);
            }
        }
        // who waits still hears nothing more
        self.waiting.lock().unwrap().take();
    }
}

/// A stream of a client, open until it is closed or its process ends.
#[derive(Debug)]
pub struct Stream {
    driver: Driver,
    client: String,
    name: String,
}

impl Stream {
    pub(super) fn new(driver: Driver, client: &str, name: String) -> Self {
        Self {
            driver,
            client: client.to_owned(),
            name,
        }
    }

    /// What came so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.driver.events(&format!("{}/{}", self.client, self.name))
    }

    /// The texts of the messages that came so far, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let text = |event: &Event| Some(event.message()?.text()?.to_owned());
        self.events().iter().filter_map(text).collect()
    }

    /// Waits until something comes that `pick` takes.
    ///
    /// # Panics
    /// When nothing does.
    pub fn wait_for<T>(&self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        let what = format!("{what} in a stream of {}", self.client);
        wait::until(&what, || self.events().iter().find_map(&pick))
    }

    /// Waits until a message with this text comes.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_for_text(&self, text: &str) {
        self.wait_for(&format!("{text:?}"), |event| {
            (event.message()?.text()? == text).then_some(())
        });
    }

    /// Closes it.
    ///
    /// # Panics
    /// When the SDK refuses.
    pub fn close(self) {
        let closed = self
            .driver
            .ask("closeStream", json!({ "client": self.client, "stream": self.name }));
        closed.expect("closing a stream");
    }
}
