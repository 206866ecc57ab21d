//! The published client: `clawdentity-cli` 0.1.7, another program by others, installed from Cargo's registry.

use std::path::{Path, PathBuf};

use crate::Command;

/// What is missing where there is none.
pub const MISSING: &str = "the published client (clawdentity-cli 0.1.7 in CHANCERY_CLAWDENTITY_CLI or on the PATH)";
/// What it calls itself.
const VERSION: &str = "clawdentity 0.1.7";

/// The file that `CHANCERY_CLAWDENTITY_CLI` names, else the first `clawdentity-cli` on the `PATH` that is it and not ours.
///
/// # Panics
/// When `CHANCERY_CLAWDENTITY_CLI` names another program.
#[must_use]
pub fn client() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHANCERY_CLAWDENTITY_CLI").map(PathBuf::from) {
        assert!(
            is_it(&named),
            "CHANCERY_CLAWDENTITY_CLI names {}, which is not {VERSION}",
            named.display()
        );
        return Some(named);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join("clawdentity-cli"))
        .find(|file| file.is_file() && is_it(file))
}

/// Whether it says the version. Ours knows shell completions, the published one does not: once ours has the same number,
/// that still tells them apart.
fn is_it(program: &Path) -> bool {
    let home = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let command = Command::new(program).env("HOME", home.path());
        program
            .is_file()
            .then(|| command.env("RUST_LOG", "off").args(arguments).run())
    };
    let version = run(&["--version"]).is_some_and(|done| done.stdout.trim() == VERSION);
    version && run(&["completions", "bash"]).is_some_and(|done| done.code == 2)
}
