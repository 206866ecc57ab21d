//! The owner's passphrase at the controlling terminal: asked through a pty, by processes of their own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use chancery_base::{Clock as _, ErrorCode as _};
use chancery_custody::{
    Custody, CustodyError, KeyHolder, Places, Plan, RootPlan, Sources, Unlocked, approve, init, unlock,
};
use chancery_keys::{Gates, Readiness};
use chancery_vault::{KeySource, Secret};
use common::{Counted, Hands, OWNERS_PASSPHRASE, World, child, skip, told};

/// What runs at the terminal: the test binary itself, told to act.
#[test]
fn acts_when_told_to() {
    let Some((act, dir)) = told() else {
        return;
    };
    let places = Places::in_dir(dir.join("signet"));
    let source = KeySource::KeyFile(places.key_file());
    let (clock, rng) = (Hands::new(), Counted::new(77));
    if act.ends_with("alone") {
        // a session without a terminal
        rustix::process::setsid().unwrap();
    }
    let result = match act.as_str() {
        "rotate" | "rotate alone" | "rotate late" => rotate(&places, &source, &clock, &rng, act == "rotate late"),
        "init" | "init alone" => init(
            &Plan {
                places,
                vault: source,
                root: RootPlan::AtTerminal,
                gates: Gates::ALL,
            },
            &clock,
            &rng,
        )
        .map(|made| format!("created {} approved {}", made.created, made.evidence.is_some())),
        "unlock" | "unlock alone" => unlocked(&places),
        other => panic!("what is {other}?"),
    };
    match result {
        Ok(said) => say("RESULT", &said),
        Err(error) => say("RESULT", error.code()),
    }
}

fn unlocked(places: &Places) -> Result<String, CustodyError> {
    let sources = Sources {
        passphrase_file: None,
        credential: None,
        keyring: None,
        prompt: true,
    };
    Ok(match unlock(places, &sources, Gates::ALL)? {
        Unlocked::Open(_) => "open".to_owned(),
        Unlocked::Locked(why) => why.to_string(),
    })
}

fn say(what: &str, text: &str) {
    // not through print: who waits for it sees it at once
    let mut screen = std::io::stdout();
    screen.write_all(format!("{what} {text}\n").as_bytes()).unwrap();
    screen.flush().unwrap();
}

/// Moves the clock when it is asked for the time the second time: while the owner thinks.
struct Late(Hands, std::sync::atomic::AtomicBool);

impl chancery_base::Clock for Late {
    fn now(&self) -> chancery_base::Millis {
        if self.1.swap(true, std::sync::atomic::Ordering::Relaxed) {
            self.0.forward(60_000);
        }
        self.0.now()
    }
}

fn rotate(
    places: &Places,
    source: &KeySource,
    clock: &Hands,
    rng: &Counted,
    late: bool,
) -> Result<String, CustodyError> {
    let mut custody = Custody::open(places, source, Gates::ALL)?;
    let approver = approve::approver(custody.root(), places, None)?;
    let ready = match approver.readiness() {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Later(why) | Readiness::Missing(why) => why,
    };
    say("READINESS", &ready);
    let holder = KeyHolder::default_key();
    let what = custody.rotation(&holder)?;
    let late_clock = Late(Hands::new(), std::sync::atomic::AtomicBool::new(false));
    let asks: &dyn chancery_base::Clock = if late { &late_clock } else { clock };
    let clearance = approve::clear(&mut custody, what, 60_000, approver.as_ref(), asks, rng)?;
    let rotated = custody.rotate(&holder, clearance, clock.now(), rng)?;
    Ok(format!("rotated approved {}", rotated.evidence.is_some()))
}

/// The test binary at a terminal of its own, by way of `script` (util-linux).
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Terminal {
    /// `None`, with a line that says so, where there is no `script`.
    fn run(act: &str, dir: &Path) -> Option<Self> {
        let program = std::env::current_exe().unwrap();
        let words = format!("'{}' --exact acts_when_told_to --nocapture --quiet", program.display());
        let spawned = Command::new("script")
            .args(["-qec", &words, "/dev/null"])
            .env("ACT", act)
            .env("IN", dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            skip("script, of util-linux");
            return None;
        };
        Some(Self {
            keyboard: child.stdin.take().unwrap(),
            screen: child.stdout.take().unwrap(),
            child,
            seen: String::new(),
        })
    }

    /// Waits until `text` has appeared behind what was waited for before.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&bytes).contains(text) {
            let more = self.screen.read(&mut byte).unwrap();
            assert!(
                more > 0,
                "{text:?} did not appear in {}{}",
                self.seen,
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend(byte);
        }
        self.seen.push_str(&String::from_utf8_lossy(&bytes));
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// All that was on the screen.
    fn end(mut self) -> String {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).unwrap();
        drop(self.keyboard);
        self.child.wait().unwrap();
        format!("{}{}", self.seen, String::from_utf8_lossy(&rest)).replace('\r', "")
    }
}

fn rotations(world: &World) -> usize {
    world
        .open(Gates::default())
        .history(&KeyHolder::default_key())
        .unwrap()
        .len()
}

#[test]
fn the_owner_sees_what_is_asked_and_says_yes_with_the_passphrase() {
    let (world, custody) = World::new();
    let key_id = custody.key(&KeyHolder::default_key()).unwrap().key_id;
    drop(custody);
    let Some(mut terminal) = Terminal::run("rotate", world.dir.path()) else {
        return;
    };
    terminal.expect("READINESS ready");
    terminal.expect("of          rotating an operational key");
    terminal.expect("action      \"keys.rotate\"");
    terminal.expect(&format!(
        "parameters  {{\"keyId\":\"{key_id}\",\"operator\":\"default\"}}"
    ));
    terminal.expect("until       2026-01-01T00:01:00.000Z");
    terminal.expect("Owner's passphrase:");
    assert_eq!(rotations(&world), 0, "nothing before the passphrase");
    terminal.types(&format!("{OWNERS_PASSPHRASE}\n"));
    terminal.expect("RESULT rotated approved true");
    let screen = terminal.end();
    assert!(!screen.contains(OWNERS_PASSPHRASE), "the passphrase is not shown");
    assert_eq!(rotations(&world), 1);
}

#[test]
fn a_slip_may_be_corrected_and_three_are_a_no() {
    let (world, custody) = World::new();
    drop(custody);
    let Some(mut terminal) = Terminal::run("rotate", world.dir.path()) else {
        return;
    };
    terminal.expect("Owner's passphrase:");
    terminal.types("a wrong one\n");
    terminal.expect("That is not it. Owner's passphrase:");
    terminal.types(&format!("{OWNERS_PASSPHRASE}\n"));
    terminal.expect("RESULT rotated approved true");
    terminal.end();
    let mut terminal = Terminal::run("rotate", world.dir.path()).unwrap();
    for _ in 0..3 {
        terminal.expect("Owner's passphrase:");
        // an empty line and a bare yes are none either
        terminal.types("y\n");
    }
    terminal.expect("RESULT CUSTODY_WRONG_PASSPHRASE");
    terminal.end();
    assert_eq!(rotations(&world), 1);
}

#[test]
fn control_c_is_a_no() {
    let (world, custody) = World::new();
    drop(custody);
    let Some(mut terminal) = Terminal::run("rotate", world.dir.path()) else {
        return;
    };
    terminal.expect("Owner's passphrase:");
    terminal.types("\u{3}");
    terminal.expect("RESULT CUSTODY_CANCELLED");
    terminal.end();
    assert_eq!(rotations(&world), 0);
}

#[test]
fn who_answers_too_late_has_not_approved() {
    let (world, custody) = World::new();
    drop(custody);
    let Some(mut terminal) = Terminal::run("rotate late", world.dir.path()) else {
        return;
    };
    terminal.expect("Owner's passphrase:");
    terminal.types(&format!("{OWNERS_PASSPHRASE}\n"));
    terminal.expect("RESULT KEYS_APPROVAL_EXPIRED");
    terminal.end();
    assert_eq!(rotations(&world), 0);
}

#[test]
fn hardened_keys_are_made_at_a_terminal_with_a_passphrase_typed_twice() {
    let world = World::empty();
    let Some(mut terminal) = Terminal::run("init", world.dir.path()) else {
        return;
    };
    terminal.expect("New passphrase of the owner:");
    assert!(
        common::files(world.dir.path()).is_empty(),
        "nothing before the passphrase"
    );
    terminal.types(&format!("{OWNERS_PASSPHRASE}\n"));
    terminal.expect("Once more:");
    terminal.types(&format!("{OWNERS_PASSPHRASE}\n"));
    terminal.expect("RESULT created true approved true");
    assert!(!terminal.end().contains(OWNERS_PASSPHRASE));
    let custody = world.open(Gates::ALL);
    assert_eq!(custody.root().public_key, world.root().public());
    drop(custody);
    // the daemon's files are lost, the owner's are not: the same root key again
    std::fs::remove_file(world.places.vault()).unwrap();
    std::fs::remove_file(world.dir.path().join("signet/vault.json.seen")).unwrap();
    let mut terminal = Terminal::run("init", world.dir.path()).unwrap();
    terminal.expect("Owner's passphrase:");
    terminal.types(&format!("{OWNERS_PASSPHRASE}\n"));
    terminal.expect("RESULT created true approved true");
    terminal.end();
    assert_eq!(world.open(Gates::ALL).root().public_key, world.root().public());
}

#[test]
fn who_gives_up_or_mistypes_while_making_keys_has_made_none() {
    let world = World::empty();
    for (first, second, code) in [
        ("\u{3}", None, "CUSTODY_CANCELLED"),
        ("short\n", None, "VAULT_PASSPHRASE_TOO_SHORT"),
        ("long enough\n", Some("long enouhg\n"), "CUSTODY_TERMINAL_FAILED"),
        ("long enough\n", Some("\u{3}"), "CUSTODY_CANCELLED"),
    ] {
        let Some(mut terminal) = Terminal::run("init", world.dir.path()) else {
            return;
        };
        terminal.expect("New passphrase of the owner:");
        terminal.types(first);
        if let Some(second) = second {
            terminal.expect("Once more:");
            terminal.types(second);
        }
        terminal.expect(&format!("RESULT {code}"));
        terminal.end();
        assert!(common::files(world.dir.path()).is_empty(), "{code}");
    }
}

/// Runs it without a terminal, with the passphrase on stdin; returns what it printed.
fn alone(act: &str, dir: &Path) -> String {
    let mut command = child("acts_when_told_to", act, dir);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // it may have ended already
    let _ = stdin.write_all(format!("{OWNERS_PASSPHRASE}\n{OWNERS_PASSPHRASE}\n").as_bytes());
    drop(stdin);
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn without_a_terminal_nobody_approves_whatever_is_piped_in() {
    let (world, custody) = World::new();
    drop(custody);
    let said = alone("rotate alone", world.dir.path());
    assert!(said.contains("READINESS this process has no terminal"), "{said}");
    assert!(said.contains("RESULT CUSTODY_NO_TERMINAL"), "{said}");
    assert_eq!(rotations(&world), 0);
}

#[test]
fn a_daemon_in_the_foreground_asks_once_and_without_a_terminal_stays_locked() {
    let world = World::empty();
    let mut plan = world.plan();
    plan.vault = KeySource::Passphrase(Secret::from("the daemon's words"));
    init(&plan, &world.clock, &world.rng).unwrap();
    let said = alone("unlock alone", world.dir.path());
    assert!(
        said.contains("RESULT locked: the keys open with a passphrase, and there is neither"),
        "{said}"
    );
    for (typed, result) in [
        ("the daemon's words\n", "open"),
        ("another one\n", "VAULT_WRONG_KEY"),
        ("\u{3}", "CUSTODY_CANCELLED"),
    ] {
        let Some(mut terminal) = Terminal::run("unlock", world.dir.path()) else {
            return;
        };
        terminal.expect("Passphrase of the signet:");
        terminal.types(typed);
        terminal.expect(&format!("RESULT {result}"));
        assert!(!terminal.end().contains("the daemon's words"));
    }
}

#[test]
fn hardened_without_a_terminal_is_refused_before_anything_is_written() {
    // finding 9.3: there, it fails after half of it
    let world = World::empty();
    let said = alone("init alone", world.dir.path());
    assert!(said.contains("RESULT KEYS_GATES_INFEASIBLE"), "{said}");
    assert!(common::files(world.dir.path()).is_empty());
    assert!(!world.dir.path().join("signet").exists());
}
