//! `chancery signet` as a process.

use std::net::SocketAddr;

use serde_json::Value;

use super::Home;
use crate::{Process, binary};

/// The daemon of a home.
#[derive(Debug)]
pub struct Daemon {
    /// The process; it can be killed and started again.
    pub process: Process,
}

impl Daemon {
    /// One that does not run yet.
    #[must_use]
    pub fn new(home: &Home) -> Self {
        let said = home.dir().join("signet.stdout");
        // each start says where it serves; what a dead one said does not count
        let ready = move || {
            let lines = std::fs::read_to_string(&said).unwrap_or_default();
            last(&lines).is_some_and(|line| std::path::Path::new(&format!("/proc/{}", line["pid"])).exists())
        };
        let mut process = Process::new("signet", home.dir(), &binary::chancery(), ["signet"], ready);
        for (name, value) in home.variables() {
            process.set(&name, &value);
        }
        Self { process }
    }

    /// What it said when it served.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    pub fn started(&self) -> Value {
        last(&self.process.stdout()).expect("a line on stdout")
    }

    /// Where harnesses connect.
    ///
    /// # Panics
    /// When it has not said that.
    #[must_use]
    pub fn ws(&self) -> SocketAddr {
        let url = self.started()["ws"].as_str().expect("a URL").to_owned();
        url.trim_start_matches("ws://").parse().expect("an address")
    }
}

fn last(lines: &str) -> Option<Value> {
    let whole = lines.strip_suffix('\n')?;
    serde_json::from_str(whole.lines().last()?).ok()
}
