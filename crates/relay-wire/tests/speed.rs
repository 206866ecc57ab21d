//! How long a frame of 1 KiB takes to read and to write. `cargo test --release -p chancery-relay-wire --test speed -- --ignored --nocapture`

use std::{hint::black_box, time::Instant};

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_relay_wire::{
    Frame,
    frame::{Deliver, DeliverExtra, Enqueue, EnqueueSigned},
};
use serde_json::value::RawValue;

const ROUNDS: u32 = 200_000;
const LIMIT_NS: f64 = 3000.0;

fn measure(what: &str, mut work: impl FnMut()) -> (String, bool) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        (0..ROUNDS / 5).for_each(|_| work());
        best = best.min(begun.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS / 5));
    }
    (format!("{what:<16} {best:6.0} ns"), best < LIMIT_NS)
}

#[test]
#[ignore = "a measurement, for release builds on a quiet machine"]
fn a_frame_of_1_kib_is_read_and_written_in_under_3_microseconds() {
    let payload = RawValue::from_string(format!(r#"{{"message":"{}"}}"#, "a".repeat(1010))).unwrap();
    let did = |n: u128| {
        format!(
            "did:cdi:registry.example.test:agent:{}",
            Ulid::from_bytes(n.to_be_bytes())
        )
    };
    let now = Millis(1_795_243_472_775);
    let id = Ulid::from_bytes([1; 16]);
    let message_id = id.to_string();
    let sig = Signature::from_bytes([7; 64]);
    let enqueue = Frame::Enqueue(Enqueue {
        id,
        to: did(1).parse().unwrap(),
        payload: &payload,
        content_type: None,
        conversation_id: Some("c9".into()),
        reply_to: None,
        signed: Some(EnqueueSigned {
            message_id: message_id.as_str().into(),
            sent_at: now.to_rfc3339().into(),
            sig,
        }),
    });
    let deliver = Frame::Deliver(Deliver {
        id,
        from: did(2).parse().unwrap(),
        to: did(1).parse().unwrap(),
        payload: &payload,
        content_type: None,
        conversation_id: Some("c9".into()),
        reply_to: None,
        extra: Some(DeliverExtra {
            message_id: message_id.as_str().into(),
            lane_seq: 17,
            attempt: 1,
            sent_at: Some(now.to_rfc3339().into()),
            sig: Some(sig),
            from_ait: None,
        }),
    });
    let (enqueue_text, deliver_text) = (enqueue.encode(id, now).unwrap(), deliver.encode(id, now).unwrap());
    let measured = [
        measure("enqueue, read", || {
            drop(black_box(Frame::parse(black_box(&enqueue_text))))
        }),
        measure("enqueue, written", || {
            drop(black_box(black_box(&enqueue).encode(id, now)))
        }),
        measure("deliver, read", || {
            drop(black_box(Frame::parse(black_box(&deliver_text))))
        }),
        measure("deliver, written", || {
            drop(black_box(black_box(&deliver).encode(id, now)))
        }),
        measure("a time, written", || drop(black_box(black_box(now).to_rfc3339()))),
        measure("an id, written", || drop(black_box(black_box(id).to_string()))),
    ];
    measured.iter().for_each(|(line, _)| println!("{line}"));
    assert!(measured.iter().all(|(_, ok)| *ok), "slower than {LIMIT_NS} ns");
}
