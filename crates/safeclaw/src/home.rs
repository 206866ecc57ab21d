//! Where the files are.

use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use chancery_store::files;

use crate::{CliError, Code, Result};

/// The data directory, in the home directory.
const DIR: &str = ".safeclaw";

/// `~/.safeclaw`, which is nobody's but ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// The data directory below the home directory `home`.
    #[must_use]
    pub fn below(home: &Path) -> Self {
        Self { dir: home.join(DIR) }
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.dir.join("vault.json")
    }

    /// The owner's public key.
    #[must_use]
    pub fn owner(&self) -> PathBuf {
        self.dir.join("owner.pub")
    }

    /// The database of skills, grants, trust and audit records.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.dir.join("skills.db")
    }

    /// The configuration of the original.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("safeclaw.json")
    }

    /// The sessions of the original.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.dir.join("sessions")
    }

    /// Makes the data directory, mode 0700. One that is there and ours, and that others may read but not write, as the
    /// original makes it, is closed to them.
    ///
    /// # Errors
    /// [`Code::FileFailed`] when it cannot be made or closed, or others may write to it.
    pub fn make(&self) -> Result<()> {
        files::create_private_dir(&self.dir)?;
        let failed = |what: &str, error: std::io::Error| {
            let message = format!("cannot {what} {}: {error}", self.dir.display());
            CliError::new(Code::FileFailed, message)
        };
        let found = std::fs::metadata(&self.dir).map_err(|error| failed("look at", error))?;
        if found.mode() & 0o022 != 0 {
            let message = format!("others may write to {}", self.dir.display());
            let advice = format!("look at what is in it, then run: chmod 0700 {}", self.dir.display());
            return Err(CliError::new(Code::FileFailed, message).hint(advice));
        }
        if found.mode() & 0o777 != 0o700 {
            std::fs::set_permissions(&self.dir, Permissions::from_mode(0o700))
                .map_err(|error| failed("close", error))?;
        }
        Ok(())
    }
}
