//! Admin tokens: valid, expired, from the future, tampered with, malformed, skewed (signet spec 8.6, 13).
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use std::sync::atomic::{AtomicU8, Ordering};

use chancery_base::{Millis, Rng, b64, ed25519::SecretKey, hex};
use chancery_keys::{
    AdminTokenError, TokenIds,
    admin_token::{Accepted, MAX_REMEMBERED, mint, verify},
    fingerprint,
};
use serde_json::{Value, json};

const NOW: Millis = Millis(1_767_225_600_000);
const HERE: &str = "daemon-1";

#[derive(Default)]
struct Counted(AtomicU8);

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

fn in_use(key: &SecretKey) -> Accepted {
    Accepted {
        key: key.public(),
        until: None,
    }
}

fn claims() -> Value {
    json!({
        "iat": NOW.secs(), "exp": NOW.secs() + 120, "sub": "admin",
        "iss": hex::encode(key().public().to_bytes()), "jti": "00".repeat(16),
    })
}

fn with(member: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[member] = value.into();
    claims
}

/// Signs any header and claims, as somebody with the key might.
fn signed(header: &str, claims: &str) -> String {
    let token = format!("{}.{}", b64::encode(header), b64::encode(claims));
    let signature = key().sign(token.as_bytes()).to_b64();
    format!("{token}.{signature}")
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

fn judged(claims: &Value) -> Result<(), AdminTokenError> {
    let token = signed(HEADER, &claims.to_string());
    verify(&token, &[in_use(&key())], HERE, NOW).map(|_| ())
}

#[test]
fn a_token_that_we_mint_has_the_shape_of_the_spec_and_is_taken() {
    let token = mint(&key(), NOW, 120, None, &Counted::default()).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(b64::decode(parts[0]).unwrap(), HEADER.as_bytes());
    let said: Value = serde_json::from_slice(&b64::decode(parts[1]).unwrap()).unwrap();
    assert_eq!(said, claims());
    let read = verify(&token, &[in_use(&key())], HERE, NOW).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), claims());
}

#[test]
fn the_issuer_is_the_key_or_its_fingerprint_and_nobody_else() {
    assert_eq!(judged(&with("iss", fingerprint::of(&key().public()))), Ok(()));
    let other = SecretKey::from_seed(&[4; 32]);
    for issuer in [
        hex::encode(other.public().to_bytes()),
        "admin".to_owned(),
        String::new(),
    ] {
        assert_eq!(judged(&with("iss", issuer)), Err(AdminTokenError::Issuer));
    }
    // named rightly, signed by another
    let token = mint(&other, NOW, 120, None, &Counted::default()).unwrap();
    let forged = format!(
        "{}.{}.{}",
        token.split('.').next().unwrap(),
        b64::encode(claims().to_string()),
        token.split('.').nth(2).unwrap()
    );
    assert_eq!(
        verify(&forged, &[in_use(&key())], HERE, NOW),
        Err(AdminTokenError::Signature)
    );
    assert_eq!(
        verify(&token, &[in_use(&key())], HERE, NOW),
        Err(AdminTokenError::Issuer)
    );
}

#[test]
fn clocks_may_differ_by_30_seconds() {
    let now = NOW.secs();
    let times = |iat: i64, exp: i64| {
        let mut claims = claims();
        claims["iat"] = iat.into();
        claims["exp"] = exp.into();
        judged(&claims)
    };
    assert_eq!(times(now + 30, now + 60), Ok(()));
    assert_eq!(times(now + 31, now + 60), Err(AdminTokenError::NotYet));
    assert_eq!(times(now - 120, now - 29), Ok(()));
    assert_eq!(times(now - 120, now - 30), Err(AdminTokenError::Expired));
}

#[test]
fn nobody_can_make_a_token_that_lives_longer_than_an_hour() {
    // finding 14.2 number 7: there, a token of ten years is taken
    assert_eq!(judged(&with("exp", NOW.secs() + 3600)), Ok(()));
    for exp in [
        NOW.secs() + 3601,
        NOW.secs() + 315_360_000,
        i64::MAX,
        NOW.secs(),
        NOW.secs() - 1,
        i64::MIN,
    ] {
        assert_eq!(judged(&with("exp", exp)), Err(AdminTokenError::Lifetime), "{exp}");
    }
    for ttl in [3601, 0, -1] {
        assert_eq!(
            mint(&key(), NOW, ttl, None, &Counted::default()),
            Err(AdminTokenError::Lifetime)
        );
    }
}

#[test]
fn a_token_that_names_a_daemon_is_good_there_only() {
    let token = mint(&key(), NOW, 120, Some(HERE), &Counted::default()).unwrap();
    assert!(verify(&token, &[in_use(&key())], HERE, NOW).is_ok());
    assert_eq!(
        verify(&token, &[in_use(&key())], "daemon-2", NOW),
        Err(AdminTokenError::Audience)
    );
}

#[test]
fn an_old_key_counts_until_its_overlap_is_over() {
    let new = SecretKey::from_seed(&[9; 32]);
    let until = NOW.plus(60_000);
    let keys = [
        in_use(&new),
        Accepted {
            key: key().public(),
            until: Some(until),
        },
    ];
    let late = |key: &SecretKey, at: Millis| {
        let token = mint(key, at, 120, None, &Counted::default()).unwrap();
        verify(&token, &keys, HERE, at).map(|_| ())
    };
    assert_eq!(late(&new, until), Ok(()));
    assert_eq!(late(&key(), until.plus(-1)), Ok(()));
    assert_eq!(late(&key(), until), Err(AdminTokenError::Issuer));
}

#[test]
fn another_header_or_claim_is_no_admin_token() {
    let body = claims().to_string();
    for header in [
        r#"{"alg":"none","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"AIT"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","kid":"k"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","kid":null}"#,
        r#"{"alg":"EdDSA","typ":"JWT","crit":[]}"#,
    ] {
        let token = signed(header, &body);
        assert_eq!(
            verify(&token, &[in_use(&key())], HERE, NOW),
            Err(AdminTokenError::Malformed),
            "{header}"
        );
    }
    for claims in [
        with("sub", "owner"),
        with("jti", "00"),
        with("jti", "zz".repeat(16)),
        with("iat", "now"),
        with("role", "superadmin"),
        with("aud", Value::Null),
        json!({ "sub": "admin" }),
    ] {
        assert_eq!(judged(&claims), Err(AdminTokenError::Malformed), "{claims}");
    }
    let twice = body.replace(r#""sub":"admin""#, r#""sub":"admin","sub":"admin""#);
    assert_eq!(
        verify(&signed(HEADER, &twice), &[in_use(&key())], HERE, NOW),
        Err(AdminTokenError::Malformed)
    );
    for token in ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", &"x".repeat(20_000)] {
        assert_eq!(
            verify(token, &[in_use(&key())], HERE, NOW),
            Err(AdminTokenError::Malformed)
        );
    }
}

#[test]
fn one_changed_character_makes_a_token_worthless() {
    let token = mint(&key(), NOW, 120, None, &Counted::default()).unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let error = verify(&changed, &[in_use(&key())], HERE, NOW).unwrap_err();
        // finding 14.2 number 8: there, the error quotes the token
        assert!(!format!("{error} {error:?}").contains(&changed[..20]));
    }
}

#[test]
fn where_tokens_work_once_a_second_use_is_refused_and_a_full_memory_refuses() {
    let mut used = TokenIds::default();
    let claims = |n: usize| {
        let said = with("jti", format!("{n:032x}"));
        verify(&signed(HEADER, &said.to_string()), &[in_use(&key())], HERE, NOW).unwrap()
    };
    let first = claims(0);
    assert_eq!(used.use_up(&first, NOW), Ok(()));
    assert_eq!(used.use_up(&first, NOW), Err(AdminTokenError::Replayed));
    let mut next = first.clone();
    for n in 1..MAX_REMEMBERED {
        next.jti = format!("{n:032x}");
        assert_eq!(used.use_up(&next, NOW), Ok(()));
    }
    next.jti = "ff".repeat(16);
    assert_eq!(used.use_up(&next, NOW), Err(AdminTokenError::Full));
    // still remembered for as long as the skew lets it in
    let almost = NOW.plus(149_000);
    assert_eq!(used.use_up(&next, almost), Err(AdminTokenError::Full));
    assert_eq!(used.use_up(&first, almost), Err(AdminTokenError::Replayed));
    assert_eq!(used.use_up(&next, NOW.plus(150_000)), Ok(()));
}
