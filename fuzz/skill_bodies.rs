// What each fuzz target of skills does with its bytes. A short loop over them runs in the ordinary tests, too
// (crates/manifest/tests/fuzz_bodies.rs).

use std::num::NonZeroUsize;

use chancery_base::ed25519::SecretKey;
use chancery_manifest::{
    Envelope, Limits, Manifest, Options, RevocationList, Rotation, SignedDocument, json, key_text,
    legacy::{self, Document, Verdict},
    skill_md, verify_manifest_signature,
};
use chancery_policy::{
    AddressClass, Capability, Endpoint, Executable, ExecutablePattern, GrantPath, HostPattern, Permission, Request,
    Resource, ResourcePath, Scheme, address_class,
};

/// All targets.
pub(crate) const ALL: [fn(&[u8]); 5] = [manifest, signature, path, host, executable];

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

/// A manifest that is taken is taken again in its canonical form, as the same; what is refused has a reason.
pub(crate) fn manifest(data: &[u8]) {
    match Manifest::parse(data, &Options::default()) {
        Ok(manifest) => {
            let payload = manifest.payload();
            let again = Manifest::read(payload.as_bytes()).map(|again| again.digest());
            assert_eq!(again.ok(), Some(manifest.digest()));
            let difference = chancery_manifest::diff(Some(&manifest), &manifest);
            assert!(!difference.needs_approval());
            for tool in manifest.tools() {
                let _ = tool.check_arguments(&serde_json::json!({ "a": [1, "b", null] }));
            }
        }
        Err(problems) => assert!(!problems.as_slice().is_empty()),
    }
    if let Ok(value) = json::read(data, &Limits::default()) {
        let form = json::jcs(&value).unwrap_or_default();
        let again = json::read(form.as_bytes(), &Limits::default())
            .ok()
            .and_then(|value| json::jcs(&value));
        assert_eq!(again, Some(form));
        // what we read strictly the original reads, too, and to the same text
        if let Ok(document) = Document::load(data) {
            assert_eq!(legacy::canonical(document.value()), legacy::canonical(&value));
        }
    }
    if let Ok(imported) = skill_md::import("x", text(data), &[]) {
        assert!(imported.requests().len() <= Capability::ALL.len());
    }
}

/// Nobody signs by accident, and whatever is signed verifies.
pub(crate) fn signature(data: &[u8]) {
    let key = SecretKey::from_seed(&[7; 32]);
    let public = key.public();
    if let Ok(envelope) = Envelope::parse(data) {
        assert!(envelope.verify(&[public], NonZeroUsize::MIN).is_err());
        assert!(
            envelope
                .verify_as::<RevocationList>(&[public], NonZeroUsize::MIN)
                .is_err()
        );
        let _ = envelope.claimed_key();
        let again = Envelope::parse(envelope.to_json().as_bytes());
        assert_eq!(again.ok(), Some(envelope));
    }
    let _ = Rotation::read(data).map(|rotation| assert_eq!(rotation.payload().as_bytes(), data));
    let _ = RevocationList::read(data).map(|list| assert_eq!(list.payload().as_bytes(), data));
    if let Ok(value) = json::read(data, &Limits::default()) {
        assert!(!matches!(legacy::verdict(&value), Verdict::Accept { key } if key == public));
        if let Some(signed) = legacy::sign(&value, &key) {
            assert!(legacy::accepts(&signed));
            let covered = legacy::uncovered(&signed).is_none();
            assert_eq!(matches!(legacy::verdict(&signed), Verdict::Accept { .. }), covered);
        }
    }
    let mut lines = text(data).lines();
    let (content, hex) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let check = verify_manifest_signature(content, hex, &key_text::public_key_to_hex(&public));
    assert!(!check.valid);
    let _ = verify_manifest_signature(content, hex, lines.next().unwrap_or_default());
    let _ = key_text::private_key_from_hex(content);
}

fn request(capability: Capability, resource: Resource) -> Request {
    Request::new(capability, resource)
}

/// The first line is a grant, the second what is asked for. Whatever is covered lies below the grant, component by component.
pub(crate) fn path(data: &[u8]) {
    let mut lines = text(data).split('\n');
    let (grant, asked) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (Ok(grant), Ok(asked)) = (grant.parse::<GrantPath>(), asked.parse::<ResourcePath>()) else {
        return;
    };
    assert_eq!(grant.as_str().parse(), Ok(grant.clone()));
    assert_eq!(asked.as_str().parse(), Ok(asked.clone()));
    assert!(!asked.as_str().split('/').any(|part| part == ".." || part == "."));
    let below = std::path::Path::new(asked.as_str()).starts_with(grant.as_str());
    let covered = grant.covers(&asked);
    assert!(below || !covered);
    assert_eq!(grant.relative(&asked).is_some(), covered);
    if let Some(relative) = grant.relative(&asked) {
        assert!(!relative.starts_with('/'));
    }
    assert!(grant.covers(&ResourcePath::from(&grant)));
}

/// The first line is a grant, the second a host, the third a URL. Normalising twice is normalising once, and an address that
/// is not of the Internet is covered by an address only.
pub(crate) fn host(data: &[u8]) {
    let mut lines = text(data).split('\n');
    let pattern = lines.next().unwrap_or_default().parse::<HostPattern>();
    let asked = Endpoint::parse(Scheme::Https, lines.next().unwrap_or_default());
    let url = Endpoint::of_url(lines.next().unwrap_or_default());
    if let Ok(pattern) = &pattern {
        assert_eq!(pattern.to_string().parse().as_ref(), Ok(pattern));
        assert!(pattern.within(pattern));
    }
    for endpoint in [asked, url].into_iter().flatten() {
        assert_eq!(
            Endpoint::parse(endpoint.scheme(), &endpoint.to_string()).as_ref(),
            Ok(&endpoint)
        );
        let private = endpoint
            .address()
            .is_some_and(|address| address_class(address) != AddressClass::Public);
        if let Ok(pattern) = &pattern
            && pattern.covers(&endpoint)
        {
            assert!(pattern.is_address() || endpoint.address().is_none());
        }
        let any = Permission::unconstrained(Capability::NetHttps);
        let covered = any
            .covers(&request(Capability::NetHttps, Resource::Host(endpoint.clone())))
            .is_ok();
        assert_eq!(covered, !private && endpoint.scheme() == Scheme::Https);
    }
}

/// The first line is a grant, the second what is asked for: one covers the other exactly where they are the same.
pub(crate) fn executable(data: &[u8]) {
    let mut lines = text(data).split('\n');
    let (grant, asked) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (Ok(pattern), Ok(program)) = (grant.parse::<ExecutablePattern>(), asked.parse::<Executable>()) else {
        return;
    };
    assert_eq!(pattern.covers(&program), grant == asked);
    let _ = pattern.is_interpreter();
    let Ok(path) = "/usr/bin/x".parse::<GrantPath>() else {
        return;
    };
    if let Ok(pinned) = pattern.clone().pinned(path.clone(), [1; 32]) {
        assert!(!pinned.covers(&program));
        assert_eq!(
            pinned.covers(&program.clone().found(path.clone(), [1; 32])),
            grant == asked
        );
        assert!(!pinned.covers(&program.found(path, [2; 32])));
        assert!(pinned.within(&pattern));
    }
}
