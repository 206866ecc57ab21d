//! What the kernel is tried out with, in a process that ends right after.

use std::{collections::BTreeMap, ffi::OsString, fs, io::Write as _, process::ExitCode};

use landlock::{ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetStatus};
use rustix::thread::{SecureComputingMode, UnshareFlags, secure_computing_mode};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Name of the command that runs one of them. It is none of [`Cli`](crate::cli::Cli), so that no help, completion or
/// suggestion names it.
pub(crate) const COMMAND: &str = "__probe";

/// What can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Restricting itself to no files at all.
    Landlock,
    /// Putting a system-call filter on itself.
    Seccomp,
    /// A user namespace with mounts, network, processes and names of its own.
    Namespaces,
}

impl Probe {
    pub(super) const ALL: [Self; 3] = [Self::Landlock, Self::Seccomp, Self::Namespaces];

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Landlock => "kernel.landlock",
            Self::Seccomp => "kernel.seccomp",
            Self::Namespaces => "kernel.namespaces",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Landlock => "Landlock",
            Self::Seccomp => "seccomp",
            Self::Namespaces => "User namespaces",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Namespaces => "namespaces",
        }
    }

    fn try_out(self) -> Result<String, String> {
        match self {
            Self::Landlock => landlock(),
            Self::Seccomp => seccomp(),
            Self::Namespaces => namespaces(),
        }
    }
}

/// Where `arguments` name a trial, tries it in this process, which has one thread, writes one line to stdout, and says by
/// the exit code whether it worked.
#[must_use]
pub(crate) fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, command, name] = arguments else {
        return None;
    };
    let probe = Probe::ALL.into_iter().find(|probe| name == probe.name());
    let probe = probe.filter(|_| command == COMMAND)?;
    let (text, code) = match probe.try_out() {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(text) => (text, ExitCode::FAILURE),
    };
    // whoever started it is gone, or reads
    let _ = writeln!(std::io::stdout(), "{text}");
    Some(code)
}

fn landlock() -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("not to be had: {error}");
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| failed(&error))?;
    let version = match status.landlock {
        landlock::LandlockStatus::Available {
            effective_abi,
            kernel_abi,
        } => kernel_abi.unwrap_or(effective_abi as i32),
        other => return Err(format!("not to be had: {other:?}")),
    };
    // the word of the kernel, and the deed
    match (status.ruleset, fs::read_dir("/")) {
        (RulesetStatus::FullyEnforced, Err(_)) => Ok(format!("ABI {version}, and it holds")),
        _ => Err(format!("ABI {version}, and it does not hold")),
    }
}

fn seccomp() -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("not to be had: {error}");
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| failed(&error))?;
    // names no call: everything goes on as before
    let filter = SeccompFilter::new(BTreeMap::new(), SeccompAction::Allow, SeccompAction::KillProcess, arch);
    let program: BpfProgram = filter.and_then(BpfProgram::try_from).map_err(|error| failed(&error))?;
    seccompiler::apply_filter(&program).map_err(|error| failed(&error))?;
    match secure_computing_mode() {
        Ok(SecureComputingMode::Filter) => Ok("a filter can be put on".to_owned()),
        other => Err(format!("a filter was put on, and the kernel says {other:?}")),
    }
}

fn namespaces() -> Result<String, String> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    unshare(UnshareFlags::NEWUSER).map_err(|error| format!("not to be had: {error}"))?;
    let map = || -> std::io::Result<()> {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {} 1", user.as_raw()))?;
        fs::write("/proc/self/gid_map", format!("0 {} 1", group.as_raw()))
    };
    map().map_err(|error| format!("one can be made, and no user is mapped into it: {error}"))?;
    // some systems let everybody make one and then give nothing in it
    let inner =
        UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    unshare(inner).map_err(|error| format!("one can be made, and nothing else inside it: {error}"))?;
    Ok("can be made, with mounts, network, processes and names of their own".to_owned())
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of FILES alone, which is not asked for"
)]
fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}
