//! Subscriptions.

use std::time::Duration;

use bytes::Bytes;
use chancery_xmtp_node::client::MlsApiClient;
use chancery_xmtp_wire::proto::mls::api::v1::{
    GroupMessage, SubscribeGroupMessagesRequest, SubscribeWelcomeMessagesRequest, subscribe_group_messages_request,
    subscribe_welcome_messages_request,
};
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::{
    groups::v1,
    made::{group, sending, text},
    node::{TestNode, code, refused, soon, until},
    welcomes::{self, welcome},
};

pub(crate) fn to(groups: &[(u8, u64)]) -> SubscribeGroupMessagesRequest {
    let filter = |(n, id_cursor): &(u8, u64)| subscribe_group_messages_request::Filter {
        group_id: group(*n),
        id_cursor: *id_cursor,
    };
    SubscribeGroupMessagesRequest {
        filters: groups.iter().map(filter).collect(),
    }
}

fn to_welcomes(installations: &[(u8, u64)]) -> SubscribeWelcomeMessagesRequest {
    let filter = |(n, id_cursor): &(u8, u64)| subscribe_welcome_messages_request::Filter {
        installation_key: welcomes::key(*n),
        id_cursor: *id_cursor,
    };
    SubscribeWelcomeMessagesRequest {
        filters: installations.iter().map(filter).collect(),
    }
}

async fn subscribe(mls: &mut MlsApiClient<Channel>, groups: &[(u8, u64)]) -> Streaming<GroupMessage> {
    soon("the headers", mls.subscribe_group_messages(to(groups)))
        .await
        .unwrap()
        .into_inner()
}

async fn ids(stream: &mut Streaming<GroupMessage>, count: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let message = soon("a message", stream.message()).await.unwrap();
        ids.push(v1(message.unwrap()).id);
    }
    ids
}

/// Reads to the end of the stream.
async fn rest(stream: &mut Streaming<GroupMessage>) -> (Vec<u64>, Status) {
    let mut ids = Vec::new();
    loop {
        match soon("a message", stream.message()).await {
            Ok(message) => ids.push(v1(message.unwrap()).id),
            Err(status) => return (ids, status),
        }
    }
}

#[tokio::test]
async fn headers_come_at_once_and_history_before_what_is_live() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let answer = soon("the headers", mls.subscribe_group_messages(to(&[(9, 0)])))
        .await
        .unwrap();
    assert_eq!(answer.metadata().get("subscribed").unwrap(), "true");

    mls.send_group_messages(sending((0..250_u32).map(|n| text(1, n.to_string()))))
        .await
        .unwrap();
    let mut stream = subscribe(&mut mls, &[(1, 0)]).await;
    assert_eq!(ids(&mut stream, 250).await, (1..=250).collect::<Vec<_>>());
    mls.send_group_messages(sending([text(2, "other"), text(1, "live")]))
        .await
        .unwrap();
    assert_eq!(ids(&mut stream, 1).await, [252]);
    node.stop().await;
}

#[tokio::test]
async fn a_stream_carries_what_a_query_answers() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending([text(1, "history")])).await.unwrap();
    let mut stream = subscribe(&mut mls, &[(1, 0)]).await;
    let mut streamed = vec![soon("history", stream.message()).await.unwrap().unwrap()];
    mls.send_group_messages(sending([text(1, "live")])).await.unwrap();
    streamed.push(soon("what is live", stream.message()).await.unwrap().unwrap());
    let request = chancery_xmtp_wire::proto::mls::api::v1::QueryGroupMessagesRequest {
        group_id: group(1),
        paging_info: None,
    };
    let mut queried = mls.query_group_messages(request).await.unwrap().into_inner().messages;
    queried.reverse();
    assert_eq!(streamed, queried);
    node.stop().await;
}

#[tokio::test]
async fn a_stream_goes_on_after_its_cursor_in_each_group() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending((0..12_u8).map(|n| text(n % 3, [n]))))
        .await
        .unwrap();
    // group 0 has 1 4 7 10, group 1 has 2 5 8 11, group 2 has 3 6 9 12; the earlier one of two cursors counts
    let mut stream = subscribe(&mut mls, &[(0, 4), (1, 11), (0, 7), (2, 100)]).await;
    assert_eq!(ids(&mut stream, 2).await, [7, 10]);
    mls.send_group_messages(sending([text(2, "a"), text(1, "b"), text(0, "c")]))
        .await
        .unwrap();
    // a cursor beyond the end asks for nothing until the ids are there
    assert_eq!(ids(&mut stream, 2).await, [14, 15]);
    node.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_between_history_and_live() {
    let dir = tempfile::tempdir().unwrap();
    let store = chancery_xmtp_node::Store::sqlite(dir.path().join("node.sqlite3")).unwrap();
    let node = TestNode::on(store, |_| {}).await;
    let mls = node.mls().await;
    let mut writer = mls.clone();
    let writing = tokio::spawn(async move {
        for n in 0..600_u32 {
            writer
                .send_group_messages(sending([text(1, n.to_string())]))
                .await
                .unwrap();
        }
    });
    let mut readers = Vec::new();
    for _ in 0..12 {
        let mut reader = mls.clone();
        readers.push(tokio::spawn(async move {
            let mut stream = subscribe(&mut reader, &[(1, 0)]).await;
            ids(&mut stream, 600).await
        }));
        // the next one begins when the log is longer
        let mut stream = subscribe(&mut mls.clone(), &[(1, 0)]).await;
        ids(&mut stream, 1).await;
    }
    writing.await.unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), (1..=600).collect::<Vec<_>>());
    }
    node.stop().await;
}

#[tokio::test]
async fn welcomes_stream_too() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_welcome_messages(welcomes::sending(["a", "b"].map(|data| welcome(1, data))))
        .await
        .unwrap();
    let stream = mls
        .subscribe_welcome_messages(to_welcomes(&[(1, 1), (2, 0)]))
        .await
        .unwrap();
    assert_eq!(stream.metadata().get("subscribed").unwrap(), "true");
    let mut stream = stream.into_inner();
    mls.send_welcome_messages(welcomes::sending([welcome(3, "x"), welcome(2, "c"), welcome(1, "d")]))
        .await
        .unwrap();
    let mut found = Vec::new();
    for _ in 0..3 {
        let message = soon("a welcome", stream.message()).await.unwrap().unwrap();
        found.push(welcomes::id(&message));
    }
    assert_eq!(found, [2, 4, 5]);
    node.stop().await;
}

#[tokio::test]
async fn a_stop_ends_streams_with_a_status_that_says_so() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let mut stream = subscribe(&mut mls, &[(1, 0)]).await;
    let reading = tokio::spawn(async move { rest(&mut stream).await });
    until("the stream", async || node.running.node().open_streams() == 1).await;
    node.stop().await;
    let (_, status) = reading.await.unwrap();
    assert_eq!(
        (status.code(), code(&status)),
        (Code::Unavailable, "XMTP_NODE_STOPPING")
    );
}

#[tokio::test]
async fn subscriptions_have_their_limits() {
    let node = TestNode::with(|settings| {
        settings.limits.filters_per_stream = 3;
        settings.limits.filters = 5;
        settings.limits.streams_per_address = 2;
    })
    .await;
    let mut mls = node.mls().await;
    let too_many = [(1, 0), (2, 0), (3, 0), (4, 0)];
    let result = mls.subscribe_group_messages(to(&too_many)).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_TOO_MANY_FILTERS");
    let result = mls.subscribe_welcome_messages(to_welcomes(&too_many)).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_TOO_MANY_FILTERS");
    let result = mls.subscribe_welcome_messages(to_welcomes(&[])).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_NO_FILTERS");
    for group_id in [Bytes::new(), vec![1; 256].into()] {
        let filters = vec![subscribe_group_messages_request::Filter { group_id, id_cursor: 0 }];
        let result = mls
            .subscribe_group_messages(SubscribeGroupMessagesRequest { filters })
            .await;
        refused(result, Code::InvalidArgument, "XMTP_NODE_GROUP_ID_INVALID");
    }
    let filters = vec![subscribe_welcome_messages_request::Filter {
        installation_key: Bytes::from_static(&[1; 33]),
        id_cursor: 0,
    }];
    let result = mls
        .subscribe_welcome_messages(SubscribeWelcomeMessagesRequest { filters })
        .await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_INSTALLATION_INVALID");

    let first = subscribe(&mut mls, &too_many[..3]).await;
    let result = mls.subscribe_group_messages(to(&too_many[..3])).await;
    refused(result, Code::ResourceExhausted, "XMTP_NODE_FILTERS_EXHAUSTED");
    let _second = subscribe(&mut mls, &too_many[..1]).await;
    let result = mls.subscribe_group_messages(to(&too_many[..1])).await;
    refused(result, Code::ResourceExhausted, "XMTP_NODE_TOO_MANY_STREAMS");
    // who leaves makes room
    drop(first);
    until("the stream to end", async || node.running.node().open_streams() == 1).await;
    let _third = subscribe(&mut mls, &too_many[..3]).await;
    node.stop().await;
}

/// A client that takes little without reading.
pub(crate) async fn narrow(node: &TestNode) -> MlsApiClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", node.address())).unwrap();
    let endpoint = endpoint
        .initial_stream_window_size(16_384)
        .initial_connection_window_size(65_535);
    MlsApiClient::new(endpoint.connect().await.unwrap())
}

#[tokio::test]
async fn who_reads_too_slowly_is_sent_away_and_comes_back_with_a_cursor() {
    let node = TestNode::with(|settings| settings.limits.queued_per_stream = 8).await;
    let mut mls = node.mls().await;
    let mut slow = subscribe(&mut narrow(&node).await, &[(1, 0)]).await;
    let mut quick = subscribe(&mut mls, &[(1, 0)]).await;
    for n in 0..40_u8 {
        mls.send_group_messages(sending([text(1, vec![n; 32 << 10])]))
            .await
            .unwrap();
        // who reads gets everything at once
        assert_eq!(ids(&mut quick, 1).await, [u64::from(n) + 1]);
    }
    let (read, status) = rest(&mut slow).await;
    assert_eq!((status.code(), code(&status)), (Code::Aborted, "XMTP_NODE_SLOW_READER"));
    assert!(read.len() < 40, "{read:?}");
    assert_eq!(read, (1..=read.len() as u64).collect::<Vec<_>>());
    let cursor = read.last().copied().unwrap_or(0);
    let mut again = subscribe(&mut mls, &[(1, cursor)]).await;
    assert_eq!(
        ids(&mut again, 40 - read.len()).await,
        (cursor + 1..=40).collect::<Vec<_>>()
    );
    node.stop().await;
}

#[tokio::test]
async fn bytes_count_as_rows_do() {
    let node = TestNode::with(|settings| settings.limits.queued_bytes_per_stream = 256 << 10).await;
    let mut mls = node.mls().await;
    let mut slow = subscribe(&mut narrow(&node).await, &[(1, 0)]).await;
    for n in 0..40_u8 {
        mls.send_group_messages(sending([text(1, vec![n; 32 << 10])]))
            .await
            .unwrap();
    }
    let (read, status) = rest(&mut slow).await;
    assert_eq!((status.code(), code(&status)), (Code::Aborted, "XMTP_NODE_SLOW_READER"));
    assert!(read.len() < 40, "{read:?}");
    node.stop().await;
}

#[tokio::test]
async fn a_long_history_makes_nobody_a_slow_reader() {
    let node = TestNode::with(|settings| settings.limits.queued_per_stream = 2).await;
    let mut mls = node.mls().await;
    for n in 0..30_u8 {
        mls.send_group_messages(sending([text(1, vec![n; 16 << 10])]))
            .await
            .unwrap();
    }
    let mut stream = subscribe(&mut narrow(&node).await, &[(1, 0)]).await;
    assert_eq!(ids(&mut stream, 1).await, [1]);
    for n in 30..60_u8 {
        mls.send_group_messages(sending([text(1, vec![n; 16 << 10])]))
            .await
            .unwrap();
    }
    // the client's window was full all the while
    assert_eq!(ids(&mut stream, 59).await, (2..=60).collect::<Vec<_>>());
    tokio::time::timeout(Duration::ZERO, stream.message())
        .await
        .unwrap_err();
    node.stop().await;
}
