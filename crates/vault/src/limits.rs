//! Every limit, with its reason.

use crate::error::VaultError;

/// Bytes of an entry's name: what a file name may have, too.
pub const MAX_NAME_BYTES: usize = 255;
/// Bytes of one secret: above any key, token or certificate chain; what is larger belongs into a file of its own.
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// Entries of one vault: a key for each of as many agents as one machine runs. Every save writes all of them.
pub const MAX_ENTRIES: usize = 10_000;
/// Bytes of a vault file: all of it is read into memory before anything is believed.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// Fewest characters of a new passphrase: the original's, and what NIST SP 800-63B 3.1.1.2 asks of one factor among more.
pub const MIN_PASSPHRASE_CHARS: usize = 8;
/// Bytes of a passphrase: no sentence is longer.
pub const MAX_PASSPHRASE_BYTES: usize = 4096;
/// Largest counter: the largest whole number that JSON readers agree on (RFC 7493 section 2.2).
pub(crate) const MAX_COUNTER: u64 = (1 << 53) - 1;

/// Whether `name` can name an entry: 1 to [`MAX_NAME_BYTES`] bytes of text without control characters.
///
/// # Errors
/// [`VaultError::Name`].
pub fn check_name(name: &str) -> Result<(), VaultError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(VaultError::Name);
    }
    Ok(())
}
