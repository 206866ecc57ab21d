//! `chancery signet` as a process: how it starts, what it refuses, how it ends.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
};

use chancery_tests::{
    Port, Terminal, binary, http,
    signet::{Daemon, Home},
    skip, wait,
};
use rustix::process::Signal;
use serde_json::json;

const MALFORMED: i32 = 1;
const NOT_FOUND: i32 = 2;
const STOPPED: i32 = 3;
const INTERNAL: i32 = 8;
const NO_KEYS: i32 = 9;

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o777
}

/// The line by which a start that failed says why.
fn message(stderr: &str) -> &str {
    let line = stderr.lines().find_map(|line| line.strip_prefix("message: "));
    line.unwrap_or_else(|| panic!("no message: {stderr}"))
}

#[test]
fn it_says_on_one_line_where_it_serves_and_ends_with_0_when_told_to() {
    let home = Home::new().initialized();
    let mut daemon = home.daemon();
    let started = daemon.started();
    assert_eq!(started["status"], "running");
    assert_eq!(started["pid"], daemon.process.id().unwrap());
    assert_eq!(started["env"], "local");
    assert_eq!(started["adminSocket"], home.socket().to_str().unwrap());
    assert_eq!(started["dataDir"], home.data().to_str().unwrap());
    assert_eq!(daemon.process.stdout().lines().count(), 1);

    let status = home.ask(&["status"]);
    assert_eq!((&status["state"], &status["pid"]), (&json!("running"), &started["pid"]));
    assert_eq!(status["wsPort"], daemon.ws().port());
    assert_eq!(status["xmtpEnv"], "local");
    // no identity, so no network either
    assert_eq!(status["networkState"], "disconnected");
    assert_eq!(status["coreState"], "ready-local");

    for signal in [Signal::TERM, Signal::INT] {
        assert!(daemon.process.end_with(signal).success(), "{signal:?}");
        assert!(!home.socket().exists());
        assert!(!home.dir().join("run/xmtp-signet/signet.pid").exists());
        assert_eq!(home.xs(&["status"]).code, STOPPED);
        daemon.process.start();
    }
    assert_eq!(daemon.process.stdout().lines().count(), 3);
}

#[test]
fn what_it_writes_is_for_its_user_alone() {
    let home = Home::new().initialized();
    // whoever made the folder before, nobody else looks into it
    std::fs::set_permissions(home.data(), Permissions::from_mode(0o755)).unwrap();
    let mut daemon = home.daemon();
    let run = home.dir().join("run/xmtp-signet");
    for folder in [home.data(), run.clone()] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&home.socket()), 0o600);
    let pid = std::fs::read_to_string(run.join("signet.pid")).unwrap();
    assert_eq!(pid.trim().parse().ok(), daemon.process.id());
    assert!(daemon.process.stop().success());
    for name in ["signet.db", "signet.db.lock", "vault.json", "vault.key"] {
        assert_eq!(mode(&home.data().join(name)), 0o600, "{name}");
    }
}

#[test]
fn xs_starts_it_in_the_background_and_stops_it() {
    let home = Home::new().initialized();
    let started = home.ask(&["daemon", "start", "--daemon"]);
    let pid = started["pid"].to_string();
    let ran = home.ask(&["daemon", "status"]);
    assert_eq!(ran["pid"].to_string(), pid);
    // of a session of its own: field 6 of its stat
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert_eq!(stat.split(' ').nth(5), Some(pid.as_str()));
    let (code, again) = home.refused(&["daemon", "start"]);
    assert_eq!((code, again["category"].as_str()), (MALFORMED, Some("validation")));
    assert_eq!(home.ask(&["daemon", "stop"]), json!({"stopped": true}));
    assert!(!home.socket().exists());
    assert_eq!(home.xs(&["daemon", "status"]).code, STOPPED);
    wait::until("the process to be gone", || {
        (!Path::new(&format!("/proc/{pid}/fd")).exists()).then_some(())
    });
    // and once more, on the same files
    assert_eq!(home.ask(&["daemon", "start", "--daemon"])["status"], "running");
    home.ask(&["daemon", "stop", "--force"]);
}

#[test]
fn a_second_daemon_on_the_same_files_is_refused_and_the_first_goes_on() {
    let home = Home::new().initialized();
    let daemon = home.daemon();
    // nothing of the first one's is in its way but the files: another socket, any port
    let other = home.dir().join("other.sock");
    let second = home
        .command(&binary::chancery())
        .env("XMTP_SIGNET_ADMIN_SOCKET", &other)
        .arg("signet")
        .run();
    assert_eq!(second.code, MALFORMED);
    assert!(message(&second.stderr).contains("in use"), "{}", second.stderr);
    let holder = daemon.process.id().unwrap().to_string();
    assert!(message(&second.stderr).contains(&holder), "{}", second.stderr);
    assert_eq!(second.stdout, "");
    assert!(!other.exists());
    assert_eq!(home.ask(&["status"])["pid"], daemon.process.id().unwrap());
}

#[test]
fn another_signets_socket_is_not_taken_from_it() {
    let one = Home::new().initialized();
    let _daemon = one.daemon();
    let other = Home::new().initialized();
    let other = other.with("XMTP_SIGNET_ADMIN_SOCKET", one.socket().to_str().unwrap());
    let refused = other.signet(&[]);
    assert_ne!(refused.code, 0);
    assert!(UnixStream::connect(one.socket()).is_ok());
    assert_eq!(one.ask(&["status"])["state"], "running");
}

#[test]
fn a_socket_on_which_nobody_answers_is_no_obstacle() {
    let home = Home::new().initialized();
    let mut daemon = home.daemon();
    daemon.process.kill();
    assert!(home.socket().exists());
    daemon.process.start();
    assert_eq!(home.ask(&["status"])["state"], "running");
}

#[test]
fn a_taken_port_names_its_holder() {
    let home = Home::new().initialized();
    let port = Port::free();
    let _held = std::net::TcpListener::bind(port.address()).unwrap();
    let home = home.with("XMTP_SIGNET_WS_PORT", &port.number().to_string());
    let refused = home.signet(&[]);
    assert_eq!(refused.code, MALFORMED);
    let said = message(&refused.stderr);
    let me = format!("(process {})", std::process::id());
    assert!(said.contains("is taken") && said.contains(&me), "{}", refused.stderr);
    assert!(!home.socket().exists());
}

#[test]
fn a_configuration_that_cannot_hold_is_refused_with_its_place() {
    let home = Home::new().initialized();
    let cases = [
        ("[ws]\nport = 99999\n", "ws.port"),
        ("[ws]\nprot = 1\n", "prot"),
        ("[ws\n", "line 1"),
        ("[signet]\nnodeUrl = \"http://node.example:5556\"\n", "https://"),
        ("[reveals]\nautoApprove = true\n", "reveals.autoApprove"),
        ("[confirmations]\nselfConfirm = true\n", "confirmations.selfConfirm"),
        ("[seals]\nttlHours = 1\n", "seals.ttlHours"),
        ("[http]\nenabled = true\nhost = \"0.0.0.0\"\n", "http.host"),
        ("[keys]\nvaultKeyPolicy = \"passcode\"\n", "keys.vaultKeyPolicy"),
        ("[ws]\nhost = \"0.0.0.0\"\n", "plain HTTP"),
    ];
    // what the home says by variables would count more
    let home = home.with("XMTP_SIGNET_WS_PORT", "").with("XMTP_SIGNET_NODE_URL", "");
    for (text, place) in cases {
        let text = if text.contains("[ws") {
            text.to_owned()
        } else {
            format!("[ws]\nport = 0\n{text}")
        };
        home.configure(&text);
        let refused = home.signet(&[]);
        assert_eq!(refused.code, MALFORMED, "{text}: {}", refused.stderr);
        assert!(message(&refused.stderr).contains(place), "{text}: {}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
    let missing = home.signet(&["--config", "nowhere.toml"]);
    assert_eq!(missing.code, NOT_FOUND);
}

#[test]
fn a_configuration_that_others_can_change_is_refused() {
    let home = Home::new().initialized();
    std::fs::set_permissions(home.config(), Permissions::from_mode(0o666)).unwrap();
    let refused = home.signet(&[]);
    assert_eq!(refused.code, MALFORMED);
    assert!(message(&refused.stderr).contains("config.toml"), "{}", refused.stderr);
}

#[test]
fn without_keys_it_says_what_to_do() {
    let home = Home::new();
    let refused = home.signet(&[]);
    assert_eq!(refused.code, NO_KEYS);
    assert!(refused.stderr.contains("hint: run `xs init`"), "{}", refused.stderr);
}

#[test]
fn a_vault_that_cannot_be_read_is_an_error_and_no_new_vault() {
    let home = Home::new().initialized();
    let vault = home.data().join("vault.json");
    let whole = std::fs::read(&vault).unwrap();
    std::fs::write(&vault, &whole[..whole.len() / 2]).unwrap();
    let refused = home.signet(&[]);
    assert!([MALFORMED, INTERNAL].contains(&refused.code), "{}", refused.stderr);
    assert_eq!(std::fs::read(&vault).unwrap(), whole[..whole.len() / 2]);
    std::fs::write(&vault, &whole).unwrap();
    // another key beside it
    let key = home.data().join("vault.key");
    let right = std::fs::read(&key).unwrap();
    let wrong: Vec<u8> = right.iter().map(|byte| byte ^ 1).collect();
    std::fs::write(&key, wrong).unwrap();
    assert_ne!(home.signet(&[]).code, 0);
    // and its own again
    std::fs::write(&key, right).unwrap();
    let _daemon = home.daemon();
}

/// A home whose keys open with this passphrase.
fn with_passphrase(passphrase: &str) -> Home {
    let home = Home::new();
    home.configure("[signet]\nenv = \"local\"\n[keys]\nvaultKeyPolicy = \"passcode\"\n");
    let file = home.file("vault-passphrase", &format!("{passphrase}\n"));
    let init = home
        .with("XMTP_SIGNET_PASSPHRASE_FILE", file.to_str().unwrap())
        .initialized();
    init.with("XMTP_SIGNET_PASSPHRASE_FILE", "")
}

#[test]
fn a_passphrase_opens_the_keys_from_a_file_and_nothing_else_of_the_host_does() {
    let passphrase = "staple battery horse";
    let home = with_passphrase(passphrase);
    let file = home.dir().join("vault-passphrase");
    let named = home.with("XMTP_SIGNET_PASSPHRASE_FILE", file.to_str().unwrap());
    let mut daemon = named.daemon();
    assert_eq!(named.ask(&["status"])["state"], "running");
    assert!(daemon.process.stop().success());
    assert!(!daemon.process.log().contains(passphrase));
    // one that others can read is refused, and so is a wrong one
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(named.signet(&[]).code, MALFORMED);
    named.file("vault-passphrase", "another one\n");
    assert_ne!(named.signet(&[]).code, 0);
}

#[test]
fn without_anybody_who_opens_the_keys_it_is_locked_and_serves_nothing() {
    let home = with_passphrase("staple battery horse");
    let port = Port::free();
    let home = home
        .with("XMTP_SIGNET_DAEMON_CHILD", "1")
        .with("XMTP_SIGNET_HTTP_ENABLED", "1")
        .with("XMTP_SIGNET_HTTP_PORT", &port.number().to_string());
    let mut daemon = Daemon::new(&home);
    daemon.process.start();
    assert_eq!(daemon.started()["status"], "locked");
    let health = http::get(port.address(), "/v1/health").unwrap();
    assert_eq!(health.json()["data"]["state"], "locked");
    assert_eq!(home.ask(&["status"])["state"], "locked");
    let (code, failure) = home.refused(&["operator", "list"]);
    assert_eq!((code, failure["category"].as_str()), (NO_KEYS, Some("auth")));
    // nobody is let in, and nothing was begun
    assert!(std::net::TcpStream::connect(daemon.ws()).is_err());
    assert!(!home.data().join("signet.db").exists());
    // it has the files all the same
    let second = home.with("XMTP_SIGNET_HTTP_ENABLED", "0");
    assert!(message(&second.signet(&[]).stderr).contains("in use"));
    second.ask(&["daemon", "stop"]);
    wait::until("its end", || (!daemon.process.is_running()).then_some(()));
}

#[test]
fn at_a_terminal_it_asks_for_the_passphrase() {
    let passphrase = "staple battery horse";
    let home = with_passphrase(passphrase);
    let Some(mut terminal) = Terminal::run(&binary::chancery(), &["signet"], &home.variables()) else {
        skip!("{}", Terminal::MISSING);
    };
    terminal.expect("Passphrase of the signet:");
    terminal.types(passphrase);
    terminal.expect("\"status\":\"running\"");
    assert_eq!(home.ask(&["status"])["state"], "running");
    home.ask(&["daemon", "stop"]);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains(passphrase), "{screen}");
}

#[test]
fn http_has_its_own_port_or_shares_the_one_of_harnesses() {
    let (ws, own) = (Port::free(), Port::free());
    let home = Home::new().initialized();
    let home = home
        .with("XMTP_SIGNET_WS_PORT", &ws.number().to_string())
        .with("XMTP_SIGNET_HTTP_PORT", &own.number().to_string());
    let mut daemon = home.daemon();
    assert_eq!(http::get(ws.address(), "/v1/health").unwrap().status, 404);
    assert!(http::get(own.address(), "/v1/health").is_none());
    assert!(daemon.process.stop().success());

    let mut home = home.with("XMTP_SIGNET_HTTP_ENABLED", "true");
    for port in [&own, &ws] {
        home = home.with("XMTP_SIGNET_HTTP_PORT", &port.number().to_string());
        let mut daemon = home.daemon();
        let health = http::get(port.address(), "/v1/health").unwrap();
        // what it tells strangers is no more than this
        assert_eq!(health.json()["data"], json!({"ok": true, "state": "running"}));
        let refused = http::get(port.address(), "/v1/actions/operator/list").unwrap();
        assert_eq!(refused.status, 401);
        assert!(daemon.process.stop().success());
    }
}

#[test]
fn its_log_is_as_loud_as_is_configured() {
    for (level, talks) in [("info", true), ("error", false)] {
        let home = Home::new().initialized().with("XMTP_SIGNET_LOG_LEVEL", level);
        let mut daemon = home.daemon();
        assert!(daemon.process.stop().success());
        assert_eq!(
            daemon.process.log().contains("ending"),
            talks,
            "{level}: {}",
            daemon.process.log()
        );
    }
}
