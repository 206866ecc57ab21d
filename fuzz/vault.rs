// What the fuzz target `vault` does with its bytes. A short loop over it runs in the ordinary tests, too
// (crates/vault/tests/fuzz_body.rs). Apart from bodies.rs, because the vault is on a higher floor than the rest.

use chancery_vault::{Secret, Status, keys};

/// No bytes panic; what is read without a key is one of the two formats, with names that are sorted and differ.
/// A key that is read is written as it was.
pub(crate) fn vault(data: &[u8]) {
    if let Ok(status) = Status::of_bytes(data) {
        assert!(status.format == 1 || status.format == 2);
        assert_eq!(status.vault_id.is_some(), status.format == 2);
        assert!(status.names.windows(2).all(|pair| pair[0] < pair[1]));
    }
    let _ = keys::from_pkcs8_hex(&Secret::from(data)).map(|key| {
        assert_eq!(keys::to_pkcs8_hex(&key), Secret::from(data));
    });
}
