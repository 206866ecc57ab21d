//! A disk that takes no more, a file that may not be written, a file that somebody else has.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use chancery_base::ErrorCode as _;

use super::{
    super::StorageError,
    steps::{self, Inbox},
    story::{Script, scripts},
};

const GROUP: &[u8] = b"a group of two..";
const FILE: &str = "CHANCERY_TEST_DISK_FILE";

fn open(path: &Path) -> Result<Inbox, StorageError> {
    steps::open(GROUP, path)
}

fn alice() -> Script {
    let [alice, _] = scripts(GROUP);
    alice
}

fn from_env() -> Option<PathBuf> {
    env::var_os(FILE).map(PathBuf::from)
}

/// Another process that runs the test `name` of this module on the file.
fn process(name: &str, path: &Path) -> Command {
    run(&env::current_exe().unwrap(), name, path)
}

fn run(program: &Path, name: &str, path: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "--exact",
            &format!("storage::tests::disk::{name}"),
            "--ignored",
            "--nocapture",
            "--quiet",
        ])
        .env(FILE, path);
    command
}

#[test]
fn a_file_that_cannot_grow_is_an_error_and_keeps_every_step_that_was_done() {
    let script = alice();
    let folder = tempfile::tempdir().unwrap();
    let mut stopped_at = Vec::new();
    // in blocks of 512 bytes: not enough for the tables, then for more and more steps
    for blocks in [8, 200, 400, 600, 800, 1000, 1600, 4096] {
        let path = folder.path().join(format!("{blocks}.db"));
        let child = process("the_process_whose_files_cannot_grow", &path);
        // without the signal a write beyond the limit fails as one on a full disk does
        let status = Command::new("sh")
            .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
            .arg(child.get_program())
            .args(child.get_args())
            .env(FILE, &path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{blocks}: {status}");
        // whole steps and nothing else, with which one goes on
        let mut inbox = open(&path).unwrap();
        let done = inbox.done();
        inbox.is_after(done, &script);
        for (number, (op, expected)) in script.iter().enumerate().skip(done) {
            assert_eq!(inbox.step(number, op).unwrap(), *expected, "{number} {op:?}");
        }
        stopped_at.push(done);
    }
    assert!(stopped_at.is_sorted(), "{stopped_at:?}");
    let between = stopped_at
        .iter()
        .filter(|done| (1..script.len()).contains(*done))
        .count();
    assert!(between >= 2 && stopped_at.first() == Some(&0), "{stopped_at:?}");
}

#[test]
#[ignore = "a part of the test above"]
fn the_process_whose_files_cannot_grow() {
    let Some(path) = from_env() else { return };
    let script = alice();
    let mut inbox = match open(&path) {
        Ok(inbox) => inbox,
        Err(error) => {
            assert!(is_of_the_disk(&error), "{error:?}");
            return;
        }
    };
    for (number, (op, expected)) in script.iter().enumerate() {
        match inbox.step(number, op) {
            Ok(seen) => assert_eq!(seen, *expected),
            Err(error) => {
                assert!(is_of_the_disk(&error), "{number} {op:?} {error:?}");
                // it is not forked off, and does not go on as if nothing had happened
                inbox.is_after(number, &script);
                assert!(inbox.step(number, op).is_err_and(|error| is_of_the_disk(&error)));
                return;
            }
        }
    }
}

fn is_of_the_disk(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::Full | StorageError::Disk(_) | StorageError::Broken | StorageError::Open { .. }
    )
}

#[test]
fn a_file_that_may_only_be_read_is_an_error() {
    let script = alice();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut inbox = open(&path).unwrap();
    for (number, (op, _)) in script.iter().enumerate().take(5) {
        inbox.step(number, op).unwrap();
    }
    drop(inbox);
    let before = fs::read(&path).unwrap();
    // root may write everything: then somebody who may not has to try
    let root = rustix::process::getuid().is_root();
    // where anybody may run it: builds may be where only their owner looks
    let public = tempfile::tempdir().unwrap();
    fs::set_permissions(public.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = public.path().join("tests");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    for (folder_mode, file_mode) in [(0o755, 0o444), (0o555, 0o644), (0o555, 0o444)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(file_mode)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(folder_mode)).unwrap();
        if root {
            let owner = (folder_mode == 0o755).then_some(NOBODY);
            std::os::unix::fs::chown(folder.path(), owner.or(Some(0)), None).unwrap();
        }
        let mut child = run(&program, "the_process_that_may_not_write", &path);
        if root {
            child.uid(NOBODY);
        }
        let status = child.stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{folder_mode:o} {file_mode:o}");
        let _ = fs::remove_file(folder.path().join("inbox.db.lock"));
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    open(&path).unwrap().is_after(5, &script);
}

/// A user who owns nothing.
const NOBODY: u32 = 65534;

#[test]
#[ignore = "a part of the test above"]
fn the_process_that_may_not_write() {
    let Some(path) = from_env() else { return };
    let refused = open(&path).err().unwrap();
    assert!(matches!(refused, StorageError::ReadOnly { .. }), "{refused:?}");
    assert!(refused.hint().is_some());
}

#[test]
fn a_second_process_is_told_which_one_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let (mut child, _said) = holder(&path);
    let locked = open(&path).err().unwrap();
    assert!(
        matches!(locked, StorageError::Locked { pid: Some(pid), .. } if pid == child.id()),
        "{locked:?}"
    );
    assert_eq!(
        locked.to_string(),
        format!("the inbox {} is in use by process {}", path.display(), child.id())
    );
    // however it ends
    child.kill().unwrap();
    child.wait().unwrap();
    open(&path).unwrap();
}

fn holder(path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = process("the_process_that_has_the_file", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("open") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it did not open the file");
    }
    (child, said)
}

#[test]
#[ignore = "a part of the test above"]
fn the_process_that_has_the_file() {
    let Some(path) = from_env() else { return };
    let _inbox = open(&path).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "open").unwrap();
    out.flush().unwrap();
    // until the other one goes away
    let _ = std::io::stdin().read_line(&mut String::new());
}
