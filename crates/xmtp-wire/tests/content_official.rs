//! Contents as the official SDKs write them (`vectors/xmtp-content.json`, made by `vectors/xmtp-content.mjs`): ours reads
//! what they wrote, and writes what they wrote.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
#![allow(clippy::panic, reason = "a test that meets what it did not expect stops")]

use bytes::Bytes;
use chancery_xmtp_wire::content::{
    Attachment, Compression, Content, ContentError, EncodedContent, HmacKey, MessageId, Reaction, ReactionAction,
    ReactionSchema, RemoteAttachment, Reply, TransactionMetadata, TransactionReference, WalletCall, WalletCallMetadata,
    WalletSendCalls,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../vectors/xmtp-content.json")).unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn maybe(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    unhex(&value["hex"]).try_into().unwrap()
}

/// Enumerations are numbers in the SDK and words before version 2.
fn reaction(value: &Value) -> Option<Reaction> {
    Some(Reaction {
        reference: text(&value["reference"]),
        reference_inbox_id: maybe(&value["referenceInboxId"]).unwrap_or_default(),
        action: match &value["action"] {
            Value::Number(n) if n.as_u64() == Some(1) => ReactionAction::Added,
            Value::Number(n) if n.as_u64() == Some(2) => ReactionAction::Removed,
            Value::String(word) if word == "added" => ReactionAction::Added,
            Value::String(word) if word == "removed" => ReactionAction::Removed,
            _ => return None,
        },
        content: text(&value["content"]),
        schema: match &value["schema"] {
            Value::Number(n) if n.as_u64() == Some(1) => ReactionSchema::Unicode,
            Value::Number(n) if n.as_u64() == Some(2) => ReactionSchema::Shortcode,
            Value::Number(n) if n.as_u64() == Some(3) => ReactionSchema::Custom,
            Value::String(word) if word == "unicode" => ReactionSchema::Unicode,
            Value::String(word) if word == "shortcode" => ReactionSchema::Shortcode,
            _ => return None,
        },
    })
}

fn remote(value: &Value) -> RemoteAttachment {
    let digest = unhex(&value["contentDigest"]);
    RemoteAttachment {
        url: text(&value["url"]),
        content_digest: digest.try_into().unwrap(),
        secret: bytes(&value["secret"]),
        salt: bytes(&value["salt"]),
        nonce: bytes(&value["nonce"]),
        scheme: text(&value["scheme"]),
        content_length: value["contentLength"].as_u64().map(|length| length.try_into().unwrap()),
        filename: maybe(&value["filename"]),
    }
}

fn encoded_content(value: &Value) -> EncodedContent {
    let id = &value["type"];
    let number = |value: &Value| value.as_u64().unwrap().try_into().unwrap();
    let parameters = value["parameters"].as_object().unwrap().iter();
    EncodedContent {
        content_type: chancery_xmtp_wire::content::ContentTypeId {
            authority: text(&id["authorityId"]),
            name: text(&id["typeId"]),
            major: number(&id["versionMajor"]),
            minor: number(&id["versionMinor"]),
        },
        parameters: parameters.map(|(name, value)| (name.clone(), text(value))).collect(),
        fallback: maybe(&value["fallback"]),
        compression: None,
        content: unhex(&value["content"]["hex"]).into(),
    }
}

/// What was encoded, as ours says it; `None` where the SDK writes what its own readers call unknown.
fn content(kind: &str, value: &Value) -> Option<Content> {
    Some(match kind {
        "text" => Content::Text(text(value)),
        "markdown" => Content::Markdown(text(value)),
        "reaction" | "legacyReaction" => Content::Reaction(reaction(value)?),
        "readReceipt" => Content::ReadReceipt,
        "attachment" => Content::Attachment(Attachment {
            filename: maybe(&value["filename"]),
            mime_type: text(&value["mimeType"]),
            content: unhex(&value["content"]["hex"]).into(),
        }),
        "remoteAttachment" => Content::RemoteAttachment(remote(value)),
        "multiRemoteAttachment" => {
            Content::MultiRemoteAttachment(value["attachments"].as_array().unwrap().iter().map(remote).collect())
        }
        "transactionReference" => Content::TransactionReference(TransactionReference {
            namespace: maybe(&value["namespace"]),
            network_id: text(&value["networkId"]),
            reference: text(&value["reference"]),
            metadata: value.get("metadata").map(|metadata| TransactionMetadata {
                transaction_type: text(&metadata["transactionType"]),
                currency: text(&metadata["currency"]),
                amount: metadata["amount"].as_f64().unwrap(),
                decimals: metadata["decimals"].as_u64().unwrap().try_into().unwrap(),
                from_address: text(&metadata["fromAddress"]),
                to_address: text(&metadata["toAddress"]),
            }),
        }),
        "walletSendCalls" => Content::WalletSendCalls(WalletSendCalls {
            version: text(&value["version"]),
            chain_id: text(&value["chainId"]),
            from: text(&value["from"]),
            calls: value["calls"].as_array().unwrap().iter().map(call).collect(),
            capabilities: value.get("capabilities").map(|capabilities| {
                let each = capabilities.as_object().unwrap().iter();
                each.map(|(name, value)| (name.clone(), text(value))).collect()
            }),
        }),
        "reply" => Content::Reply(Reply {
            reference: text(&value["reference"]),
            reference_inbox_id: maybe(&value["referenceInboxId"]),
            content: Box::new(encoded_content(&value["content"])),
        }),
        "leaveRequest" => Content::LeaveRequest {
            authenticated_note: value.get("authenticatedNote").map(|note| unhex(&note["hex"]).into()),
        },
        other => panic!("{other}"),
    })
}

fn call(value: &Value) -> WalletCall {
    WalletCall {
        to: maybe(&value["to"]),
        data: maybe(&value["data"]),
        value: maybe(&value["value"]),
        gas: maybe(&value["gas"]),
        metadata: value.get("metadata").map(|metadata| WalletCallMetadata {
            description: text(&metadata["description"]),
            transaction_type: text(&metadata["transactionType"]),
            more: Default::default(),
        }),
    }
}

#[test]
fn what_the_official_sdks_wrote_is_read() {
    let mut seen = 0;
    for case in vectors()["cases"].as_array().unwrap() {
        let kind = case["type"].as_str().unwrap();
        let encoded = EncodedContent::parse(unhex(&case["encoded"]).into()).unwrap();
        match content(kind, &case["value"]) {
            Some(expected) => assert_eq!(Content::decode(&encoded), Ok(expected), "{case}"),
            None => assert!(
                matches!(Content::decode(&encoded), Err(ContentError::Invalid(_, "reaction"))),
                "{case}"
            ),
        }
        seen += 1;
    }
    assert_eq!(seen, 29);
}

#[test]
fn what_ours_writes_the_official_sdks_wrote() {
    for case in vectors()["cases"].as_array().unwrap() {
        let kind = case["type"].as_str().unwrap();
        let (Some(ours), false) = (content(kind, &case["value"]), kind == "legacyReaction") else {
            continue;
        };
        // maps have no order on the wire, so what was written is compared as it is read
        let mut ours = ours.encode().unwrap();
        let theirs = EncodedContent::parse(unhex(&case["encoded"]).into()).unwrap();
        if kind == "reply" {
            // SDK 4.6.0 wrote no words there
            assert!(ours.fallback.take().is_some());
        }
        assert_eq!(ours, theirs, "{case}");
        assert_eq!(EncodedContent::parse(ours.encode().into()), Ok(theirs));
    }
}

#[test]
fn what_another_zlib_compressed_is_inflated() {
    let vectors = vectors();
    let compressed = &vectors["compressed"];
    let plain = unhex(&compressed["plain"]);
    for (name, compression) in [
        ("gzip", Compression::Gzip),
        ("zlib", Compression::Deflate),
        ("deflate", Compression::Deflate),
    ] {
        assert_eq!(
            compression.inflate(&unhex(&compressed[name])),
            Ok(Bytes::from(plain.clone())),
            "{name}"
        );
    }
}

#[test]
fn message_ids_are_those_of_another_implementation() {
    let vectors = vectors();
    let vector = &vectors["messageId"];
    let (group, content) = (unhex(&vector["group"]), unhex(&vector["content"]));
    for (key, id) in vector["ids"].as_object().unwrap() {
        assert_eq!(MessageId::of(&group, key, &content).to_string(), text(id));
    }
}

#[test]
fn marks_of_senders_are_those_of_another_implementation() {
    let vectors = vectors();
    let vector = &vectors["hmac"];
    let epoch = vector["epoch"].as_i64().unwrap();
    let key = HmacKey::derive(&unhex(&vector["root"]), &unhex(&vector["group"]), epoch).unwrap();
    assert_eq!(key.as_bytes().to_vec(), unhex(&vector["key"]));
    assert_eq!(
        key.mark(&unhex(&vector["data"])).unwrap().to_vec(),
        unhex(&vector["hmac"])
    );
}
