//! The body of the fuzz target `vault` (`fuzz/`), for as long as an ordinary test may take.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

#[path = "../../../fuzz/vault.rs"]
mod body;

use chancery_vault::{Secret, keys, v1};
use common::{Counted, World};
use proptest::prelude::*;

/// Files and texts that are read, to begin from.
fn samples() -> Vec<Vec<u8>> {
    let world = World::with(&[("a", "one"), ("signing_private_key", "x")]);
    let old = world.beside("old.json");
    let key = v1::Source::Key(Secret::from([7; 32].as_slice()));
    let mut vault = v1::Vault::create(&old, &key, &world.rng).unwrap();
    vault.set("a", &Secret::from("one"), &world.rng).unwrap();
    vault.save().unwrap();
    let signer = chancery_base::ed25519::SecretKey::generate(&Counted::new(9));
    vec![
        std::fs::read(&world.path).unwrap(),
        std::fs::read(world.beside("vault.json.seen")).unwrap(),
        std::fs::read(&old).unwrap(),
        keys::to_pkcs8_hex(&signer).as_bytes().to_vec(),
    ]
}

#[test]
fn the_samples_pass() {
    samples().iter().for_each(|sample| body::vault(sample));
}

proptest! {
    #[test]
    fn any_bytes_pass(bytes: Vec<u8>, text in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        body::vault(&bytes);
        body::vault(text.as_bytes());
        body::vault(json.as_bytes());
    }

    #[test]
    fn spoilt_samples_pass(sample in prop::sample::select(samples()), at: prop::sample::Index, with: Vec<u8>, cut in 0..9_usize) {
        let mut bytes = sample;
        let from = at.index(bytes.len() + 1);
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with);
        body::vault(&bytes);
    }
}
