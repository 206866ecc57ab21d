//! Files that were made before a migration.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use chancery_store::{Database, Options, rusqlite::Connection};

use super::schema::MIGRATIONS;
use crate::store::{Accept, Claim, NewMessage, Refusal, SenderAit, Store};

fn agent(n: u8) -> AgentDid {
    format!("did:cdi:registry.example.test:agent:01HF7YAT00W6W7CM7N3W5FDX{n:02}")
        .parse()
        .unwrap()
}

fn message(payload: &'static str) -> NewMessage {
    NewMessage {
        sender: agent(1),
        recipient: agent(2),
        message_id: "1".into(),
        conversation: Some("x".into()),
        content_type: Some("text/plain".into()),
        reply_to: Some("https://x.example.test/".into()),
        sent_at: Some("2026-01-01T00:00:00Z".into()),
        sig: None,
        payload: Bytes::from_static(payload.as_bytes()),
        sender_ait: Arc::new(SenderAit {
            token: "token".into(),
            jti: Ulid::NIL,
        }),
    }
}

fn accept(message: NewMessage) -> Accept {
    Accept {
        hash: message.hash(),
        message: Arc::new(message),
        delivery_id: Ulid::from_bytes([1; 16]),
        nonce: None,
        claim: None,
        max_messages: 10,
        max_per_sender: 10,
        now: Millis(2000),
    }
}

/// A file as it was before `0003_short_rows`, with one message that waits.
async fn before_short_rows(path: &Path) {
    Database::open(path, &MIGRATIONS[..2], Options::default())
        .unwrap()
        .close()
        .await;
    let file = Connection::open(path).unwrap();
    for n in [1, 2] {
        file.execute(
            "INSERT INTO agents (id, did, epoch, depth) VALUES (?1, ?2, 1, 1)",
            (n, agent(n).as_str()),
        )
        .unwrap();
    }
    file.execute_batch(
        "INSERT INTO peers (owner, peer, paired_at, waiting) VALUES (2, 1, 1, 1);
         INSERT INTO lanes (id, recipient, sender, conversation, next_seq) VALUES (1, 2, 1, 'x', 2);
         INSERT INTO payloads (seq, body) VALUES (1, CAST('{}' AS BLOB));",
    )
    .unwrap();
    file.execute(
        "INSERT INTO deliveries (seq, delivery_id, sender, recipient, message_id, hash, lane, lane_seq, position,
                                 accepted_at, updated_at, content_type, reply_to, sent_at)
         VALUES (1, zeroblob(16), 1, 2, '1', ?1, 1, 1, 1, 1000, 1000, 'text/plain', 'https://x.example.test/',
                 '2026-01-01T00:00:00Z')",
        [message("{}").hash()],
    )
    .unwrap();
}

#[tokio::test]
async fn what_waited_before_rows_were_short_is_known_and_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    before_short_rows(&path).await;
    let store = Store::sqlite(&path).unwrap();

    let again = store.run(accept(message("{}"))).await.unwrap();
    assert_eq!((again.repeat, again.position), (true, 1));
    let other = store.run(accept(message("[]"))).await;
    assert!(matches!(other, Err(Refusal::Conflict)), "{other:?}");

    let mut new = message("[]");
    new.message_id = "2".into();
    store.run(accept(new)).await.unwrap();
    let claimed = store
        .run(Claim {
            recipient: agent(2),
            epoch: 1,
            holds: Vec::new(),
            per_lane: 10,
            from_lane: 0,
            max_messages: 10,
            max_bytes: 1000,
            expired_before: Millis(0),
        })
        .await
        .unwrap();
    let told = |n: usize| {
        let message = &claimed.items[n].message;
        (
            message.content_type.as_deref(),
            message.reply_to.as_deref(),
            message.sent_at.as_deref(),
            message.payload.as_ref(),
        )
    };
    let beside = (
        Some("text/plain"),
        Some("https://x.example.test/"),
        Some("2026-01-01T00:00:00Z"),
    );
    assert_eq!(told(0), (beside.0, beside.1, beside.2, b"{}".as_slice()));
    assert_eq!(told(1), (beside.0, beside.1, beside.2, b"[]".as_slice()));
    store.close().await;
}
