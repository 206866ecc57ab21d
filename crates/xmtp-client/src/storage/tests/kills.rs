//! A process that is killed between any two writes leaves a whole number of steps.

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use chancery_store::rusqlite::hooks::Action;

use super::{
    steps::{self, Inbox},
    story::{Script, scripts},
};

const GROUP: &[u8] = b"a group of two..";
const FILE: &str = "CHANCERY_TEST_KILL_FILE";
const WRITE: &str = "CHANCERY_TEST_KILL_WRITE";

/// Writes between two kills. `CHANCERY_XMTP_KILL_STRIDE=1` kills at every one, which takes a minute or two.
fn stride() -> usize {
    env::var("CHANCERY_XMTP_KILL_STRIDE").map_or(11, |stride| stride.parse().unwrap())
}

fn alice() -> Script {
    let [alice, _] = scripts(GROUP);
    alice
}

fn open(path: &Path) -> Inbox {
    steps::open(GROUP, path).unwrap()
}

/// Goes on with the script where the file stands.
fn go_on(inbox: &mut Inbox, script: &Script) {
    for (number, (op, expected)) in script.iter().enumerate().skip(inbox.done()) {
        assert_eq!(inbox.step(number, op).unwrap(), *expected, "{number} {op:?}");
    }
}

#[test]
fn a_kill_between_any_two_writes_loses_nothing_and_repeats_nothing() {
    let script = alice();
    let folder = tempfile::tempdir().unwrap();
    let mut whole = 0;
    for write in (1_u64..).step_by(stride()) {
        let path = folder.path().join(format!("{write}.db"));
        let status = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "storage::tests::kills::the_process_that_is_killed",
                "--ignored",
                "--quiet",
            ])
            .env(FILE, &path)
            .env(WRITE, write.to_string())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        let mut inbox = open(&path);
        let done = inbox.done();
        inbox.is_after(done, &script);
        if status.success() {
            assert_eq!(done, script.len());
            break;
        }
        assert_eq!(status.signal(), Some(9), "the script fails for another reason");
        assert!(done >= whole, "a later kill left less");
        whole = done;
        go_on(&mut inbox, &script);
        inbox.is_after(script.len(), &script);
    }
    assert!(whole + 3 >= script.len(), "the kills end at step {whole}");
}

#[test]
#[ignore = "a part of the test above"]
fn the_process_that_is_killed() {
    let (Some(path), Ok(write)) = (env::var_os(FILE), env::var(WRITE)) else {
        return;
    };
    let (path, last) = (PathBuf::from(path), write.parse::<u64>().unwrap());
    let mut inbox = open(&path);
    let writes = AtomicU64::new(0);
    let count = move || {
        if writes.fetch_add(1, Ordering::Relaxed) + 1 == last {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    };
    let count = std::sync::Arc::new(count);
    let at_commit = std::sync::Arc::clone(&count);
    let hook = move |_: Action, _: &str, _: &str, _: i64| count();
    inbox.db.connection.update_hook(Some(hook)).unwrap();
    inbox
        .db
        .connection
        .commit_hook(Some(move || {
            at_commit();
            false
        }))
        .unwrap();
    go_on(&mut inbox, &alice());
}
