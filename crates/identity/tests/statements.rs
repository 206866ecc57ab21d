//! What agents sign for one another: messages, receipts, pair statements. Every part altered alone.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{Ulid, ed25519::KeyError};
use chancery_identity::{
    message::{self, SignedMessage},
    pair::{PairDocument, PairError, SignedStatement, Statement, TYPE},
    receipt::{self, SignedReceipt},
};
use common::{agent, agent_key, other_key};
use proptest::prelude::*;
use serde_json::{Value, json};

fn with_message(check: impl Fn(&SignedMessage<'_>)) {
    check(&SignedMessage {
        message_id: "01HF7YAT00W6W7CM7N3W5FDXTC",
        from: &agent(1),
        to: &agent(2),
        lane: "c9",
        content_type: "text/plain",
        sent_at: "2026-11-21T06:44:32.775Z",
        payload: br#"{"n":0.10}"#,
    });
}

#[test]
fn a_message_has_eight_lines() {
    with_message(|message| {
        let (from, to, hash) = (
            message.from,
            message.to,
            chancery_base::digest::sha256_b64(message.payload),
        );
        let text = format!(
            "CHANCERY-MSG-V1\n01HF7YAT00W6W7CM7N3W5FDXTC\n{from}\n{to}\nc9\ntext/plain\n2026-11-21T06:44:32.775Z\n{hash}"
        );
        assert_eq!(message::canonical(message), text);
    });
}

#[test]
fn every_part_of_a_message_is_signed() {
    with_message(|honest| {
        let signature = message::sign(honest, &agent_key());
        let verify = |message: &SignedMessage<'_>| message::verify(message, &signature, &agent_key().public());
        assert_eq!(verify(honest), Ok(()));
        let other = agent(3);
        for altered in [
            SignedMessage {
                message_id: "another",
                ..*honest
            },
            SignedMessage {
                from: &other,
                ..*honest
            },
            SignedMessage { to: &other, ..*honest },
            SignedMessage { lane: "", ..*honest },
            SignedMessage {
                content_type: "",
                ..*honest
            },
            SignedMessage {
                sent_at: "2026-11-21T06:44:32.776Z",
                ..*honest
            },
            SignedMessage {
                payload: br#"{"n":0.1}"#,
                ..*honest
            },
            SignedMessage {
                payload: br#"{"n": 0.10}"#,
                ..*honest
            },
        ] {
            assert_eq!(verify(&altered), Err(KeyError::BadSignature), "{altered:?}");
        }
    });
}

#[test]
fn a_message_is_signed_by_its_sender() {
    with_message(|message| {
        let signature = message::sign(message, &other_key());
        assert_eq!(
            message::verify(message, &signature, &agent_key().public()),
            Err(KeyError::BadSignature)
        );
    });
}

#[test]
fn a_newline_does_not_make_two_parts_of_one() {
    with_message(|honest| {
        // lane "c9\ntext/plain" with no content type would be the same text as lane "c9" with content type text/plain
        let one = SignedMessage {
            lane: "a\nb",
            content_type: "c",
            ..*honest
        };
        let two = SignedMessage {
            lane: "a",
            content_type: "b\nc",
            ..*honest
        };
        assert_eq!(message::canonical(&one), message::canonical(&two));
        let signature = message::sign(&one, &agent_key());
        for message in [one, two] {
            assert_eq!(
                message::verify(&message, &signature, &agent_key().public()),
                Err(KeyError::BadSignature)
            );
        }
    });
}

#[test]
fn every_part_of_a_receipt_is_signed() {
    let (from, to, other) = (agent(1), agent(2), agent(3));
    let honest = SignedReceipt {
        message_id: "01HF7YAT00W6W7CM7N3W5FDXTC",
        from: &from,
        to: &to,
        status: "dead_lettered",
        reason: "gone",
        at: "2026-11-21T06:44:32.775Z",
    };
    let signature = receipt::sign(&honest, &agent_key());
    let verify = |receipt: &SignedReceipt<'_>| receipt::verify(receipt, &signature, &agent_key().public());
    assert_eq!(verify(&honest), Ok(()));
    for altered in [
        SignedReceipt {
            message_id: "another",
            ..honest
        },
        SignedReceipt { from: &other, ..honest },
        SignedReceipt { to: &other, ..honest },
        SignedReceipt {
            status: "delivered_to_webhook",
            ..honest
        },
        SignedReceipt { reason: "", ..honest },
        SignedReceipt {
            at: "2026-11-21T06:44:32.776Z",
            ..honest
        },
    ] {
        assert_eq!(verify(&altered), Err(KeyError::BadSignature), "{altered:?}");
    }
    assert_eq!(
        receipt::verify(&honest, &signature, &other_key().public()),
        Err(KeyError::BadSignature)
    );
}

#[test]
fn a_receipt_has_seven_lines() {
    let (from, to) = (agent(1), agent(2));
    let receipt = SignedReceipt {
        message_id: "m",
        from: &from,
        to: &to,
        status: "delivered_to_webhook",
        reason: "",
        at: "t",
    };
    let text = format!("CHANCERY-RECEIPT-V1\nm\n{from}\n{to}\ndelivered_to_webhook\n\nt");
    assert_eq!(receipt::canonical(&receipt), text);
    let forged = SignedReceipt {
        reason: "a\nb",
        ..receipt
    };
    let signature = receipt::sign(&forged, &agent_key());
    assert_eq!(
        receipt::verify(&forged, &signature, &agent_key().public()),
        Err(KeyError::BadSignature)
    );
}

// pairs

fn statement(by: u8, of: u8) -> Statement {
    let key = if by == 1 { agent_key() } else { other_key() };
    Statement {
        kind: TYPE.to_owned(),
        agent_did: agent(by),
        public_key: key.public(),
        peer_did: agent(of),
        pairing: Ulid::from_bytes([7; 16]),
        issued_at: "2026-11-21T06:44:32.775Z".to_owned(),
    }
}

fn signed(statement: Statement) -> SignedStatement {
    let key = if statement.public_key == agent_key().public() {
        agent_key()
    } else {
        other_key()
    };
    statement.sign(&key).unwrap()
}

fn verify(initiator: SignedStatement, responder: SignedStatement) -> Result<(), PairError> {
    PairDocument { initiator, responder }.verify(&agent_key().public(), &other_key().public())
}

#[test]
fn two_statements_that_name_one_another_are_a_pair() {
    assert_eq!(verify(signed(statement(1, 2)), signed(statement(2, 1))), Ok(()));
}

#[test]
fn a_statement_is_signed_over_its_canonical_json() {
    let signed = signed(statement(1, 2));
    let text = format!(
        "CHANCERY-PAIR-V1\n{{\"agentDid\":\"{}\",\"issuedAt\":\"2026-11-21T06:44:32.775Z\",\"pairing\":\"{}\",\
         \"peerDid\":\"{}\",\"publicKey\":\"{}\",\"type\":\"chancery.pair.v1\"}}",
        agent(1),
        Ulid::from_bytes([7; 16]),
        agent(2),
        agent_key().public().to_b64()
    );
    assert_eq!(signed.sig, agent_key().sign(text.as_bytes()));
}

#[test]
fn every_member_of_a_statement_is_signed() {
    let honest = serde_json::to_value(signed(statement(1, 2))).unwrap();
    for (member, value) in [
        ("agentDid", json!(agent(3))),
        ("publicKey", json!(other_key().public())),
        ("peerDid", json!(agent(3))),
        ("pairing", json!(Ulid::NIL)),
        ("issuedAt", json!("2026-11-21T06:44:32.776Z")),
        ("type", json!("chancery.pair.v2")),
    ] {
        let mut altered = honest.clone();
        altered["statement"][member] = value;
        let altered: SignedStatement = serde_json::from_value(altered).unwrap();
        assert!(altered.verify(&agent(1), &agent_key().public()).is_err(), "{member}");
    }
}

#[test]
fn a_statement_has_no_other_member() {
    let mut value = serde_json::to_value(signed(statement(1, 2))).unwrap();
    value["statement"]["scope"] = json!("all");
    assert!(serde_json::from_value::<SignedStatement>(value).is_err());
}

#[test]
fn a_statement_is_by_the_expected_agent_and_key() {
    let statement = signed(statement(1, 2));
    assert_eq!(
        statement.verify(&agent(2), &agent_key().public()),
        Err(PairError::Signer)
    );
    assert_eq!(
        statement.verify(&agent(1), &other_key().public()),
        Err(PairError::Signer)
    );
}

#[test]
fn nobody_signs_with_a_key_that_the_statement_does_not_name() {
    assert_eq!(statement(1, 2).sign(&other_key()).map(drop), Err(PairError::Signer));
}

#[test]
fn a_statement_of_another_version_is_refused() {
    let other = Statement {
        kind: "chancery.pair.v2".to_owned(),
        ..statement(1, 2)
    };
    assert_eq!(
        signed(other).verify(&agent(1), &agent_key().public()),
        Err(PairError::Type)
    );
}

#[test]
fn statements_of_two_pairings_are_no_pair() {
    let other = Statement {
        pairing: Ulid::NIL,
        ..statement(2, 1)
    };
    assert_eq!(verify(signed(statement(1, 2)), signed(other)), Err(PairError::Mismatch));
}

#[test]
fn statements_about_somebody_else_are_no_pair() {
    assert_eq!(
        verify(signed(statement(1, 3)), signed(statement(2, 1))),
        Err(PairError::Mismatch)
    );
    assert_eq!(
        verify(signed(statement(1, 2)), signed(statement(2, 3))),
        Err(PairError::Mismatch)
    );
}

#[test]
fn nobody_pairs_with_itself() {
    let own = signed(statement(1, 1));
    let document = PairDocument {
        initiator: own.clone(),
        responder: own,
    };
    assert_eq!(
        document.verify(&agent_key().public(), &agent_key().public()),
        Err(PairError::Mismatch)
    );
}

#[test]
fn the_two_sides_are_not_interchangeable() {
    assert_eq!(
        verify(signed(statement(2, 1)), signed(statement(1, 2))),
        Err(PairError::Signer)
    );
}

#[test]
fn a_pair_document_survives_its_json() {
    let document = PairDocument {
        initiator: signed(statement(1, 2)),
        responder: signed(statement(2, 1)),
    };
    let text = serde_json::to_string(&document).unwrap();
    assert_eq!(serde_json::from_str::<PairDocument>(&text).unwrap(), document);
}

proptest! {
    #[test]
    fn any_message_that_was_signed_verifies(lane in "[^\\x00-\\x1f]{0,40}", payload: Vec<u8>) {
        with_message(|message| {
            let message = SignedMessage { lane: &lane, payload: &payload, ..*message };
            let signature = message::sign(&message, &agent_key());
            assert!(message::verify(&message, &signature, &agent_key().public()).is_ok());
        });
    }

    #[test]
    fn pair_documents_are_read_without_panic(bytes: Vec<u8>, text in "\\PC*") {
        let _ = serde_json::from_slice::<PairDocument>(&bytes);
        let _ = serde_json::from_str::<SignedStatement>(&text);
        let _ = serde_json::from_str::<Value>(&text);
    }
}
