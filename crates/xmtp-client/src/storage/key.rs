//! The key of an inbox's file, and the file where it is kept for those who have no vault.

use std::{
    ffi::OsString,
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use chancery_base::{Category, ErrorCode, Rng};
use chancery_store::files::{self, FileError};
use zeroize::Zeroizing;

/// The key with which an inbox's file is encrypted: 32 random bytes. Whoever loses it has lost the inbox.
#[derive(Clone)]
pub struct InboxKey(Zeroizing<[u8; 32]>);

/// Why a file yields no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It could not be read or made.
    #[error(transparent)]
    File(#[from] FileError),
    /// It does not hold 64 hex digits.
    #[error("{} holds no key of an inbox", .0.display())]
    Malformed(PathBuf),
    /// Others may read it.
    #[error("the key {} can be read by others", .0.display())]
    Public(PathBuf),
}

impl ErrorCode for KeyFileError {
    fn code(&self) -> &'static str {
        match self {
            Self::File(error) if error.is_not_found() => "XMTP_INBOX_KEY_MISSING",
            Self::File(_) => "XMTP_INBOX_KEY_FILE",
            Self::Malformed(_) => "XMTP_INBOX_KEY_MALFORMED",
            Self::Public(_) => "XMTP_INBOX_KEY_PUBLIC",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(error) if error.is_not_found() => Some("name the file that was made with the inbox"),
            Self::File(error) => error.hint(),
            Self::Malformed(_) => Some("a key is 64 hex digits"),
            Self::Public(_) => Some("chmod 600 the file"),
        }
    }
}

impl InboxKey {
    /// The key that is these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// A new key.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        Self(Zeroizing::new(rng.bytes()))
    }

    /// Where the key of the inbox at `path` is kept unless somebody says otherwise: beside it, as `<path>.key`.
    #[must_use]
    pub fn beside(path: &Path) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(".key");
        name.into()
    }

    /// The key in the file at `path`.
    ///
    /// # Errors
    /// Any [`KeyFileError`].
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = Zeroizing::new(files::read_private(path)?);
        if !files::is_private(path)? {
            return Err(KeyFileError::Public(path.to_owned()));
        }
        let malformed = || KeyFileError::Malformed(path.to_owned());
        let digits = text.trim_ascii_end();
        if digits.len() != 64 {
            return Err(malformed());
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair
                .iter()
                .try_fold(0, |sum, digit| Some(sum * 16 + hex_value(*digit)?))
                .ok_or_else(malformed)?;
        }
        Ok(Self(key))
    }

    /// The key in the file at `path`; when there is no such file, a new key, which the file then holds durably (mode 0600).
    /// For making an inbox: an inbox that is there and whose key is not cannot be helped by another key.
    ///
    /// # Errors
    /// Any [`KeyFileError`].
    pub fn read_or_make(path: &Path, rng: &impl Rng) -> Result<Self, KeyFileError> {
        match Self::read(path) {
            Err(KeyFileError::File(error)) if error.is_not_found() => {}
            found => return found,
        }
        let made = Self::generate(rng);
        let mut text = made.hex();
        text.push('\n');
        match files::create_private(path, text.as_bytes()) {
            Ok(()) => Ok(made),
            // somebody else was faster
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(error.into()),
        }
    }

    /// In lower-case hex digits.
    pub(super) fn hex(&self) -> Zeroizing<String> {
        // of its full size from the start: what grows leaves copies behind
        let mut text = Zeroizing::new(String::with_capacity(80));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        text
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

impl fmt::Debug for InboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboxKey(..)")
    }
}
