//! Reading the settings from variables (spec 4.2), and the rules of signing keys (2.2).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::collections::HashMap;

use chancery_base::{ErrorCode as _, ed25519::SecretKey};
use chancery_identity::key_set::{KeySet, KeyStatus, RegistryKey};
use chancery_registry::{Config, ConfigError, Environment, Generated, KeysError, PerMinute, SigningKeys};
use common::SeededRng;

fn read(pairs: &[(&str, &str)]) -> Result<(Config, Vec<Generated>), ConfigError> {
    let map: HashMap<_, _> = pairs.iter().copied().collect();
    Config::from_env(
        |name| map.get(name).map(|value| (*value).to_owned()),
        &SeededRng::new(1),
    )
}

fn production() -> Vec<(&'static str, String)> {
    let key = SecretKey::from_seed(&[5; 32]);
    let x = key.public().to_b64();
    let keys = format!(r#"[{{"kid":"reg-1","alg":"EdDSA","crv":"Ed25519","x":"{x}","status":"active"}}]"#);
    vec![
        ("ENVIRONMENT", "production".to_owned()),
        ("APP_VERSION", "1.2.3".to_owned()),
        ("PROXY_URL", "https://relay.example.test/".to_owned()),
        ("REGISTRY_ISSUER_URL", "https://registry.example.test".to_owned()),
        ("EVENT_BUS_BACKEND", "memory".to_owned()),
        ("BOOTSTRAP_SECRET", "s3cret".to_owned()),
        ("BOOTSTRAP_INTERNAL_SERVICE_ID", "relay".to_owned()),
        ("BOOTSTRAP_INTERNAL_SERVICE_SECRET", common::SERVICE_SECRET.to_owned()),
        ("REGISTRY_SIGNING_KEY", key.to_b64().to_string()),
        ("REGISTRY_SIGNING_KEYS", keys),
    ]
}

fn read_production(change: &[(&'static str, &str)]) -> Result<(Config, Vec<Generated>), ConfigError> {
    let mut pairs = production();
    for (name, value) in change {
        pairs.retain(|(old, _)| old != name);
        pairs.push((name, (*value).to_owned()));
    }
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    read(&pairs)
}

#[test]
fn a_local_registry_needs_nothing_and_says_what_to_keep() {
    let (config, generated) = read(&[]).unwrap();
    assert_eq!(config.environment, Environment::Local);
    assert_eq!(config.issuer.as_str(), "http://127.0.0.1:8788");
    assert_eq!(config.proxy_url.as_str(), "http://127.0.0.1:4000");
    assert!(config.bootstrap_secret.is_none());
    let names: Vec<_> = generated.iter().map(|made| made.variable).collect();
    assert_eq!(names, ["BOOTSTRAP_INTERNAL_SERVICE_SECRET", "REGISTRY_SIGNING_KEY"]);

    // handed in again, they give the same registry
    let pairs: Vec<_> = generated
        .iter()
        .map(|made| (made.variable, made.value.expose()))
        .collect();
    let (again, generated) = read(&pairs).unwrap();
    assert!(generated.is_empty());
    assert_eq!(again.signing_keys.set(), config.signing_keys.set());
    assert_eq!(
        again.bootstrap_service.unwrap().secret.expose(),
        config.bootstrap_service.unwrap().secret.expose()
    );
}

#[test]
fn production_reads_all_variables() {
    let (config, generated) = read_production(&[
        ("REGISTRY_AUTHORITIES", "Registry.internal:8788, 10.0.0.1:8788"),
        ("REGISTRY_CREATE_PER_MINUTE", "7"),
        ("REGISTRY_FEED_READERS", "3"),
    ])
    .unwrap();
    assert!(generated.is_empty());
    assert_eq!(config.version, "1.2.3");
    assert_eq!(config.proxy_url.as_str(), "https://relay.example.test");
    assert_eq!(config.signing_keys.kid(), "reg-1");
    assert_eq!(
        config.authorities(),
        ["registry.example.test", "registry.internal:8788", "10.0.0.1:8788"]
    );
    assert_eq!((config.limits.create, config.limits.feed_readers), (PerMinute(7), 3));
}

#[test]
fn production_asks_for_every_variable_and_names_all_that_miss() {
    let error = read(&[("ENVIRONMENT", "production")]).unwrap_err();
    assert_eq!(error.code(), "CONFIG_VALIDATION_FAILED");
    for name in [
        "APP_VERSION",
        "PROXY_URL",
        "REGISTRY_ISSUER_URL",
        "BOOTSTRAP_SECRET",
        "BOOTSTRAP_INTERNAL_SERVICE_SECRET",
        "REGISTRY_SIGNING_KEY",
    ] {
        assert!(error.problems.contains_key(name), "{name}: {error}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_by_name() {
    for (name, value) in [
        ("ENVIRONMENT", "staging"),
        ("PROXY_URL", "relay.example.test"),
        ("PROXY_URL", "https://relay.example.test/path"),
        ("REGISTRY_ISSUER_URL", "http://registry.example.test"),
        ("REGISTRY_ISSUER_URL", "https://[::1]:1"),
        ("EVENT_BUS_BACKEND", "queue"),
        ("BOOTSTRAP_INTERNAL_SERVICE_SECRET", "secret"),
        ("BOOTSTRAP_INTERNAL_SERVICE_SECRET", " "),
        ("BOOTSTRAP_INTERNAL_SERVICE_ID", "a b"),
        ("BOOTSTRAP_INTERNAL_SERVICE_ID", ""),
        ("REGISTRY_SIGNING_KEY", "AAAA"),
        ("REGISTRY_SIGNING_KEYS", "{}"),
        ("REGISTRY_SIGNING_KEYS", "[]"),
        ("REGISTRY_REDEEM_PER_MINUTE", "0"),
        ("REGISTRY_REDEEM_PER_MINUTE", "many"),
    ] {
        let error = read_production(&[(name, value)]).unwrap_err();
        assert_eq!(
            error.problems.keys().collect::<Vec<_>>(),
            [&name],
            "{name}={value}: {error}"
        );
        assert!(!error.to_string().contains("s3cret"));
    }
    assert!(read_production(&[("REGISTRY_ISSUER_URL", "http://127.0.0.1:8788")]).is_ok());
    let error = read(&[("BOOTSTRAP_INTERNAL_SERVICE_ID", "relay")]).unwrap_err();
    assert!(error.problems.contains_key("BOOTSTRAP_INTERNAL_SERVICE_SECRET"));
}

#[test]
fn a_key_set_is_sound_or_refused() {
    let key = |n: u8| SecretKey::from_seed(&[n; 32]);
    let entry = |kid: &str, n: u8, status| RegistryKey::new(kid, key(n).public(), status);
    let new = |keys: Vec<RegistryKey>, n: u8| SigningKeys::new(KeySet { keys }, key(n));
    use KeyStatus::{Active, Retired, Revoked};
    assert_eq!(
        new(vec![entry("a", 1, Active), entry("b", 2, Retired)], 1)
            .unwrap()
            .kid(),
        "a"
    );
    let twice = new(vec![entry("a", 1, Active), entry("a", 2, Active)], 1).unwrap_err();
    assert_eq!(twice, KeysError::DuplicateName("a".to_owned()));
    let same = new(vec![entry("a", 1, Active), entry("b", 1, Active)], 1).unwrap_err();
    assert_eq!(same, KeysError::DuplicateKey("a".to_owned(), "b".to_owned()));
    for status in [Retired, Revoked] {
        assert_eq!(
            new(vec![entry("a", 1, status)], 1).unwrap_err(),
            KeysError::NoActiveEntry
        );
    }
    assert_eq!(
        new(vec![entry("a", 1, Active)], 2).unwrap_err(),
        KeysError::NoActiveEntry
    );
    let mut other = entry("a", 1, Active);
    other.alg = "RS256".to_owned();
    assert_eq!(new(vec![other], 1).unwrap_err(), KeysError::Unusable("a".to_owned()));
}

#[test]
fn codes_are_unique_and_in_their_one_form() {
    let mut codes: Vec<_> = chancery_registry::error::Refusal::ALL
        .iter()
        .map(|refusal| refusal.code())
        .collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
    let sound = |code: &str| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    assert!(codes.iter().all(|code| sound(code)));
}
