//! The bodies of the fuzz targets (`fuzz/`), for as long as an ordinary test may take: bytes, text, and spoilt samples.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../fuzz/signet_bodies.rs"]
mod bodies;

use proptest::prelude::*;

/// Texts that the readers behind the targets take, to begin from.
const SAMPLES: [&str; 10] = [
    r#"{"type":"auth","token":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","lastSeenSeq":41,"lastSeenEpoch":"e"}"#,
    r#"{"type":"send_message","requestId":"r1","groupId":"conv_0000000000000002","contentType":"xmtp.org/text:1.0","content":{"text":"ok"},"idempotencyKey":"k"}"#,
    r#"{"type":"reveal_content","requestId":"r1","reveal":{"revealId":"x","groupId":"g","scope":"message","targetId":"m","requestedBy":"c","expiresAt":null}}"#,
    r#"{"seq":7,"event":{"type":"message.visible","messageId":"msg_0000000000000001","groupId":"conv_0000000000000002","senderInboxId":"ab","contentType":"xmtp.org/text:1.0","content":[1.0,{"a":null}],"visibility":"visible","sentAt":"2026-11-21T06:44:10.789Z","sealId":null,"threadId":null}}"#,
    r#"{"ok":false,"requestId":"r1","error":{"code":1200,"category":"permission","message":"no","context":{"chatId":"x"}}}"#,
    r#"{"type":"admin_auth","token":"a.b.c"}"#,
    r#"{"jsonrpc":"2.0","id":1.5,"method":"operator.list","params":{"a":[1e3,null]}}"#,
    r#"!{"operatorId":"op_a7f3","chatIds":["a"],"allow":["send"],"ttlSeconds":60}"#,
    "+chatId=a&limit=20&dangerouslyAllowMessageRead=true",
    r#"0{"label":"x","role":"operator","scopeMode":"per-chat","operatorDisclosures":{"hostingMode":"tee"}}"#,
];

fn run(data: &[u8]) {
    bodies::ALL.iter().for_each(|body| body(data));
}

#[test]
fn the_samples_pass() {
    SAMPLES.iter().for_each(|sample| run(sample.as_bytes()));
}

proptest! {
    #[test]
    fn any_bytes_pass(bytes: Vec<u8>, text in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        run(&bytes);
        run(text.as_bytes());
        run(json.as_bytes());
    }

    #[test]
    fn spoilt_samples_pass(sample in prop::sample::select(&SAMPLES[..]), at: prop::sample::Index, with: Vec<u8>, cut in 0..9_usize) {
        let mut bytes = sample.as_bytes().to_vec();
        let from = at.index(bytes.len() + 1);
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with);
        run(&bytes);
    }
}
