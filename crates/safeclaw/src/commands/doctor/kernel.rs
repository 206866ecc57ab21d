//! What the kernel lets us do. Each of these is tried.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use chancery_terminal::checks::Report;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

use super::probe::{self, Probe};

/// The magic number of a cgroup2 file system (statfs(2)).
const CGROUP2_MAGIC: rustix::fs::FsWord = 0x6367_7270;
/// Controllers that limits are set with (safeclaw spec 15.6).
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

pub(super) fn look(report: &mut Report) {
    opening(report);
    for probe in Probe::ALL {
        let (id, label) = (probe.id(), probe.label());
        match in_a_child(probe) {
            Ok(text) => report.pass(id, label, text),
            Err(text) => report.warn(id, label, text, "the sandbox of a later version will need it"),
        }
    }
    cgroups(report);
}

/// Paths are judged by what opens beneath a granted directory; without this call nothing is opened for a skill.
fn opening(report: &mut Report) {
    const ID: &str = "kernel.openat2";
    const LABEL: &str = "openat2";
    let inside = openat2(
        CWD,
        ".",
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH,
    );
    let outside = openat2(
        CWD,
        "/",
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH,
    );
    match (inside, outside) {
        (Ok(_), Err(Errno::XDEV)) => report.pass(ID, LABEL, "opens beneath a directory, and nothing outside"),
        (Err(error), _) => {
            let text = format!("not to be had: {error}; no file is opened for a skill");
            report.fail(
                ID,
                LABEL,
                text,
                "use a kernel from 5.6 on, or a container that lets it through",
            );
        }
        (Ok(_), _) => report.fail(ID, LABEL, "opens what is outside a directory", "use another kernel"),
    }
}

/// Tries `probe` in a process of its own, which it may leave crippled.
fn in_a_child(probe: Probe) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be tried: {error}");
    let program = std::env::current_exe().map_err(cannot)?;
    let output = Command::new(program)
        .args([probe::COMMAND, probe.name()])
        .env_clear()
        // the child needs no file of ours
        .env("HOME", "/")
        .stdin(Stdio::null())
        .output()
        .map_err(cannot)?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match (output.status.success(), text.is_empty()) {
        (true, false) => Ok(text),
        (false, false) => Err(text),
        (_, true) => Err(format!("the trial ended with {}", output.status)),
    }
}

/// Tries to make a control group below our own.
fn cgroups(report: &mut Report) {
    const ID: &str = "kernel.cgroups";
    const LABEL: &str = "Control groups";
    const HINT: &str = "run it in a unit with Delegate=yes (systemd.resource-control(5)); otherwise limits are rlimits";
    let Some(own) = own_group() else {
        return report.warn(ID, LABEL, "there is no cgroup2 hierarchy that we are in", HINT);
    };
    let trial = own.join(format!("safeclaw-doctor-{}", std::process::id()));
    if let Err(error) = std::fs::create_dir(&trial) {
        return report.warn(
            ID,
            LABEL,
            format!("none can be made below {}: {error}", own.display()),
            HINT,
        );
    }
    let controllers = std::fs::read_to_string(trial.join("cgroup.controllers")).unwrap_or_default();
    // an empty group is gone at once
    let _ = std::fs::remove_dir(&trial);
    let has = |name: &&str| controllers.split_whitespace().any(|controller| controller == *name);
    let missing: Vec<&str> = CONTROLLERS.into_iter().filter(|name| !has(name)).collect();
    if missing.is_empty() {
        report.pass(
            ID,
            LABEL,
            format!("can be made below {}, with cpu, memory and pids", own.display()),
        );
    } else {
        let text = format!("can be made below {}, without {}", own.display(), missing.join(", "));
        report.warn(ID, LABEL, text, HINT);
    }
}

fn own_group() -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounted = |mount: &&str| rustix::fs::statfs(Path::new(mount)).is_ok_and(|found| found.f_type == CGROUP2_MAGIC);
    let mount = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].into_iter().find(mounted)?;
    Some(Path::new(mount).join(own))
}
