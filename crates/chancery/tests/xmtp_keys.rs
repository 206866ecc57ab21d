//! `chancery xmtp` with the keys of an inbox elsewhere than beside it, and with the wrong ones.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A node in a process of its own, which ends with it.
struct Node {
    process: Child,
    url: String,
}

impl Node {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_chancery"))
            .args(["xmtp-node", "--listen", "127.0.0.1:0", "--json", "--data-dir"])
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut told)
            .unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let url = told["listening"].as_str().unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A node, and folders that only their owner reads.
struct Place {
    node: Node,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        for folder in ["node", "inbox", "keys"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::set_permissions(dir.path().join(folder), Permissions::from_mode(0o700)).unwrap();
        }
        Self {
            node: Node::start(&dir.path().join("node")),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What `chancery xmtp` answers, or with which code it ends.
    fn xmtp<A: AsRef<OsStr>>(&self, command: &str, arguments: &[A]) -> Result<Value, String> {
        let done = Command::new(env!("CARGO_BIN_EXE_chancery"))
            .args(["xmtp", command, "--json", "--node", &self.node.url, "--db"])
            .arg(self.path("inbox/me.db"))
            .args(arguments)
            .output()
            .unwrap();
        if done.status.success() {
            return Ok(serde_json::from_slice(&done.stdout).unwrap());
        }
        assert_eq!((done.status.code(), &done.stdout[..]), (Some(1), &b""[..]));
        let failure: Value = serde_json::from_slice(&done.stderr).unwrap();
        Err(failure["error"]["code"].as_str().unwrap().to_owned())
    }

    /// Writes a key as its owner would.
    fn key(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    /// All files beside the inbox and among the keys, and what is in them.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for folder in ["inbox", "keys"] {
            for entry in fs::read_dir(self.path(folder)).unwrap() {
                let path = entry.unwrap().path();
                // it names who had the inbox last
                if path.extension() == Some("lock".as_ref()) {
                    continue;
                }
                let bytes = fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
        files.sort();
        files
    }
}

#[test]
fn an_inbox_whose_keys_lie_elsewhere_has_none_beside_it() {
    let place = Place::new();
    let key = place.path("keys/me.key");
    let wallet = place.key("keys/wallet", &"11".repeat(32), 0o600);
    let keys = [
        "--key-file".as_ref(),
        key.as_os_str(),
        "--wallet-file".as_ref(),
        wallet.as_os_str(),
    ];
    let made = place.xmtp("new", &keys).unwrap();
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for ending in ["key", "wallet"] {
        assert!(!place.path(&format!("inbox/me.db.{ending}")).exists(), "{ending}");
    }
    assert_eq!(place.xmtp("info", &keys).unwrap(), made);
    assert_eq!(place.xmtp("new", &keys).unwrap(), made);
    // the wallet is needed by nobody who only reads and writes
    let listed = place.xmtp("list", &keys[..2]).unwrap();
    assert!(listed.is_object(), "{listed}");
}

#[test]
fn a_wrong_key_is_told_and_changes_nothing() {
    let place = Place::new();
    let key = place.path("keys/me.key");
    let made = place.xmtp("new", &["--key-file".as_ref(), key.as_os_str()]).unwrap();
    let wrong = place.key("keys/wrong", &"22".repeat(32), 0o600);
    let garbage = place.key("keys/garbage", "hunter2", 0o600);
    let public = place.key("keys/public", &fs::read_to_string(&key).unwrap(), 0o644);
    let missing = place.path("keys/missing");
    let before = place.files();
    for (given, code) in [
        (Some(&wrong), "XMTP_INBOX_KEY"),
        (Some(&garbage), "XMTP_INBOX_KEY_MALFORMED"),
        (Some(&public), "XMTP_INBOX_KEY_PUBLIC"),
        (Some(&missing), "XMTP_INBOX_KEY_MISSING"),
        // beside the inbox there is none
        (None, "XMTP_INBOX_KEY_MISSING"),
    ] {
        let mut arguments: Vec<&OsStr> = Vec::new();
        if let Some(given) = given {
            arguments.extend(["--key-file".as_ref(), given.as_os_str()]);
        }
        for command in ["info", "list", "new"] {
            let told = place.xmtp(command, &arguments);
            assert_eq!(told, Err(code.to_owned()), "{command} {given:?}");
            assert_eq!(place.files(), before, "{command} {given:?}");
        }
    }
    let right = ["--key-file".as_ref(), key.as_os_str()];
    assert_eq!(place.xmtp("info", &right).unwrap(), made);
}
