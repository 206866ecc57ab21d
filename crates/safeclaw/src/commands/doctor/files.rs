//! Whose the files are, and who may read them.

use std::{
    fs::Metadata,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

use chancery_terminal::checks::Report;

use crate::Home;

const ID: &str = "files";
const LABEL: &str = "Files";

pub(super) fn look(home: &Home, report: &mut Report) {
    let dir = home.dir();
    let found = match std::fs::symlink_metadata(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = "run `safeclaw onboard`";
            report.warn(
                "directory",
                "Directory",
                format!("{} is not there", dir.display()),
                hint,
            );
            return;
        }
        Err(error) => {
            let text = format!("{} cannot be looked at: {error}", dir.display());
            report.fail("directory", "Directory", text, "check who owns it");
            return;
        }
    };
    match fault(dir, &found) {
        Some((text, hint)) => report.fail("directory", "Directory", text, &hint),
        None if !found.is_dir() => {
            let text = format!("{} is no directory", dir.display());
            report.fail("directory", "Directory", text, "move it away");
            return;
        }
        None => report.pass("directory", "Directory", format!("{}, mode 0700", dir.display())),
    }
    if found.is_symlink() {
        return;
    }
    let mut faults = Vec::new();
    let looked_at = walk(dir, &mut faults);
    if faults.is_empty() {
        let text = format!("{looked_at} files and folders, ours and nobody else's to read or write");
        report.pass(ID, LABEL, text);
    }
    for (text, hint) in faults {
        report.fail(ID, LABEL, text, &hint);
    }
}

/// What is wrong below `dir`; how much was looked at.
fn walk(dir: &Path, faults: &mut Vec<(String, String)>) -> usize {
    let unreadable = |path: &Path, error: &std::io::Error| {
        (
            format!("{} cannot be looked at: {error}", path.display()),
            "check who owns it".to_owned(),
        )
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            faults.push(unreadable(dir, &error));
            return 0;
        }
    };
    let mut looked_at = 0;
    for entry in entries.flatten() {
        let path = entry.path();
        looked_at += 1;
        match std::fs::symlink_metadata(&path) {
            // removed meanwhile
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => faults.push(unreadable(&path, &error)),
            Ok(found) => {
                faults.extend(fault(&path, &found));
                if found.is_dir() {
                    looked_at += walk(&path, faults);
                }
            }
        }
    }
    looked_at
}

/// What is wrong with one of them, and what to do.
fn fault(path: &Path, found: &Metadata) -> Option<(String, String)> {
    let shown = path.display();
    let kind = found.file_type();
    if kind.is_symlink() {
        let text = format!("{shown} is a symbolic link, and what it leads to may be anybody's");
        return Some((text, "put the file itself in its place".to_owned()));
    }
    if kind.is_socket() || kind.is_fifo() || kind.is_block_device() || kind.is_char_device() {
        return Some((format!("{shown} is no ordinary file"), "remove it".to_owned()));
    }
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        let text = format!("{shown} belongs to user {}, not to {us}", found.uid());
        return Some((text, format!("look at it, then run: chown {us} '{shown}'")));
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        let text = format!("{shown} has mode {mode:04o}: others may read or write it");
        return Some((text, format!("chmod go-rwx '{shown}'")));
    }
    None
}
