//! A way to a node in memory.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use chancery_base::{Clock, Millis};
use chancery_xmtp_wire::mls::tls::write_vector;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::network::MemoryNode;

struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        Millis(1_790_000_000_000)
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

fn way(seed: u64, faults: Faults) -> (MemoryNode, Faulty) {
    let node = MemoryNode::new(Arc::new(Still));
    let rng = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))));
    let way = Faulty::new(Arc::new(node.clone()), rng, faults);
    (node, way)
}

fn group() -> GroupId {
    GroupId::from_slice(&[4; 16])
}

/// A `PrivateMessage` whose header is one.
fn message(number: u32) -> Vec<(Bytes, Bytes)> {
    let mut bytes = vec![0, 1, 0, 2];
    write_vector(group().as_slice(), &mut bytes).unwrap();
    bytes.extend([0; 8]);
    bytes.push(1);
    for part in [&[][..], b"sender", &number.to_be_bytes()] {
        write_vector(part, &mut bytes).unwrap();
    }
    vec![(bytes.into(), Bytes::new())]
}

async fn kept(node: &MemoryNode) -> usize {
    node.group_messages(&group(), 0).await.unwrap().entries.len()
}

#[tokio::test]
async fn a_lost_answer_is_to_what_has_taken_effect_and_a_lost_request_to_what_has_not() {
    let (node, way) = way(1, Faults::default());
    way.send_group_messages(message(0)).await.unwrap();
    for (lost, taken) in [
        (
            Faults {
                lost_request: 1000,
                ..Faults::default()
            },
            1,
        ),
        (
            Faults {
                lost_answer: 1000,
                ..Faults::default()
            },
            2,
        ),
    ] {
        way.set(lost);
        let error = way.send_group_messages(message(1)).await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        assert_eq!(kept(&node).await, taken, "{lost:?}");
    }
}

#[tokio::test]
async fn a_way_that_is_cut_lets_nothing_through_and_ends_its_streams() {
    let (node, way) = way(1, Faults::default());
    let other = Faulty::new(Arc::new(node.clone()), way.way.rng.clone(), Faults::default());
    let mut following = way.follow_groups(&[(group(), 0)]).await.unwrap();
    way.cut(true);
    assert!(following.next().await.unwrap().is_err_and(|error| error.is_retryable()));
    assert!(following.next().await.is_none());
    assert!(way.send_group_messages(message(1)).await.is_err());
    assert_eq!(kept(&node).await, 0);
    // nobody else's way is
    other.send_group_messages(message(2)).await.unwrap();
    way.cut(false);
    way.send_group_messages(message(1)).await.unwrap();
    assert_eq!(kept(&node).await, 2);
}

#[tokio::test]
async fn a_stream_repeats_and_breaks_off_and_misses_nothing_before_that() {
    let faults = Faults {
        twice: 300,
        broken_off: 50,
        ..Faults::default()
    };
    let (node, way) = way(7, faults);
    for number in 0..200 {
        node.send_group_messages(message(number)).await.unwrap();
    }
    let (mut cursor, mut twice, mut broken_off) = (0, 0, 0);
    while cursor < 200 {
        let mut following = way.follow_groups(&[(group(), cursor)]).await.unwrap();
        while let Some(item) = following.next().await {
            match item {
                Ok(entry) if entry.id == cursor => twice += 1,
                Ok(entry) => {
                    assert_eq!(entry.id, cursor + 1);
                    cursor = entry.id;
                    if cursor == 200 {
                        break;
                    }
                }
                Err(error) => {
                    assert!(matches!(error, NodeError::Aborted(_)));
                    broken_off += 1;
                }
            }
        }
    }
    assert!(twice > 20 && broken_off > 2, "{twice} {broken_off}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_has_the_same_faults_at_the_same_times() {
    let run = |seed| async move {
        let faults = Faults {
            lost_request: 200,
            lost_answer: 200,
            delay_ms: 50,
            ..Faults::default()
        };
        let (node, way) = way(seed, faults);
        let begun = tokio::time::Instant::now();
        let mut seen = Vec::new();
        for number in 0..40 {
            let answered = way.send_group_messages(message(number)).await.is_ok();
            seen.push((answered, begun.elapsed()));
        }
        (seen, kept(&node).await)
    };
    let first = run(3).await;
    assert_eq!(first, run(3).await);
    assert_ne!(first.0, run(4).await.0);
    assert!(first.1 < 40 && first.0.iter().filter(|(answered, _)| *answered).count() < first.1);
}
