//! A double of the daemon: an admin socket that answers as a test tells it. It knows no rule of the signet's.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use super::Home;

/// What the double answers to a request.
pub enum Answer {
    /// It was done; this is the data.
    Data(Value),
    /// It was not: an error of JSON-RPC.
    Error(Value),
    /// It was done, and these lines come after it, by themselves.
    Then(Value, Vec<Value>),
    /// The connection ends.
    Gone,
}

/// The double, and what it was asked.
pub struct Double {
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Double {
    /// Listens where `home`'s daemon would, lets everybody in, and answers by `answer` (method and params).
    pub fn listen(home: &Home, answer: impl FnMut(&str, &Value) -> Answer + Send + 'static) -> Self {
        Self::at_the_door(
            home,
            json!({"jsonrpc": "2.0", "result": {"authenticated": true}}),
            answer,
        )
    }

    /// The same, with this answer to the first line.
    pub fn at_the_door(
        home: &Home,
        door: Value,
        mut answer: impl FnMut(&str, &Value) -> Answer + Send + 'static,
    ) -> Self {
        let socket = home.socket();
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // it ends with the test's process
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &door, &mut answer, &log);
            }
        });
        Self { asked }
    }

    /// The lines that came, in order.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// The requests that came: method and params.
    pub fn requests(&self) -> Vec<(String, Value)> {
        let requests = self.asked().into_iter().filter(|line| line["method"].is_string());
        requests
            .map(|line| (line["method"].as_str().unwrap().to_owned(), line["params"].clone()))
            .collect()
    }
}

fn serve(
    mut stream: UnixStream,
    door: &Value,
    answer: &mut impl FnMut(&str, &Value) -> Answer,
    log: &Mutex<Vec<Value>>,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut read = || {
        let line: Value = serde_json::from_str(&lines.next()?.ok()?).unwrap();
        log.lock().unwrap().push(line.clone());
        Some(line)
    };
    if read().is_none() {
        return;
    }
    let mut write = |line: &Value| stream.write_all(format!("{line}\n").as_bytes());
    if write(door).is_err() {
        return;
    }
    while let Some(line) = read() {
        let (data, later) = match answer(line["method"].as_str().unwrap(), &line["params"]) {
            Answer::Data(data) => (Ok(data), Vec::new()),
            Answer::Then(data, later) => (Ok(data), later),
            Answer::Error(error) => (Err(error), Vec::new()),
            Answer::Gone => return,
        };
        let meta = json!({
            "requestId": "c56a4180-65aa-42ec-a945-5fd21dec0538",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "durationMs": 1,
        });
        let written = match data {
            Ok(data) => {
                json!({"jsonrpc": "2.0", "id": line["id"], "result": {"ok": true, "data": data, "meta": meta}})
            }
            Err(error) => json!({"jsonrpc": "2.0", "id": line["id"], "error": error}),
        };
        if write(&written).is_err() || later.iter().any(|line| write(line).is_err()) {
            return;
        }
    }
}
