//! Envelopes, types and contents: what is refused, and what is kept.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::io::Write as _;

use bytes::Bytes;
use chancery_base::Millis;
use chancery_xmtp_wire::{
    content::{
        Compression, Content, ContentError, ContentTypeId, EncodedContent, Envelope, GroupUpdated, HmacKey, KnownType,
        MAX_INFLATED, MessageId, Reply, TransactionMetadata, TransactionReference, epoch,
    },
    proto::mls::message_contents as wire,
};
use flate2::{
    Compression as Level,
    write::{GzEncoder, ZlibEncoder},
};
use prost::Message as _;

fn id(text: &str) -> ContentTypeId {
    text.parse().unwrap()
}

fn encoded(known: KnownType, content: &str) -> EncodedContent {
    EncodedContent::new(known.id(), content.to_owned())
}

#[test]
fn a_type_has_one_spelling() {
    for text in [
        "xmtp.org/text:1.0",
        "convos.org/profile_update:1.0",
        "a/b:c:4294967295.0",
    ] {
        assert_eq!(id(text).to_string(), text);
    }
    for text in [
        "",
        "text",
        "xmtp.org/text",
        "xmtp.org/text:1",
        "/text:1.0",
        "xmtp.org/:1.0",
        "xmtp.org/text:1.",
        "a/b:+1.0",
        "a/b:-1.0",
        "a/b:1.4294967296",
        "a/b:1.0.0",
    ] {
        assert_eq!(text.parse::<ContentTypeId>(), Err(ContentError::TypeId), "{text}");
    }
}

#[test]
fn a_type_is_known_by_authority_name_and_major_version() {
    for known in KnownType::ALL {
        assert_eq!(known.id().known(), Some(*known));
    }
    assert_eq!(id("xmtp.org/text:1.7").known(), Some(KnownType::Text));
    for text in [
        "xmtp.org/text:2.0",
        "example.test/text:1.0",
        "xmtp.org/Text:1.0",
        "xmtp.org/reaction:3.0",
    ] {
        assert_eq!(id(text).known(), None, "{text}");
    }
}

#[test]
fn who_is_told_at_once_is_what_the_catalogue_says() {
    let quiet: Vec<_> = KnownType::ALL.iter().filter(|known| !known.should_push()).collect();
    assert_eq!(
        quiet,
        [
            &KnownType::Reaction,
            &KnownType::LegacyReaction,
            &KnownType::ReadReceipt,
            &KnownType::GroupUpdated,
            &KnownType::LeaveRequest
        ]
    );
}

#[test]
fn content_without_a_type_is_refused() {
    let parse = |change: fn(&mut wire::EncodedContent)| {
        let mut wire = wire::EncodedContent::decode(&*encoded(KnownType::Text, "x").encode()).unwrap();
        change(&mut wire);
        EncodedContent::parse(wire.encode_to_vec().into())
    };
    assert!(parse(|_| {}).is_ok());
    assert_eq!(parse(|wire| wire.r#type = None), Err(ContentError::Untyped));
    assert_eq!(
        parse(|wire| wire.r#type.as_mut().unwrap().authority_id.clear()),
        Err(ContentError::Untyped)
    );
    assert_eq!(
        parse(|wire| wire.r#type.as_mut().unwrap().type_id.clear()),
        Err(ContentError::Untyped)
    );
    assert_eq!(
        parse(|wire| wire.compression = Some(2)),
        Err(ContentError::Compression(2))
    );
    assert_eq!(
        EncodedContent::parse(Bytes::from_static(&[0xff])),
        Err(ContentError::Malformed("content"))
    );
}

#[test]
fn content_of_another_type_stays_encoded() {
    let other = EncodedContent::new(id("example.test/drawing:9.2"), "lines");
    assert_eq!(
        Content::decode(&other),
        Err(ContentError::Unknown(id("example.test/drawing:9.2")))
    );
    assert_eq!(EncodedContent::parse(other.encode().into()), Ok(other));
}

#[test]
fn text_is_utf8_and_says_so_or_nothing() {
    let mut text = encoded(KnownType::Text, "x");
    assert_eq!(Content::decode(&text), Ok(Content::Text("x".to_owned())));
    text.parameters.insert("encoding".to_owned(), "UTF-16".to_owned());
    assert_eq!(
        Content::decode(&text),
        Err(ContentError::Invalid("the encoding", "text"))
    );
    let bytes = EncodedContent::new(KnownType::Markdown.id(), vec![0xff]);
    assert_eq!(
        Content::decode(&bytes),
        Err(ContentError::Invalid("the text", "Markdown"))
    );
}

fn zlib(content: &[u8]) -> Bytes {
    let mut encoder = ZlibEncoder::new(Vec::new(), Level::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap().into()
}

fn gzip(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Level::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap().into()
}

#[test]
fn compressed_content_is_read_up_to_the_limit() {
    let read = |compression, content| {
        Content::decode(&EncodedContent {
            compression: Some(compression),
            ..EncodedContent::new(KnownType::Text.id(), content)
        })
    };
    assert_eq!(
        read(Compression::Gzip, gzip(b"text")),
        Ok(Content::Text("text".to_owned()))
    );
    let most = vec![b'x'; MAX_INFLATED + 1];
    for (compression, compress) in [
        (Compression::Deflate, zlib as fn(&[u8]) -> Bytes),
        (Compression::Gzip, gzip),
    ] {
        assert!(read(compression, compress(&most[1..])).is_ok());
        let bomb = compress(&most);
        assert!(bomb.len() < MAX_INFLATED / 500);
        assert_eq!(read(compression, bomb), Err(ContentError::TooLarge));
        let whole = compress(b"a text of some length");
        assert_eq!(
            read(compression, whole.slice(..whole.len() - 6)),
            Err(ContentError::Inflate)
        );
        assert_eq!(
            read(compression, Bytes::from_static(b"\xffnot compressed")),
            Err(ContentError::Inflate)
        );
    }
    assert_eq!(read(Compression::Deflate, gzip(b"text")), Err(ContentError::Inflate));
}

#[test]
fn a_reply_answers_with_content_of_any_type() {
    let reply = |inner: EncodedContent| {
        Content::Reply(Reply {
            reference: "ab".to_owned(),
            reference_inbox_id: None,
            content: Box::new(inner),
        })
    };
    let unknown = reply(EncodedContent::new(id("example.test/drawing:9.2"), "lines"));
    let encoded = unknown.encode().unwrap();
    assert_eq!(encoded.parameters["contentType"], "example.test/drawing:9.2");
    assert_eq!(encoded.fallback.as_deref(), Some("Replied to an earlier message"));
    assert_eq!(Content::decode(&encoded), Ok(unknown));
    let text = reply(Content::Text("yes".to_owned()).encode().unwrap())
        .encode()
        .unwrap();
    assert_eq!(
        text.fallback.as_deref(),
        Some("Replied with \"yes\" to an earlier message")
    );
}

#[test]
fn a_reply_that_answers_with_nothing_is_refused() {
    let with = |content: &'static [u8]| Content::decode(&EncodedContent::new(KnownType::Reply.id(), content));
    assert_eq!(with(b""), Err(ContentError::Untyped));
    assert_eq!(with(b"\xff"), Err(ContentError::Malformed("content")));
}

#[test]
fn replies_to_replies_do_not_grow_a_stack() {
    let mut content = Content::Text("x".to_owned()).encode().unwrap();
    for _ in 0..2000 {
        let reply = Reply {
            reference: String::new(),
            reference_inbox_id: None,
            content: Box::new(content),
        };
        content = Content::Reply(reply).encode().unwrap();
        content.fallback = None;
    }
    let mut depth = 0;
    while let Ok(Content::Reply(reply)) = Content::decode(&content) {
        content = *reply.content;
        depth += 1;
    }
    assert_eq!(depth, 2000);
}

#[test]
fn a_remote_attachment_has_keys_of_the_right_length() {
    let parameters = [
        ("contentDigest", "AB".repeat(32)),
        ("secret", "01".repeat(32)),
        ("salt", "02".repeat(32)),
        ("nonce", "03".repeat(12)),
        ("scheme", "https://".to_owned()),
        ("contentLength", "7".to_owned()),
    ];
    let read = |change: Option<(&str, &str)>| {
        let mut attachment = encoded(KnownType::RemoteAttachment, "https://example.test/");
        attachment.parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        if let Some((name, value)) = change {
            attachment.parameters.insert(name.to_owned(), value.to_owned());
        }
        Content::decode(&attachment).map(drop)
    };
    let invalid = |what| Err(ContentError::Invalid(what, "remote attachment"));
    assert_eq!(read(None), Ok(()));
    assert_eq!(read(Some(("contentDigest", "ab"))), invalid("the digest"));
    assert_eq!(read(Some(("secret", &"01".repeat(31)))), invalid("the secret"));
    assert_eq!(read(Some(("salt", &"xx".repeat(32)))), invalid("the salt"));
    assert_eq!(read(Some(("nonce", ""))), invalid("the nonce"));
    assert_eq!(read(Some(("contentLength", "4294967296"))), invalid("the length"));
    assert_eq!(read(Some(("anything", "else"))), Ok(()));
}

#[test]
fn a_network_may_be_named_by_a_number() {
    let read = |json: &str| match Content::decode(&encoded(KnownType::TransactionReference, json)) {
        Ok(Content::TransactionReference(reference)) => Some(reference.network_id),
        _ => None,
    };
    assert_eq!(read(r#"{"networkId":8453,"reference":"0x"}"#).as_deref(), Some("8453"));
    assert_eq!(
        read(r#"{"networkId":"x","reference":"0x","metadata":null,"more":[1]}"#).as_deref(),
        Some("x")
    );
    assert_eq!(read(r#"{"networkId":true,"reference":"0x"}"#), None);
    assert_eq!(read(r#"{"reference":"0x"}"#), None);
    assert_eq!(read("[]"), None);
}

#[test]
fn an_amount_is_a_number() {
    let reference = |amount| {
        Content::TransactionReference(TransactionReference {
            namespace: None,
            network_id: "1".to_owned(),
            reference: String::new(),
            metadata: Some(TransactionMetadata {
                transaction_type: String::new(),
                currency: String::new(),
                amount,
                decimals: 0,
                from_address: String::new(),
                to_address: String::new(),
            }),
        })
    };
    assert!(reference(1e300).encode().is_ok());
    for amount in [f64::NAN, f64::INFINITY] {
        assert_eq!(
            reference(amount).encode(),
            Err(ContentError::Invalid("the amount", "transaction"))
        );
    }
}

#[test]
fn a_group_update_is_read_as_it_was_written() {
    let updated = GroupUpdated {
        initiated_by_inbox_id: "ab".repeat(32),
        ..Default::default()
    };
    let content = Content::GroupUpdated(updated);
    assert_eq!(content.known_type().id().to_string(), "xmtp.org/group_updated:1.0");
    assert_eq!(Content::decode(&content.encode().unwrap()), Ok(content));
}

#[test]
fn an_envelope_keeps_the_bytes_that_the_id_covers() {
    let content = Bytes::from_static(b"anything");
    let plaintext = Envelope::message(content.clone(), "key");
    assert_eq!(
        Envelope::parse(plaintext.into()),
        Ok(Envelope::Message {
            content,
            idempotency_key: "key".to_owned()
        })
    );
    let sync = wire::PlaintextEnvelope {
        content: Some(wire::plaintext_envelope::Content::V2(wire::plaintext_envelope::V2 {
            idempotency_key: "key".to_owned(),
            message_type: None,
        })),
    };
    assert_eq!(
        Envelope::parse(sync.encode_to_vec().into()),
        Ok(Envelope::DeviceSync {
            idempotency_key: "key".to_owned()
        })
    );
    for bytes in [&b""[..], b"\xff"] {
        assert_eq!(
            Envelope::parse(Bytes::from_static(bytes)),
            Err(ContentError::Malformed("envelope"))
        );
    }
}

#[test]
fn each_part_of_a_message_makes_another_id() {
    let id = MessageId::of(b"group", "key", b"content");
    assert_ne!(MessageId::of(b"other", "key", b"content"), id);
    assert_ne!(MessageId::of(b"group", "other", b"content"), id);
    assert_ne!(MessageId::of(b"group", "key", b"other"), id);
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in ["", "ab", &"AB".repeat(32), &"ab".repeat(33)] {
        assert_eq!(text.parse::<MessageId>(), Err(ContentError::MessageId));
    }
}

#[test]
fn keys_change_every_thirty_days() {
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(epoch(Millis(0)), 0);
    assert_eq!(epoch(Millis(30 * day - 1)), 0);
    assert_eq!(epoch(Millis(30 * day)), 1);
    assert_eq!(epoch(Millis(-1)), -1);
    let key = |root: &[u8], group: &[u8], epoch| *HmacKey::derive(root, group, epoch).unwrap().as_bytes();
    assert_ne!(key(b"r", b"g", 1), key(b"r", b"g", 2));
    assert_ne!(key(b"r", b"g", 1), key(b"r", b"h", 1));
    assert_ne!(key(b"r", b"g", 1), key(b"s", b"g", 1));
}
