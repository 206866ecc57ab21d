//! The keys beside an inbox's file, each in a file of its own that only its owner reads (0600).

use std::path::{Path, PathBuf};

use chancery_base::Rng;
use chancery_store::files;
use chancery_terminal::Failure;
use chancery_xmtp_wire::identity::WalletKey;
use zeroize::Zeroizing;

use super::error::Mistake;

/// Ending of the file that holds the key of the wallet: 64 hex digits.
pub const WALLET: &str = "wallet";

/// `FILE.wallet`.
#[must_use]
pub fn beside(db: &Path, ending: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Reads the wallet's key from `path`.
///
/// # Errors
/// [`Mistake::NoWallet`], [`Mistake::Wallet`], or when the file cannot be read.
pub fn read_wallet(path: &Path) -> Result<WalletKey, Failure> {
    let bytes = match files::read_private(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.is_not_found() => return Err(Mistake::NoWallet(path.to_owned()).into()),
        Err(error) => return Err(error.into()),
    };
    let key = digits(&bytes).and_then(|key| WalletKey::from_bytes(&key).ok());
    key.ok_or_else(|| Mistake::Wallet(path.to_owned()).into())
}

/// Reads the wallet's key from `path`, or makes one there.
///
/// # Errors
/// Those of [`read_wallet`] but the first, or when the file cannot be written.
pub fn wallet(path: &Path, rng: &impl Rng) -> Result<WalletKey, Failure> {
    if path.exists() {
        return read_wallet(path);
    }
    // 32 random bytes are no key once in 2^128
    let key = WalletKey::generate(rng).map_err(|_| Mistake::Wallet(path.to_owned()))?;
    let text: Zeroizing<String> = Zeroizing::new(key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect());
    files::write_private(path, text.as_bytes())?;
    Ok(key)
}

/// 64 hex digits in either case, with or without 0x in front and a line end behind.
fn digits(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let (pairs, rest) = text.as_chunks::<2>();
    let mut key = Zeroizing::new([0; 32]);
    if pairs.len() != key.len() || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, [high, low]) in key.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use chancery_serve::system::OsRng;

    use super::*;

    #[test]
    fn a_wallet_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = beside(&dir.path().join("me.db"), WALLET);
        assert_eq!(path.file_name().unwrap(), "me.db.wallet");
        assert_eq!(read_wallet(&path).unwrap_err().code, "XMTP_COMMAND_WALLET_MISSING");
        let made = wallet(&path, &OsRng).unwrap();
        assert!(files::is_private(&path).unwrap());
        for again in [wallet(&path, &OsRng).unwrap(), read_wallet(&path).unwrap()] {
            assert_eq!(again.address(), made.address());
        }
    }

    #[test]
    fn a_key_is_read_as_others_write_it_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wallet");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_wallet(&path).map(|key| key.address().to_string())
        };
        // the first account of the mnemonic "test test test ... junk", which every development tool knows
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        for text in [key, &format!("0x{key}\n"), &key.to_uppercase()] {
            assert_eq!(read(text).unwrap(), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        }
        for text in [
            "",
            "garbage",
            &key[1..],
            &"0".repeat(64),
            &"f".repeat(64),
            &format!("{key}00"),
        ] {
            let failure = read(text).unwrap_err();
            assert_eq!(failure.code, "XMTP_COMMAND_WALLET_INVALID", "{text}");
            assert!(!failure.message.contains("garbage"));
        }
    }
}
