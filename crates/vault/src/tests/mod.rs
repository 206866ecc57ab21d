//! What only the inside of the crate can test.

mod crash;
mod format;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_base::{Rng, digest};

use crate::source::{KeySource, create_key_file};

/// Bytes that differ from call to call and not from run to run.
pub(crate) struct Counted(AtomicU64);

impl Counted {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let block = digest::sha256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// A key file in `folder`, made unless it is there.
pub(crate) fn key_file(folder: &Path, name: &str) -> KeySource {
    let path = folder.join(name);
    if !path.exists() {
        create_key_file(&path, &Counted::new(name.len() as u64 + 100)).unwrap();
    }
    KeySource::KeyFile(path)
}

/// A folder of its own, mode 0700.
pub(crate) fn private_dir() -> tempfile::TempDir {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().unwrap()
}
