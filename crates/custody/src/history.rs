//! The rotation statements of one holder, one a line.
//!
//! A statement is in the vault before it is here, so a crash between the two costs nothing: whoever reads writes the last one
//! if it is missing. A line that a crash cut short is taken away first.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use chancery_base::{ed25519::PublicKey, json};
use chancery_keys::{RotationStatement, rotation};
use rustix::fs::{Mode, OFlags};

use crate::error::CustodyError;
use crate::name::KeyHolder;
use crate::places;

/// Bytes of a history: a rotation a day for eighty years.
const MAX_BYTES: u64 = 16 << 20;

pub(crate) struct History {
    path: PathBuf,
    holder: String,
    first: PublicKey,
    last: Option<RotationStatement>,
}

impl History {
    pub(crate) fn new(path: PathBuf, holder: &KeyHolder, first: PublicKey, last: Option<RotationStatement>) -> Self {
        Self {
            path,
            holder: holder.to_string(),
            first,
            last,
        }
    }

    /// All statements from the first key to the one in use, after the last one was written if it was missing.
    pub(crate) fn read(&self) -> Result<Vec<RotationStatement>, CustodyError> {
        let Some(last) = &self.last else {
            return Ok(Vec::new());
        };
        let broken = || CustodyError::History(self.holder.clone());
        let mut file = self.open()?;
        // nobody else adds a line meanwhile; the kernel lets go when the process dies
        file.lock().map_err(|error| self.failed(error))?;
        if file.metadata().map_err(|error| self.failed(error))?.len() > MAX_BYTES {
            return Err(broken());
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| self.failed(error))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        let mut statements = lines
            .filter(|line| !line.is_empty())
            .map(|line| json::from_object_strict(line).map_err(|_| broken()))
            .collect::<Result<Vec<RotationStatement>, _>>()?;
        let missing = statements.last() != Some(last);
        if missing {
            statements.push(last.clone());
        }
        let leads_to = rotation::follow(&self.holder, self.first, &statements);
        if statements.len() as u64 != last.sequence || leads_to != Ok(last.new_key) {
            return Err(broken());
        }
        if missing {
            self.append(&mut file, whole as u64, last)?;
        }
        Ok(statements)
    }

    fn append(&self, file: &mut File, at: u64, statement: &RotationStatement) -> Result<(), CustodyError> {
        let mut line = serde_json::to_vec(statement).map_err(|_| CustodyError::History(self.holder.clone()))?;
        line.push(b'\n');
        let (head, tail) = line.split_at(line.len() / 2);
        let written = (|| {
            step()?;
            file.set_len(at)?;
            file.seek(SeekFrom::Start(at))?;
            step()?;
            file.write_all(head)?;
            step()?;
            file.write_all(tail)?;
            step()?;
            file.sync_all()
        })();
        written.map_err(|error| self.failed(error))
    }

    /// Opens the file, made if it is not there: ours, mode 0600, no link.
    fn open(&self) -> Result<File, CustodyError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        if !folder.is_dir() {
            step().map_err(|error| self.failed(error))?;
            places::make(folder)?;
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open(&self.path, flags, Mode::from_raw_mode(0o600))
            .map_err(|error| self.failed(error.into()))?;
        let file = File::from(fd);
        let found = file.metadata().map_err(|error| self.failed(error))?;
        if !found.is_file() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            return Err(CustodyError::History(self.holder.clone()));
        }
        if found.len() == 0 {
            // the name is to be there after a crash, too
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| self.failed(error))?;
        }
        Ok(file)
    }

    fn failed(&self, error: std::io::Error) -> CustodyError {
        CustodyError::io("write", &self.path, error)
    }
}

/// A step of writing, which a test may stop at.
fn step() -> std::io::Result<()> {
    #[cfg(test)]
    chancery_vault::faults::step()?;
    Ok(())
}
