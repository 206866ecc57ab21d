//! What was acknowledged survives SIGKILL.

mod common;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Insert, notes, open};

const DATABASE: &str = "CHANCERY_TEST_DATABASE";
const ROUND: &str = "CHANCERY_TEST_ROUND";

/// Not a test by itself: the process that the test below kills. It writes as fast as it can and says on stdout what was
/// acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Some(path), Ok(round)) = (std::env::var_os(DATABASE), std::env::var(ROUND)) else {
        return;
    };
    let database = open(Path::new(&path));
    let submitters: Vec<_> = (0..32)
        .map(|submitter| {
            let (database, round) = (database.clone(), round.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let note = format!("{round}/{submitter}/{n}");
                    database.submit(Insert(note.clone())).await.unwrap();
                    // one write for each line: lines of two tasks do not mix in a pipe
                    let _ = std::io::stdout().write_all(format!("ack {note}\n").as_bytes());
                }
            })
        })
        .collect();
    for submitter in submitters {
        submitter.await.unwrap();
    }
}

#[tokio::test]
async fn acknowledged_commands_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut acknowledged = Vec::new();
    for round in 0..6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(DATABASE, &path)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
        let mut acks = lines
            .by_ref()
            .map(Result::unwrap)
            .filter(|line| line.starts_with(b"ack "));
        let first = acks.next().unwrap();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20 + 70 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        for line in std::iter::once(first).chain(acks) {
            acknowledged.push(String::from_utf8(line).unwrap().trim_start_matches("ack ").to_owned());
        }
        killer.join().unwrap();
        // the last line may have been cut
        let last = acknowledged.pop().unwrap();

        let database = open(&path);
        let there: HashSet<_> = notes(&database).await.into_iter().collect();
        let lost: Vec<_> = acknowledged.iter().filter(|note| !there.contains(*note)).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        assert!(there.iter().any(|note| note.starts_with(&last)));
        database.close().await;
    }
    assert!(acknowledged.len() > 100, "only {} acknowledged", acknowledged.len());
}
