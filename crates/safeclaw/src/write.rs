//! Files that a person asked for, such as a key or a statement.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::{CliError, Code, Result};

/// Writes `bytes` to a new file, mode 0600; never over one that is there, and through no link.
///
/// # Errors
/// [`Code::FileExists`], [`Code::FileFailed`].
pub(crate) fn new_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::new(
            Code::FileExists,
            format!("there is a file at {} already", path.display()),
        ),
        _ => CliError::new(Code::FileFailed, format!("cannot write {}: {error}", path.display())),
    })
}
