//! Clients that mean no good: each is contained, and the others go on.

use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chancery_xmtp_node::client::MlsApiClient;
use chancery_xmtp_wire::proto::mls::api::v1::QueryGroupMessagesRequest;
use http_body_util::BodyExt as _;
use hyper::{
    Request,
    body::{Body, Frame},
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::mpsc,
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::{
    groups::v1,
    made::{group, sending, text},
    node::{TestNode, code, refused, soon, until},
    streams::{narrow, to},
};

fn query() -> QueryGroupMessagesRequest {
    QueryGroupMessagesRequest {
        group_id: group(1),
        paging_info: None,
    }
}

/// A client at another address of this machine.
async fn neighbour(node: &TestNode, last: u8) -> MlsApiClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", node.address())).unwrap();
    let endpoint = endpoint.local_address(Some(IpAddr::from([127, 0, 0, last])));
    MlsApiClient::new(endpoint.connect().await.unwrap())
}

#[tokio::test]
async fn who_floods_is_told_to_wait_and_the_neighbour_is_not() {
    let node = TestNode::with(|settings| settings.limits.requests_per_second = 100).await;
    let flood = neighbour(&node, 66).await;
    let flooding: Vec<_> = (0..40)
        .map(|_| {
            let mut mls = flood.clone();
            tokio::spawn(async move {
                let mut refused = 0;
                for _ in 0..25 {
                    if let Err(status) = mls.query_group_messages(query()).await {
                        assert_eq!(code(&status), "XMTP_NODE_TOO_MANY_REQUESTS");
                        refused += 1;
                    }
                }
                refused
            })
        })
        .collect();
    let mut other = neighbour(&node, 2).await;
    for n in 0..50_u8 {
        other.send_group_messages(sending([text(1, [n])])).await.unwrap();
    }
    let mut refused = 0;
    for task in flooding {
        refused += task.await.unwrap();
    }
    assert_eq!(refused, 40 * 25 - 100);
    node.stop().await;
}

#[tokio::test]
async fn streams_that_nobody_reads_hold_little_and_keep_nobody_waiting() {
    const ALL: usize = 4 << 20;
    let node = TestNode::with(|settings| settings.limits.queued_bytes = ALL).await;
    let mut mls = node.mls().await;
    let mut quick = mls.subscribe_group_messages(to(&[(0, 0)])).await.unwrap().into_inner();
    // forty streams on groups of their own, so that no message is shared
    let mut stalled = Vec::new();
    for n in 1..=40 {
        stalled.push(
            narrow(&node)
                .await
                .subscribe_group_messages(to(&[(n, 0)]))
                .await
                .unwrap(),
        );
    }
    let mut most = 0;
    for round in 0..12_u8 {
        let messages: Vec<_> = (1..=40).map(|n| text(n, vec![round; 128 << 10])).collect();
        for messages in messages.chunks(20) {
            soon("the answer", mls.send_group_messages(sending(messages.to_vec())))
                .await
                .unwrap();
            most = most.max(node.running.node().waiting_bytes());
        }
        mls.send_group_messages(sending([text(0, [round])])).await.unwrap();
        let message = soon("a message", quick.message()).await.unwrap().unwrap();
        assert_eq!(v1(message).id, u64::from(round + 1) * 41);
    }
    // beyond it everybody is sent away at the next message: one of each stream is what may come on top
    assert!(most <= ALL + 40 * (129 << 10), "{most}");
    let waiting = node.running.node().waiting_bytes();
    assert!(waiting <= 40 * (129 << 10), "{waiting}");
    node.stop().await;
}

/// HTTP/2 without manners: the client's window is what the test says.
async fn raw(address: SocketAddr, last: u8, window: u32) -> SendRequest<Slow> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// A body whose data comes when the test sends it.
struct Slow(mpsc::Receiver<Bytes>);

impl Body for Slow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

fn request(path: &str) -> (Request<Slow>, mpsc::Sender<Bytes>) {
    let (sender, receiver) = mpsc::channel(8);
    let request = Request::post(format!("http://node/xmtp.mls.api.v1.MlsApi/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Slow(receiver));
    (request.unwrap(), sender)
}

/// A message behind gRPC's prefix.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat().into()
}

/// The prefix of a message that will not come.
fn announcing(length: u32) -> Bytes {
    [&[0][..], &length.to_be_bytes()].concat().into()
}

/// A request of the service for identities.
fn identity_request(path: &str) -> (Request<Slow>, mpsc::Sender<Bytes>) {
    let (mut request, body) = request(path);
    *request.uri_mut() = format!("http://node/xmtp.identity.api.v1.IdentityApi/{path}")
        .parse()
        .unwrap();
    (request, body)
}

/// The code of an answer that has no body.
fn answered<B>(response: &hyper::Response<B>) -> Option<&str> {
    response.headers().get("chancery-code")?.to_str().ok()
}

#[tokio::test]
async fn a_request_above_25_mib_is_refused_at_its_prefix() {
    let node = TestNode::start().await;
    let mut sender = raw(node.address(), 1, 65_535).await;
    let (request, body) = request("SendGroupMessages");
    body.send(announcing((25 << 20) + 1)).await.unwrap();
    // the rest never comes
    let response = soon("the answer", sender.send_request(request)).await.unwrap();
    assert_eq!(answered(&response), Some("XMTP_NODE_REQUEST_TOO_LARGE"));
    assert_eq!(response.headers().get("grpc-status").unwrap(), "8");
    node.stop().await;
}

#[tokio::test]
async fn what_follows_the_one_message_is_refused() {
    let node = TestNode::start().await;
    let mut sender = raw(node.address(), 1, 65_535).await;
    let (request, body) = request("SendGroupMessages");
    let message = framed(&sending([text(1, "x")]).encode_to_vec());
    body.send(message.clone()).await.unwrap();
    body.send(message).await.unwrap();
    drop(body);
    let response = soon("the answer", sender.send_request(request)).await.unwrap();
    assert_eq!(answered(&response), Some("XMTP_NODE_REQUEST_TOO_LARGE"));
    node.stop().await;
}

#[tokio::test]
async fn large_requests_wait_for_room_and_small_ones_do_not() {
    let node = TestNode::with(|settings| settings.limits.large_request_bytes = 25 << 20).await;
    let mut dribbling = raw(node.address(), 1, 65_535).await;
    let (first, body) = request("SendGroupMessages");
    body.send(announcing(20 << 20)).await.unwrap();
    let first = tokio::spawn(dribbling.send_request(first));
    // its room is taken when the node has seen the prefix: a large one then waits
    let mut mls = node.mls().await;
    let large = || sending([text(1, vec![0; 3 << 20]), text(1, vec![1; 3 << 20])]);
    until("the room to be taken", async || {
        let mut mls = mls.clone();
        let waited = tokio::time::timeout(Duration::from_millis(300), mls.send_group_messages(large()));
        waited.await.is_err()
    })
    .await;
    mls.send_group_messages(sending([text(1, "small")])).await.unwrap();
    // who gives up makes room
    first.abort();
    drop((body, dribbling));
    soon("room", mls.send_group_messages(large())).await.unwrap();
    node.stop().await;
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_keeps_its_room_from_nobody_for_long() {
    let node = TestNode::with(|settings| settings.limits.large_request_bytes = 25 << 20).await;
    let mut dribbling = raw(node.address(), 66, 65_535).await;
    let (first, body) = request("SendGroupMessages");
    body.send(announcing(25 << 20)).await.unwrap();
    let first = tokio::spawn(dribbling.send_request(first));
    let mut mls = node.mls().await;
    let large = || sending([text(1, vec![0; 1 << 20])]);
    until("the room to be taken", async || {
        let mut mls = mls.clone();
        let waited = tokio::time::timeout(Duration::from_millis(300), mls.send_group_messages(large()));
        waited.await.is_err()
    })
    .await;
    let began = Instant::now();
    soon("room", mls.send_group_messages(large())).await.unwrap();
    // long before the request would have been given up
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(soon("the end", first).await.unwrap().is_err(), "its connection was cut");
    drop(body);
    node.stop().await;
}

#[tokio::test]
async fn who_does_not_read_large_answers_keeps_nobody_from_them_for_long() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    for n in 0..2 {
        mls.send_group_messages(sending([text(1, vec![n; 200 << 10])]))
            .await
            .unwrap();
    }
    let mut sender = raw(node.address(), 66, 0).await;
    let mut unread = Vec::new();
    for _ in 0..16 {
        let (request, body) = request("QueryGroupMessages");
        body.send(framed(&query().encode_to_vec())).await.unwrap();
        drop(body);
        unread.push(tokio::spawn(sender.send_request(request)));
    }
    // those who have places are given their headers; the others wait
    until("the places to be taken", async || {
        unread.iter().filter(|answer| answer.is_finished()).count() == 8
    })
    .await;
    let began = Instant::now();
    let page = soon("a page", mls.query_group_messages(query())).await.unwrap();
    assert_eq!(page.into_inner().messages.len(), 2);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    node.stop().await;
}

#[tokio::test]
async fn entries_are_counted_before_they_are_decoded() {
    let node = TestNode::start().await;
    // two bytes an entry, and behind them what does not decode: who decodes first says so
    let list = |entries: usize| framed(&[b"\x0a\x00".repeat(entries), vec![0xff]].concat());
    let nested = [&[0x0a, 0xfc, 0xff, 0x07][..], &b"\x0a\x00".repeat(65_534)].concat();
    for ((request, body), sent, rule) in [
        (request("SendGroupMessages"), list(1000), "XMTP_NODE_BATCH_TOO_LARGE"),
        (request("SendWelcomeMessages"), list(5000), "XMTP_NODE_BATCH_TOO_LARGE"),
        (request("FetchKeyPackages"), list(5000), "XMTP_NODE_BATCH_TOO_LARGE"),
        (
            request("GetNewestGroupMessage"),
            list(17_000),
            "XMTP_NODE_BATCH_TOO_LARGE",
        ),
        (request("BatchPublishCommitLog"), list(200), "XMTP_NODE_BATCH_TOO_LARGE"),
        (request("BatchQueryCommitLog"), list(200), "XMTP_NODE_BATCH_TOO_LARGE"),
        (
            request("SubscribeGroupMessages"),
            list(21_000),
            "XMTP_NODE_TOO_MANY_FILTERS",
        ),
        (
            request("SubscribeWelcomeMessages"),
            list(21_000),
            "XMTP_NODE_TOO_MANY_FILTERS",
        ),
        (
            identity_request("GetIdentityUpdates"),
            list(2000),
            "XMTP_NODE_BATCH_TOO_LARGE",
        ),
        (identity_request("GetInboxIds"), list(2000), "XMTP_NODE_BATCH_TOO_LARGE"),
        (
            identity_request("PublishIdentityUpdate"),
            framed(&nested),
            "XMTP_NODE_UPDATE_TOO_LARGE",
        ),
        (request("SendGroupMessages"), framed(b"\xff"), "XMTP_NODE_MALFORMED"),
    ] {
        let path = request.uri().path().to_owned();
        let mut sender = raw(node.address(), 1, 65_535).await;
        let answer = tokio::spawn(sender.send_request(request));
        body.send(sent).await.unwrap();
        drop(body);
        let response = soon("the answer", answer).await.unwrap().unwrap();
        assert_eq!(answered(&response), Some(rule), "{path}");
    }
    node.stop().await;
}

#[tokio::test]
async fn what_a_page_has_a_browser_send_is_refused() {
    let node = TestNode::start().await;
    for (name, value, rule) in [
        ("origin", "https://page.example", "XMTP_NODE_FROM_PAGE"),
        ("origin", "null", "XMTP_NODE_FROM_PAGE"),
        ("sec-fetch-site", "same-site", "XMTP_NODE_FROM_PAGE"),
        // what needs no leave to be sent across origins
        ("content-type", "text/plain", "XMTP_NODE_NOT_GRPC"),
        ("content-type", "application/grpc-web", "XMTP_NODE_NOT_GRPC"),
    ] {
        for path in ["SendGroupMessages", "SubscribeGroupMessages"] {
            let mut sender = raw(node.address(), 1, 65_535).await;
            let (mut request, _body) = request(path);
            request.headers_mut().insert(name, value.parse().unwrap());
            let response = soon("the answer", sender.send_request(request)).await.unwrap();
            assert_eq!(answered(&response), Some(rule), "{path} {name}: {value}");
        }
    }
    node.stop().await;
}

#[tokio::test]
async fn many_uploads_of_25_mib_leave_the_node_answering() {
    let node = TestNode::start().await;
    let uploads: Vec<_> = (0..8_u8)
        .map(|n| {
            let address = node.address();
            tokio::spawn(async move {
                let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
                let mut mls = MlsApiClient::new(endpoint.connect().await.unwrap());
                let messages = (0..6_u8).map(|part| text(n, vec![part; (4 << 20) - 100]));
                mls.send_group_messages(sending(messages)).await.map(|_| ())
            })
        })
        .collect();
    let mut mls = node.mls().await;
    for n in 0..20_u8 {
        soon("a small answer", mls.send_group_messages(sending([text(100, [n])])))
            .await
            .unwrap();
    }
    for upload in uploads {
        upload.await.unwrap().unwrap();
    }
    node.stop().await;
}

#[tokio::test]
async fn a_request_that_does_not_arrive_is_given_up() {
    let node = TestNode::with(|settings| settings.limits.request_timeout = Duration::from_millis(200)).await;
    for announced in [10, 20 << 20] {
        let mut sender = raw(node.address(), 1, 65_535).await;
        let (request, body) = request("SendGroupMessages");
        body.send(announcing(announced)).await.unwrap();
        let response = soon("the answer", sender.send_request(request)).await.unwrap();
        assert_eq!(answered(&response), Some("XMTP_NODE_TOO_SLOW"));
        assert_eq!(response.headers().get("grpc-status").unwrap(), "4");
        drop(body);
    }
    node.stop().await;
}

#[tokio::test]
async fn who_takes_every_place_and_waits_is_cut_for_others() {
    let node = TestNode::with(|settings| {
        settings.limits.requests_in_flight = 4;
        settings.limits.answer_timeout = Duration::from_millis(300);
    })
    .await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending([text(1, vec![0; 100 << 10])]))
        .await
        .unwrap();
    // four answers that cannot be sent: the client's window is closed
    let mut sender = raw(node.address(), 66, 0).await;
    let mut unread = Vec::new();
    for _ in 0..4 {
        let (request, body) = request("QueryGroupMessages");
        body.send(framed(&query().encode_to_vec())).await.unwrap();
        drop(body);
        unread.push(soon("the headers", sender.send_request(request)).await.unwrap());
    }
    refused(
        mls.query_group_messages(query()).await,
        Code::ResourceExhausted,
        "XMTP_NODE_BUSY",
    );
    until("a place", async || {
        mls.clone().query_group_messages(query()).await.is_ok()
    })
    .await;
    for response in unread {
        let read = soon("the end", response.into_body().collect()).await;
        assert!(read.is_err(), "its connection was cut");
    }
    node.stop().await;
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_cut() {
    let node = TestNode::with(|settings| settings.http2.first_request_timeout = Duration::from_millis(200)).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    for said in [&b""[..], &preface[..10], preface] {
        let mut stream = TcpStream::connect(node.address()).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut heard = Vec::new();
        // an end, in whatever way
        let _ = soon("the end", stream.read_to_end(&mut heard)).await;
    }
    node.stop().await;
}

#[tokio::test]
async fn a_client_that_is_gone_gives_its_places_back() {
    let node = TestNode::with(|settings| settings.limits.streams_per_address = 1).await;
    let mut mls = neighbour(&node, 66).await;
    let stream = mls.subscribe_group_messages(to(&[(1, 0)])).await.unwrap();
    assert_eq!(node.running.node().open_streams(), 1);
    drop((stream, mls));
    until("its place", async || node.running.node().open_streams() == 0).await;
    node.stop().await;
}

#[tokio::test]
async fn what_is_no_subscription_is_refused() {
    let node = TestNode::start().await;
    let good = framed(&to(&[(1, 0)]).encode_to_vec());
    let compressed: Bytes = [&[1][..], good.get(1..).unwrap()].concat().into();
    for (sent, rule, grpc) in [
        (Bytes::new(), "XMTP_NODE_MALFORMED", "3"),
        (good.slice(..3), "XMTP_NODE_MALFORMED", "3"),
        (good.slice(..good.len() - 1), "XMTP_NODE_MALFORMED", "3"),
        (framed(b"\xff\xff"), "XMTP_NODE_MALFORMED", "3"),
        (compressed, "XMTP_NODE_COMPRESSED", "12"),
        (framed(&vec![0; (2 << 20) + 1]), "XMTP_NODE_REQUEST_TOO_LARGE", "8"),
    ] {
        let mut sender = raw(node.address(), 1, 65_535).await;
        let (request, body) = request("SubscribeGroupMessages");
        let answer = tokio::spawn(sender.send_request(request));
        body.send(sent).await.unwrap();
        drop(body);
        let response = soon("the answer", answer).await.unwrap().unwrap();
        let status = response.headers().get("grpc-status").unwrap();
        assert_eq!((answered(&response), status.to_str().unwrap()), (Some(rule), grpc));
    }
    assert_eq!(node.running.node().open_streams(), 0);
    node.stop().await;
}
