//! Files that only a holder of the keys could write, and that must not be taken all the same.

use super::{Counted, key_file, private_dir};
use crate::crypt::Key;
use crate::document::Document;
use crate::error::VaultError;
use crate::kdf::Kdf;
use crate::secret::Secret;
use crate::vault::{Vault, fresh};

#[test]
fn a_body_with_a_counter_past_the_files_is_refused() {
    let dir = private_dir();
    let source = key_file(dir.path(), "key");
    let rng = Counted::new(1);
    let entries = [("a".to_owned(), Secret::from("one"))].into();
    let (document, keys) = fresh(&source, entries, &rng).unwrap();
    let mut body = document.body.clone();
    body.entries.get_mut("a").unwrap().counter = 2;
    assert!(matches!(Document::close(body, &keys), Err(VaultError::Corrupt(_))));
}

#[test]
fn argon2id_with_less_than_the_least_or_more_than_the_most_is_refused() {
    let kdf = |memory_kib, passes, lanes| Kdf::Argon2id {
        memory_kib,
        passes,
        lanes,
        salt: chancery_base::b64::encode([1; 16]),
    };
    assert!(Kdf::new(&Counted::new(1)).is_acceptable());
    assert!(kdf(19 * 1024, 2, 1).is_acceptable());
    assert!(kdf(2 * 1024 * 1024, 1 + 1, 4).is_acceptable());
    for (memory, passes, lanes) in [
        (8, 1, 1),
        (19 * 1024, 1, 1),
        (1024, 64, 1),
        (1 << 30, 2, 1),
        (65536, 65, 1),
        (65536, 3, 0),
        (65536, 3, 65),
    ] {
        assert!(!kdf(memory, passes, lanes).is_acceptable(), "{memory} {passes} {lanes}");
    }
}

#[test]
fn the_same_secret_under_two_names_and_twice_under_one_has_nothing_in_common() {
    let dir = private_dir();
    let source = key_file(dir.path(), "key");
    let rng = Counted::new(1);
    let path = dir.path().join("vault.json");
    let mut vault = Vault::create(&path, &source, &rng).unwrap();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for name in ["a", "b", "a"] {
        vault.set(name, Secret::from("the same")).unwrap();
        vault.save(&rng).unwrap();
        let text = std::fs::read(&path).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let sealed = chancery_base::b64::decode(json["entries"][name]["sealed"].as_str().unwrap()).unwrap();
        assert_eq!(sealed.len(), "the same".len() + 16);
        for other in &seen {
            assert!(
                !sealed
                    .windows(8)
                    .any(|window| other.windows(8).any(|other| other == window))
            );
        }
        seen.push(sealed);
    }
    // the secret is nowhere in the file
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("the same"));
    let _: Key = vault.derive("test").unwrap();
}
