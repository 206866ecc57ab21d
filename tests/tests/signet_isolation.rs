//! What a harness can do beside its credential: under the daemon's own user everything, which is said; under another user
//! nothing.
//!
//! The tests with another user need root, who can start programs as anybody: otherwise they are skipped.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chancery_tests::{
    binary,
    signet::{Harness, Home},
    skip,
    socket::{encode, opcode},
    xmtp::Network,
};
use serde_json::json;

/// A user of this machine that nothing belongs to. The last one (65534) would stand for all that are not known here.
const STRANGER: u32 = 54_321;
const AUTH_FAILED: u16 = 4001;
const NOT_PERMITTED: i32 = 4;
const NO_TOKEN: i32 = 9;

/// Whether programs can be started as [`STRANGER`].
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets everybody look into the home and what is above the folders of the signet: those have to hold by themselves.
fn open_up(home: &Home) {
    for folder in ["", "config", "config/xmtp-signet", "data", "run"] {
        let path = home.dir().join(folder);
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
}

/// Runs a program as [`STRANGER`], with the same variables as everything in this home.
fn as_stranger(home: &Home, program: &Path, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").env_clear();
    command.envs(home.variables()).env("PATH", "/usr/bin:/bin");
    command.uid(STRANGER).gid(STRANGER);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // one that does not read is no failure
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// `xs` where everybody can run it.
fn xs_for_all(home: &Home) -> PathBuf {
    let copy = home.dir().join("xs");
    std::fs::copy(binary::xs(), &copy).unwrap();
    std::fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    copy
}

#[test]
fn under_the_daemons_own_user_limits_are_advisory_and_status_says_so() {
    let home = Home::new().initialized();
    let _daemon = home.daemon();
    let warnings = home.ask(&["status"])["warnings"].to_string();
    let uid = rustix::process::geteuid().as_raw();
    assert!(warnings.contains("advisory"), "{warnings}");
    assert!(warnings.contains(&format!("uid {uid}")), "{warnings}");
    assert!(home.xs(&["status"]).ok().stdout.contains("advisory"));
    // and so it is: a process of this user is an admin, whatever else it is
    home.ask(&["operator", "create", "--label", "made-by-whoever"]);
}

#[test]
fn another_user_reads_no_file_of_the_signets() {
    if !is_root() {
        skip!("root, to start programs as another user");
    }
    let net = Network::without_sdk();
    let home = Home::new().on(net.port()).initialized();
    let _daemon = home.daemon();
    let _agent = home.agent("agent", "desk", &[], "send");
    open_up(&home);
    let mut files = vec![home.config(), home.dir().join("run/xmtp-signet/signet.pid")];
    files.extend(below(&home.data()));
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let read = as_stranger(&home, Path::new("/bin/cat"), &[file.to_str().unwrap()], b"");
        assert!(!read.status.success(), "{}", file.display());
        assert_eq!(read.stdout, b"", "{}", file.display());
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn another_user_administers_nothing_and_approves_nothing() {
    if !is_root() {
        skip!("root, to start programs as another user");
    }
    let net = Network::without_sdk();
    let home = Home::new().on(net.port()).initialized();
    let daemon = home.daemon();
    let agent = home.agent("agent", "desk", &[], "send,read-messages,stream-messages");
    home.ask(&[
        "policy",
        "create",
        "--label",
        "drafts",
        "--allow",
        "send",
        "--confirm",
        "send",
    ]);
    let drafts = home.issue(&agent.operator, &agent.chat, &["--policy", "drafts"]);
    let mut harness = Harness::connect(daemon.ws(), drafts["token"].as_str().unwrap(), None);
    let held = harness.send(&agent.chat, "held");
    let action = held["actionId"].as_str().unwrap().to_owned();
    open_up(&home);
    // the configuration is no secret from it: what it says must not matter
    std::fs::set_permissions(home.config(), Permissions::from_mode(0o644)).unwrap();
    let xs = xs_for_all(&home);
    let socket = home.socket();
    let tried: [&[&str]; 5] = [
        &["status"],
        &["action", "approve", &action],
        &[
            "cred",
            "issue",
            "--op",
            &agent.operator,
            "--chat",
            &agent.chat,
            "--allow",
            "send",
        ],
        &["cred", "update", &agent.credential, "--allow", "send,invite"],
        &["daemon", "stop"],
    ];
    let attempt = |expected: i32| {
        for arguments in tried {
            let mut arguments = arguments.to_vec();
            arguments.push("--json");
            let mut command = Command::new(&xs);
            command
                .args(&arguments)
                .current_dir("/")
                .env_clear()
                .envs(home.variables());
            command.env("XMTP_SIGNET_ADMIN_SOCKET", &socket);
            command.uid(STRANGER).gid(STRANGER).stdin(Stdio::null());
            let ran = command.output().unwrap();
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(expected), "{arguments:?}: {said}");
            assert_eq!(ran.stdout, b"", "{arguments:?}");
        }
    };
    // the socket's folder keeps it out
    attempt(NOT_PERMITTED);
    // and where somebody opened that, the kernel says who asks
    let folder = socket.parent().unwrap();
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    attempt(NO_TOKEN);
    let waiting = home.ask(&["action", "list"]);
    assert_eq!(waiting["actions"][0]["actionId"], action.as_str(), "{waiting}");
    let credentials = home.ask(&["cred", "list", "--op", &agent.operator]);
    assert_eq!(credentials.as_array().unwrap().len(), 2);
}

#[test]
fn a_credential_that_is_bound_to_a_user_is_good_for_that_user_alone() {
    if !is_root() {
        skip!("root, to start programs as another user");
    }
    let net = Network::without_sdk();
    let home = Home::new().on(net.port()).initialized();
    let daemon = home.daemon();
    let agent = home.agent("agent", "desk", &[], "send");
    let uid = STRANGER.to_string();
    let bound = home.issue(
        &agent.operator,
        &agent.chat,
        &["--allow", "send", "--harness-uid", &uid],
    );
    let token = bound["token"].as_str().unwrap();
    assert_eq!(Harness::try_connect(daemon.ws(), token, None).unwrap_err(), AUTH_FAILED);

    // the same by hand, as that user: upgrade, say who it is, close
    let at = daemon.ws();
    let mut bytes = format!(
        "GET /v1/agent HTTP/1.1\r\nhost: {at}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    let auth = json!({"type": "auth", "token": token, "lastSeenSeq": null}).to_string();
    bytes.extend(encode(0x80 | opcode::TEXT, auth.as_bytes()));
    // the answer to the upgrade and the beginning of the next frame
    let script = format!(
        "exec 3<>/dev/tcp/{}/{}; cat >&3; timeout 30 head -c 400 <&3",
        at.ip(),
        at.port()
    );
    let heard = as_stranger(&home, Path::new("/bin/bash"), &["-c", &script], &bytes);
    let heard = String::from_utf8_lossy(&heard.stdout).into_owned();
    assert!(heard.contains("\"type\":\"authenticated\""), "{heard}");
}
