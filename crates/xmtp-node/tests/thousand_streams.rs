//! What a thousand open streams cost. Alone in its process, whose memory it looks at.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
#![allow(clippy::panic, reason = "a test that meets what it did not expect stops")]

#[path = "api/made.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod made;
#[path = "api/node.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod node;

use chancery_xmtp_wire::proto::mls::api::v1::{
    SubscribeGroupMessagesRequest, group_message::Version, subscribe_group_messages_request::Filter,
};
use made::{group, sending, text};
use node::{TestNode, soon};

const STREAMS: usize = 1000;
/// Bytes of one stream, with both of its ends: some three times of what is seen, for allocators differ.
const MOST: usize = 32 << 10;

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn a_thousand_streams_that_wait_are_cheap_and_all_hear_of_a_message() {
    let node = TestNode::start().await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(node.mls().await);
    }
    let request = || SubscribeGroupMessagesRequest {
        filters: vec![Filter {
            group_id: group(1),
            id_cursor: 0,
        }],
    };
    // what the first streams allocate is not counted
    let mut streams = Vec::new();
    for mls in &mut connections {
        streams.push(mls.subscribe_group_messages(request()).await.unwrap().into_inner());
    }
    let before = resident();
    for n in 4..STREAMS {
        let mls = connections.get_mut(n % 4).unwrap();
        streams.push(mls.subscribe_group_messages(request()).await.unwrap().into_inner());
    }
    let each = resident().saturating_sub(before) / STREAMS;
    assert_eq!(node.running.node().open_streams(), STREAMS);
    let begin = std::time::Instant::now();
    let mut mls = node.mls().await;
    mls.send_group_messages(sending([text(1, vec![1; 1024])]))
        .await
        .unwrap();
    for stream in &mut streams {
        let message = soon("a message", stream.message()).await.unwrap().unwrap();
        assert!(matches!(message.version, Some(Version::V1(v1)) if v1.id == 1));
    }
    println!(
        "{each} bytes a stream with both ends, {:?} to all of them",
        begin.elapsed()
    );
    assert!(each < MOST, "{each}");
    node.stop().await;
}
