// What each fuzz target does with its bytes. A short loop over them runs in the ordinary tests, too
// (crates/relay-wire/tests/fuzz_bodies.rs).

use chancery_base::{Millis, Ulid, ed25519::SecretKey, json, jws};
use chancery_identity::{
    AgentDid, Ait, HumanDid, Origin, crl, http_signature,
    key_set::{KeySet, KeyStatus, RegistryKey},
    revocation,
    ticket::Ticket,
};
use chancery_relay_wire::Frame;

/// All targets.
pub(crate) const ALL: [fn(&[u8]); 6] = [frame, ait, ticket, did, http_signature, strict_json];

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

/// A frame that is read is written, and what is written is read as the same.
pub(crate) fn frame(data: &[u8]) {
    let Ok(frame) = Frame::parse(text(data)) else { return };
    let write = |frame: &Frame<'_>| frame.encode(Ulid::NIL, Millis(0)).unwrap_or_default();
    let once = write(&frame);
    assert_eq!(Frame::parse(&once).map(|frame| write(&frame)).unwrap_or_default(), once);
}

/// Nobody signs by accident.
pub(crate) fn ait(data: &[u8]) {
    let (token, key) = (text(data), SecretKey::from_seed(&[1; 32]).public());
    let keys = KeySet {
        keys: vec![RegistryKey::new("k", key, KeyStatus::Active)],
    };
    let Ok(issuer) = "https://registry.example.test".parse::<Origin>() else {
        return;
    };
    assert!(Ait::verify(token, &keys, &issuer, Millis(0)).is_err());
    assert!(crl::verify(token, &keys, &issuer, Millis(0)).is_err());
    assert!(revocation::verify(token, &keys, &issuer).is_err());
    let _ = Ait::inspect(token);
    // the readers behind the signature
    let _ = json::from_slice_exact::<chancery_identity::ait::Claims>(data);
    let _ = json::from_slice_exact::<crl::Claims>(data);
    let _ = jws::Unverified::parse_any_size(token, "AIT");
}

/// A ticket that is read is written as one that is read as the same.
pub(crate) fn ticket(data: &[u8]) {
    let Ok(ticket) = Ticket::parse(text(data)) else { return };
    assert_eq!(Ticket::parse(&ticket.encode()), Ok(ticket));
}

/// What is read as a DID or an origin is written as it was, or in its one form.
pub(crate) fn did(data: &[u8]) {
    let text = text(data);
    if let Ok(did) = text.parse::<AgentDid>() {
        assert_eq!(did.as_str(), text);
    }
    if let Ok(did) = text.parse::<HumanDid>() {
        assert_eq!(did.as_str(), text);
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.as_str().parse(), Ok(origin));
    }
}

/// The first line is `Signature-Input`, the second `Signature`, each further one a header.
pub(crate) fn http_signature(data: &[u8]) {
    let mut lines = text(data).lines();
    let (input, signature) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let request = http_signature::Request {
        method: "POST",
        authority: "a",
        path_and_query: "/b?c",
        headers: &headers,
    };
    let key = SecretKey::from_seed(&[1; 32]);
    let authorities = ["a".to_owned()];
    assert!(http_signature::verify(&request, input, signature, &authorities, Millis(0), &key.public()).is_err());
    let (input, signature) = http_signature::sign(&request, Millis(0), &key);
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    if names.windows(2).all(|pair| pair[0] != pair[1]) {
        assert!(http_signature::verify(&request, &input, &signature, &authorities, Millis(0), &key.public()).is_ok());
    }
}

/// Strict JSON is JSON, and has one canonical form.
pub(crate) fn strict_json(data: &[u8]) {
    let Ok(value) = json::from_slice_strict::<serde_json::Value>(data) else {
        return;
    };
    assert!(json::is_portable(text(data)));
    let Ok(canonical) = json::canonical(&value) else { return };
    let again = json::from_slice_strict::<serde_json::Value>(canonical.as_bytes());
    assert_eq!(
        again.ok().and_then(|value| json::canonical(&value).ok()),
        Some(canonical)
    );
}
