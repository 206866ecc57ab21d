//! What a send that returned has written to the disk, on both sides, as seen from outside.

use std::{
    io::{BufRead as _, BufReader, ErrorKind},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{Member, Options, print, sends};

/// Sends while we look.
const SENDS: usize = 20;

pub(super) fn show(options: &Options, ours: &mut Member, official: Option<&mut Member>) -> anyhow::Result<()> {
    let mut per_send = Vec::new();
    for member in [Some(ours), official].into_iter().flatten() {
        let log = format!("{}-wal", member.db.display());
        let plain = shows_tables(&member.db)? || shows_tables(Path::new(&log))?;
        let syncs = syncs(member);
        let seen = match &syncs {
            Ok(syncs) => format!("{syncs} fsync and fdatasync in {SENDS} sends one after the other (strace)"),
            Err(error) => format!("syncs were not seen: {error:#}"),
        };
        eprintln!(
            "durability, {}: {}, {}, {seen}",
            member.party.name(),
            if plain {
                "not encrypted (names of tables can be read in the file)"
            } else {
                "encrypted (no name of a table can be read in the file)"
            },
            if Path::new(&log).exists() {
                "with a write-ahead log"
            } else {
                "without a write-ahead log"
            },
        );
        per_send.push(syncs.map_or(0.0, |syncs| syncs as f64 / SENDS as f64));
    }
    eprintln!("durability, ours by its source: SQLCipher, journal_mode=WAL, synchronous=FULL");
    let pair = (
        per_send.first().copied().unwrap_or(0.0),
        per_send.get(1).copied().unwrap_or(0.0),
    );
    print(options, "xmtp.disk_syncs_per_send", &[pair], "none", "syncs")
}

/// Whether anybody can read what tables a database has. A header alone says nothing: SQLCipher can leave it as it is.
fn shows_tables(file: &Path) -> anyhow::Result<bool> {
    let bytes = match std::fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    let statement = b"CREATE TABLE";
    Ok(bytes.windows(statement.len()).any(|window| window == statement))
}

/// Calls that wait for the disk while the member sends. strace must be there, and be let.
fn syncs(member: &mut Member) -> anyhow::Result<usize> {
    // whatever is done once is done
    sends::send(member, 1, 1)?;
    let output = tempfile::NamedTempFile::new()?;
    let mut strace = Command::new("strace")
        .args(["-f", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(output.path())
        .args(["-p", &member.party.pid().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("strace")?;
    let mut said = BufReader::new(strace.stderr.take().context("no stderr")?);
    let mut first = String::new();
    said.read_line(&mut first)?;
    let attached = first.contains("attached");
    let sent = if attached {
        sends::send(member, SENDS, 1).map(drop)
    } else {
        Ok(())
    };
    let pid = i32::try_from(strace.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("no pid")?;
    let _ = kill_process(pid, Signal::INT);
    strace.wait()?;
    sent?;
    ensure!(attached, "{}", first.trim());
    let calls = std::fs::read_to_string(output.path())?;
    Ok(calls
        .lines()
        .filter(|line| line.contains("sync(") && !line.contains("resumed"))
        .count())
}
