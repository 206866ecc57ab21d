//! Convos, byte for byte as the original (`vectors/signet.json`, key `convos`: private key 0x11 32 times, inbox 0xab 32
//! times, nonce 01 to 0c), and each rule against what breaks just it.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::{collections::BTreeMap, io::Write as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_base::{Millis, Rng};
use chancery_xmtp_wire::{
    content::{ContentTypeId, EncodedContent},
    convos::{
        ConversationToken, ConvosError, EncryptedImage, Invite, InviteHost, InviteKey, JoinError, JoinErrorKind,
        JoinRequest, MAX_INFLATED, MAX_SLUG, MemberKind, MetadataValue, Profile, ProfileMessage, RequestedProfile,
        SignedInvite, is_join_error, is_join_request, resolve,
    },
    identity::{InboxId, WalletKey},
};
use serde_json::Value;

/// The nonce that the vectors were made with.
struct Counting;

impl Rng for Counting {
    fn fill(&self, out: &mut [u8]) {
        for (at, byte) in (1..).zip(out) {
            *byte = at;
        }
    }
}

fn vectors() -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../vectors/signet.json")).unwrap();
    all["convos"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn wallet() -> WalletKey {
    WalletKey::from_bytes(&[0x11; 32]).unwrap()
}

fn inbox(byte: u8) -> InboxId {
    InboxId::from_bytes([byte; 32])
}

fn key() -> InviteKey {
    InviteKey::derive(&wallet(), inbox(0xab)).unwrap()
}

fn minimal() -> Invite {
    Invite {
        token: key().seal("0123456789abcdef0123456789abcdef", &Counting).unwrap(),
        creator: inbox(0xab),
        tag: "tag0123456".to_owned(),
        name: None,
        description: None,
        image_url: None,
        conversation_expires_at: None,
        expires_at: None,
        expires_after_use: false,
    }
}

#[test]
fn the_key_of_tokens_is_derived_as_in_the_original() {
    assert_eq!(key().as_bytes().to_vec(), unhex(text(&vectors()["hkdfTokenKey"])));
}

#[test]
fn tokens_are_sealed_and_opened_as_in_the_original() {
    let vectors = vectors();
    let token = key().seal("0123456789abcdef0123456789abcdef", &Counting).unwrap();
    assert_eq!(token.as_bytes(), unhex(text(&vectors["tokenForPlain_02_20_conv"])));
    assert_eq!(key().open(&token).unwrap(), "0123456789abcdef0123456789abcdef");
    let uuid = text(&vectors["parsed2"]["decrypted"]);
    let token = key().seal(uuid, &Counting).unwrap();
    assert_eq!(token.as_bytes(), unhex(text(&vectors["parsed2"]["tokenHex"])));
    assert_eq!(key().open(&token).unwrap(), uuid);
}

#[test]
fn ids_of_every_length_survive_a_token() {
    for id in [
        "x",
        &"x".repeat(255),
        &"x".repeat(256),
        &"x".repeat(65_535),
        // not the canonical form of a UUID, and so not one
        "123E4567-e89b-12d3-a456-426614174000",
        "123e4567e89b12d3a456426614174000",
        "123e4567-e89b-12d3-a456-42661417400",
    ] {
        let token = key().seal(id, &Counting).unwrap();
        assert_eq!(key().open(&token).unwrap(), id);
    }
    assert_eq!(key().seal("", &Counting), Err(ConvosError::ConversationId));
    assert_eq!(
        key().seal(&"x".repeat(65_536), &Counting),
        Err(ConvosError::ConversationId)
    );
}

#[test]
fn a_token_is_for_its_maker_and_unchanged() {
    let token = key().seal("group", &Counting).unwrap();
    let other_wallet = WalletKey::from_bytes(&[0x12; 32]).unwrap();
    for other in [
        InviteKey::derive(&other_wallet, inbox(0xab)).unwrap(),
        InviteKey::derive(&wallet(), inbox(0xac)).unwrap(),
    ] {
        assert_eq!(other.open(&token), Err(ConvosError::Token));
    }
    let invite = |token: Vec<u8>| {
        // a token comes in from outside in an invite only
        let mut payload = vec![0x0a, token.len().try_into().unwrap()];
        payload.extend(token);
        payload.extend([0x12, 32]);
        payload.extend([0xab; 32]);
        payload.extend([0x1a, 1, b't']);
        let mut signed = vec![0x0a, payload.len().try_into().unwrap()];
        signed.extend(payload);
        signed.extend([0x12, 65]);
        signed.extend([1; 65]);
        SignedInvite::from_bytes(&signed).unwrap().claims().token.clone()
    };
    let bytes = token.as_bytes().to_vec();
    assert_eq!(key().open(&invite(bytes.clone())).as_deref(), Ok("group"));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(key().open(&invite(changed)), Err(ConvosError::Token), "{at}");
    }
    for end in 0..bytes.len() {
        assert_eq!(key().open(&invite(bytes[..end].to_vec())), Err(ConvosError::Token));
    }
}

#[test]
fn invites_are_signed_as_in_the_original() {
    let vectors = vectors();
    let signed = minimal().sign(&wallet()).unwrap();
    let theirs = SignedInvite::parse(text(&vectors["slugMinimal"])).unwrap();
    assert_eq!(signed.to_bytes(), theirs.to_bytes());
    assert_eq!(signed, theirs);
    let public = signed.signer().unwrap();
    assert_eq!(public.to_uncompressed(), unhex(text(&vectors["publicKeyUncompressed"])));
    assert_eq!(public.address(), wallet().address());

    // with all members
    let parsed = &vectors["parsed2"];
    let whole = Invite {
        token: key().seal(text(&parsed["decrypted"]), &Counting).unwrap(),
        name: Some("Agent Room".to_owned()),
        description: Some("desc ".repeat(60)),
        expires_at: Some(1_893_456_000),
        expires_after_use: true,
        ..minimal()
    };
    let signed = whole.clone().sign(&wallet()).unwrap();
    assert_eq!(signed.payload(), unhex(text(&parsed["payloadHex"])));
    assert_eq!(signed.signature().to_vec(), unhex(text(&parsed["sigHex"])));
    assert_eq!(SignedInvite::from_bytes(&signed.to_bytes()).unwrap().claims(), &whole);
}

#[test]
fn slugs_of_the_original_are_read() {
    let vectors = vectors();
    let slug = text(&vectors["slugMinimal"]);
    assert_eq!(
        URL_SAFE_NO_PAD.decode(slug).unwrap(),
        unhex(text(&vectors["slugMinimalSignedInviteHex"]))
    );
    let link = text(&vectors["urlDev"]);
    assert_eq!(link, InviteHost::Dev.link(slug));
    let invite = SignedInvite::parse(link).unwrap();
    assert_eq!(invite.claims(), &minimal());
    let long = SignedInvite::parse(text(&vectors["slugUuidNamedExpiringCompressed"])).unwrap();
    assert_eq!(long.claims().name.as_deref(), Some("Agent Room"));
    assert_eq!(
        key().open(&long.claims().token).unwrap(),
        text(&vectors["parsed2"]["decrypted"])
    );
    assert_eq!(long.signer().unwrap().address(), wallet().address());
}

/// Compressed bytes differ from one zlib to another, so slugs are compared as they are read.
#[test]
fn slugs_are_written_so_that_they_are_read() {
    let described = |description: &str| Invite {
        description: Some(description.to_owned()),
        ..minimal()
    };
    for invite in [minimal(), described("desc"), described(&"desc ".repeat(200))] {
        let signed = invite.sign(&wallet()).unwrap();
        let slug = signed.slug().unwrap();
        assert_eq!(SignedInvite::parse(&slug).unwrap(), signed);
        for host in [InviteHost::Dev, InviteHost::Production] {
            assert_eq!(SignedInvite::parse(&host.link(&slug)).unwrap(), signed);
        }
    }
}

#[test]
fn a_slug_is_compressed_where_that_makes_it_shorter() {
    let signed = Invite {
        description: Some("desc ".repeat(200)),
        ..minimal()
    }
    .sign(&wallet())
    .unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signed.slug().unwrap()).unwrap();
    assert_eq!(bytes[0], 0x1f);
    assert_eq!(
        bytes[1..5],
        u32::try_from(signed.to_bytes().len()).unwrap().to_be_bytes()
    );
    assert!(bytes.len() < 250);
}

#[test]
fn a_long_slug_has_a_star_after_every_three_hundred_letters() {
    // what compresses badly
    let noise: String = (0..20u8).map(|n| chancery_base::digest::sha256_hex([n])).collect();
    let slug = Invite {
        description: Some(noise),
        ..minimal()
    }
    .sign(&wallet())
    .unwrap()
    .slug()
    .unwrap();
    let parts: Vec<_> = slug.split('*').collect();
    assert!(parts.len() > 2);
    let (last, whole) = parts.split_last().unwrap();
    assert!(whole.iter().all(|part| part.len() == 300));
    assert!((1..=300).contains(&last.len()));
    assert!(SignedInvite::parse(&slug).is_ok());
}

#[test]
fn the_slug_is_found_in_every_kind_of_link() {
    let slug = minimal().sign(&wallet()).unwrap().slug().unwrap();
    for text in [
        slug.clone(),
        format!("  {slug}\n"),
        format!("{slug}=="),
        format!("https://popup.convos.org/v2?i={slug}"),
        format!("https://example.test/?x=1&code={slug}"),
        format!("https://example.test/v2?i={slug}&code=other"),
        format!("https://example.test/invite/{slug}"),
        format!("https://example.test/invite/{slug}/"),
        format!("convos://join/{slug}"),
    ] {
        assert!(SignedInvite::parse(&text).is_ok(), "{text}");
    }
    for text in [
        "",
        "   ",
        "https://example.test/",
        "https://example.test/?i=",
        "no invite!",
    ] {
        assert_eq!(SignedInvite::parse(text), Err(ConvosError::NoInvite), "{text}");
    }
}

fn compressed(declared: usize, content: &[u8]) -> String {
    let mut out = vec![0x1f];
    out.extend(u32::try_from(declared).unwrap().to_be_bytes());
    let mut encoder = flate2::write::ZlibEncoder::new(out, flate2::Compression::best());
    encoder.write_all(content).unwrap();
    URL_SAFE_NO_PAD.encode(encoder.finish().unwrap())
}

#[test]
fn what_inflates_beyond_what_it_says_is_refused() {
    let bytes = minimal().sign(&wallet()).unwrap().to_bytes();
    assert!(SignedInvite::parse(&compressed(bytes.len(), &bytes)).is_ok());
    for declared in [0, bytes.len() - 1, bytes.len() + 1] {
        assert_eq!(
            SignedInvite::parse(&compressed(declared, &bytes)),
            Err(ConvosError::Inflate)
        );
    }
    let bomb = vec![0; 64 * 1024 * 1024];
    assert_eq!(
        SignedInvite::parse(&compressed(MAX_INFLATED, &bomb)),
        Err(ConvosError::Inflate)
    );
    assert_eq!(
        SignedInvite::parse(&compressed(MAX_INFLATED + 1, &bytes)),
        Err(ConvosError::TooLarge)
    );
    assert_eq!(
        SignedInvite::parse(&URL_SAFE_NO_PAD.encode([0x1f, 0, 0, 0, 4, 1, 2, 3])),
        Err(ConvosError::Inflate)
    );
    assert_eq!(
        SignedInvite::parse(&URL_SAFE_NO_PAD.encode([0x1f, 0])),
        Err(ConvosError::Inflate)
    );
    assert_eq!(
        SignedInvite::parse(&"A".repeat(MAX_SLUG + 1)),
        Err(ConvosError::TooLarge)
    );
}

#[test]
fn an_invite_that_misses_something_is_refused() {
    let signed = |payload: &[u8], signature: &[u8]| {
        let mut out = vec![0x0a, payload.len().try_into().unwrap()];
        out.extend(payload);
        out.extend([0x12, signature.len().try_into().unwrap()]);
        out.extend(signature);
        SignedInvite::from_bytes(&out).map(drop)
    };
    let creator = [&[0x12, 32][..], &[0xab; 32]].concat();
    let tag = [0x1a, 1, b't'];
    assert_eq!(signed(&[&creator[..], &tag].concat(), &[1; 65]), Ok(()));
    assert_eq!(signed(&tag, &[1; 65]), Err(ConvosError::Creator));
    let short = [&[0x12, 31][..], &[0xab; 31], &tag].concat();
    assert_eq!(signed(&short, &[1; 65]), Err(ConvosError::Creator));
    assert_eq!(signed(&creator, &[1; 65]), Err(ConvosError::NoTag));
    for length in [0, 64, 66] {
        assert_eq!(
            signed(&[&creator[..], &tag].concat(), &vec![1; length]),
            Err(ConvosError::Signature)
        );
    }
    assert_eq!(signed(&[0xff], &[1; 65]), Err(ConvosError::Malformed("invite")));
    assert_eq!(
        SignedInvite::from_bytes(&[0xff]),
        Err(ConvosError::Malformed("signed invite"))
    );
    let untagged = Invite {
        tag: String::new(),
        ..minimal()
    };
    assert_eq!(untagged.sign(&wallet()), Err(ConvosError::NoTag));
}

#[test]
fn every_byte_of_an_invite_is_signed() {
    let signed = minimal().sign(&wallet()).unwrap();
    let (bytes, payload) = (signed.to_bytes(), signed.payload().len());
    // behind the tag and length of the payload
    for at in 2..2 + payload {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let signer = SignedInvite::from_bytes(&changed).and_then(|invite| invite.signer());
        assert_ne!(signer.map(|signer| signer.address()), Ok(wallet().address()), "{at}");
    }
}

#[test]
fn a_signature_has_no_second_form() {
    let signed = minimal().sign(&wallet()).unwrap();
    let signature = k256::ecdsa::Signature::from_slice(&signed.signature()[..64]).unwrap();
    let (r, s) = signature.split_scalars();
    let high = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    let mut bytes = signed.to_bytes();
    let start = bytes.len() - 65;
    bytes[start..start + 64].copy_from_slice(&high.to_bytes());
    bytes[start + 64] ^= 1;
    let mirrored = SignedInvite::from_bytes(&bytes).unwrap();
    assert_eq!(mirrored.signer(), Err(ConvosError::Signature));
    for recovery in [4, 27, 255] {
        let mut bytes = signed.to_bytes();
        bytes[start + 64] = recovery;
        assert_eq!(
            SignedInvite::from_bytes(&bytes).unwrap().signer(),
            Err(ConvosError::Signature)
        );
    }
}

#[test]
fn an_invite_ends_after_its_last_second() {
    let invite = Invite {
        expires_at: Some(100),
        conversation_expires_at: Some(200),
        ..minimal()
    };
    assert!(!invite.is_expired(Millis::from_secs(100)));
    assert!(invite.is_expired(Millis::from_secs(101)));
    assert!(!invite.is_conversation_expired(Millis::from_secs(200)));
    assert!(invite.is_conversation_expired(Millis::from_secs(201)));
    assert!(!minimal().is_expired(Millis(i64::MAX)));
    // written as zero, there is no end
    let zero = Invite {
        expires_at: Some(0),
        name: Some(String::new()),
        ..minimal()
    };
    let read = SignedInvite::from_bytes(&zero.sign(&wallet()).unwrap().to_bytes()).unwrap();
    assert_eq!((read.claims().expires_at, &read.claims().name), (None, &None));
}

#[test]
fn asking_and_refusing_are_the_json_of_the_original() {
    let vectors = vectors();
    let request = JoinRequest {
        invite_slug: "SLUG".to_owned(),
        profile: Some(RequestedProfile {
            member_kind: Some("agent".to_owned()),
            name: Some("Alice".to_owned()),
        }),
    };
    let encoded = request.encode().unwrap();
    assert_eq!(encoded.content, text(&vectors["joinRequest"]));
    assert_eq!(encoded.content_type.to_string(), "convos.org/join_request:1.0");
    assert_eq!(encoded.fallback.as_deref(), Some("SLUG"));
    assert_eq!(JoinRequest::decode(&encoded), Ok(request));
    assert!(is_join_request(&encoded.content_type) && !is_join_error(&encoded.content_type));

    let error = JoinError::new(JoinErrorKind::ConversationExpired, "t".to_owned(), Millis(0));
    let encoded = error.encode().unwrap();
    assert_eq!(encoded.content, text(&vectors["joinError"]));
    assert_eq!(encoded.content_type.to_string(), "convos.app/inviteJoinError:1.0");
    assert_eq!(JoinError::decode(&encoded), Ok(error.clone()));
    let other_name = EncodedContent {
        content_type: "convos.org/invite_join_error:1.0".parse().unwrap(),
        ..encoded
    };
    assert_eq!(JoinError::decode(&other_name), Ok(error));
}

#[test]
fn asking_and_refusing_pass_over_what_is_new_and_refuse_what_is_missing() {
    let of = |kind: &str, json: &'static str| {
        let id: ContentTypeId = kind.parse().unwrap();
        EncodedContent::new(id, json)
    };
    let request = |json| JoinRequest::decode(&of("convos.org/join_request:1.0", json));
    let bare = request(r#"{"inviteSlug":"s","later":[1],"profile":{"memberKind":null}}"#).unwrap();
    assert_eq!(bare.profile, Some(RequestedProfile::default()));
    assert_eq!(request(r#"{"inviteSlug":"s"}"#).unwrap().profile, None);
    for json in ["", "[]", "{}", r#"{"inviteSlug":1}"#] {
        assert_eq!(request(json), Err(ConvosError::Json("join request")), "{json}");
    }
    let error = |json| JoinError::decode(&of("convos.app/inviteJoinError:1.0", json));
    let kind = |name| match name {
        0 => error(r#"{"errorType":"genericFailure","inviteTag":"t","timestamp":""}"#),
        1 => error(r#"{"errorType":"brandNew","inviteTag":"t","timestamp":""}"#),
        _ => error(r#"{"errorType":"genericFailure","timestamp":""}"#),
    };
    assert_eq!(kind(0).unwrap().error_type, JoinErrorKind::GenericFailure);
    assert_eq!(kind(1).unwrap().error_type, JoinErrorKind::Unknown);
    assert_eq!(kind(2), Err(ConvosError::Json("join error")));
    assert_eq!(
        JoinRequest::decode(&of("xmtp.org/text:1.0", r#"{"inviteSlug":"s"}"#)),
        Err(ConvosError::Json("join request"))
    );
}

fn named(name: &str) -> Profile {
    Profile {
        name: Some(name.to_owned()),
        ..Profile::default()
    }
}

#[test]
fn profiles_are_written_as_in_the_original() {
    let vectors = vectors();
    let agent = Profile {
        kind: Some(MemberKind::Agent),
        ..named("Alice")
    };
    let update = |profile: &Profile| ProfileMessage::Update(profile.clone());
    let meta = Profile {
        metadata: BTreeMap::from([
            ("a".to_owned(), MetadataValue::Text("x".to_owned())),
            ("b".to_owned(), MetadataValue::Number(1.5)),
            ("c".to_owned(), MetadataValue::Flag(true)),
        ]),
        ..agent.clone()
    };
    let image = Profile {
        image: Some(EncryptedImage {
            url: "https://x/y".to_owned(),
            salt: vec![1, 2],
            nonce: vec![3, 4],
        }),
        ..Profile::default()
    };
    let cases = [
        ("profileUpdateNameAgent", update(&agent)),
        ("profileUpdateMeta", update(&meta)),
        ("profileUpdateEncryptedImage", update(&image)),
        (
            "profileSnapshot",
            ProfileMessage::Snapshot(vec![(inbox(0xab), agent), (inbox(0xcd), Profile::default())]),
        ),
    ];
    for (name, message) in cases {
        let encoded = message.encode();
        assert_eq!(encoded.content.to_vec(), unhex(text(&vectors[name])), "{name}");
        assert!(ProfileMessage::is_type(&encoded.content_type));
        assert_eq!(ProfileMessage::decode(&encoded), Ok(message));
    }
}

#[test]
fn profiles_that_are_not_whole_are_passed_over_or_refused() {
    let of = |kind: &str, content: &[u8]| {
        let id: ContentTypeId = kind.parse().unwrap();
        ProfileMessage::decode(&EncodedContent::new(id, content.to_vec()))
    };
    let update = "convos.org/profile_update:1.0";
    assert_eq!(of(update, &[0xff]), Err(ConvosError::Malformed("profile")));
    assert_eq!(of("xmtp.org/text:1.0", &[]), Err(ConvosError::Malformed("profile")));
    // kind 0 and 9, an empty name, a value that is of no kind
    for content in [
        &[0x18, 0][..],
        &[0x18, 9],
        &[0x0a, 0],
        &[0x22, 5, 0x0a, 1, b'a', 0x12, 0],
    ] {
        assert_eq!(of(update, content), Ok(ProfileMessage::Update(Profile::default())));
    }
    // an entry for an inbox of 31 bytes, and one that is whole
    let snapshot = [&[0x0a, 33, 0x0a, 31][..], &[1; 31], &[0x0a, 34, 0x0a, 32], &[2; 32]].concat();
    assert_eq!(
        of("convos.org/profile_snapshot:1.0", &snapshot),
        Ok(ProfileMessage::Snapshot(vec![(inbox(2), Profile::default())]))
    );
}

#[test]
fn members_speak_for_themselves_before_others_do() {
    let update = |name| ProfileMessage::Update(named(name));
    let snapshot = |of: u8, name| ProfileMessage::Snapshot(vec![(inbox(of), named(name))]);
    let resolved = resolve([
        (inbox(9), snapshot(1, "old claim")),
        (inbox(1), update("first")),
        (inbox(1), update("second")),
        (inbox(9), snapshot(1, "newer claim")),
        (inbox(9), snapshot(2, "claim")),
        (inbox(9), snapshot(2, "newer claim")),
    ]);
    assert_eq!(
        resolved,
        BTreeMap::from([(inbox(1), named("second")), (inbox(2), named("newer claim"))])
    );
}

#[test]
fn nothing_secret_is_shown() {
    let token: ConversationToken = minimal().token;
    assert_eq!(format!("{:?}", key()), "InviteKey(..)");
    assert!(!format!("{token:?}").contains("0123456789abcdef"));
}
