//! `chancery xmtp-node` as a process: how it starts, what it refuses, and what a SIGKILL leaves of what it acknowledged.
//! With official SDKs: `xmtp_sdk.rs` and `xmtp_node_kills.rs`.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
#![allow(clippy::panic, reason = "a test that meets what it did not expect stops")]

use std::{
    collections::BTreeSet, ffi::OsString, io::Write as _, net::TcpStream, os::unix::fs::PermissionsExt as _,
    path::Path, sync::Arc, sync::atomic::AtomicUsize, sync::atomic::Ordering::SeqCst, time::Duration,
};

use chancery_tests::{Command, Port, Process, binary, wait};
use chancery_xmtp_node::client::MlsApiClient;
use chancery_xmtp_wire::{
    mls::tls::write_vector,
    proto::mls::api::v1::{
        GroupMessage, GroupMessageInput, PagingInfo, QueryGroupMessagesRequest, SendGroupMessagesRequest,
        SubscribeGroupMessagesRequest, group_message, group_message_input, subscribe_group_messages_request,
    },
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

const GROUP: [u8; 16] = [7; 16];

fn node(dir: &Path, port: &Port) -> Process {
    let address = port.address();
    let arguments: [OsString; 6] = [
        "xmtp-node".into(),
        "--json".into(),
        "--listen".into(),
        address.to_string().into(),
        "--data-dir".into(),
        dir.join("node").into_os_string(),
    ];
    let ready = move || TcpStream::connect(address).is_ok();
    Process::new("xmtp-node", dir, &binary::chancery(), arguments, ready)
}

fn chancery(dir: &Path) -> Command {
    Command::new(&binary::chancery()).env("HOME", dir)
}

/// An application message of [`GROUP`], as its header looks (RFC 9420 6.3).
fn message(text: &str) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 2];
    write_vector(&GROUP, &mut bytes).unwrap();
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 1]);
    for part in ["", "sender", text] {
        write_vector(part.as_bytes(), &mut bytes).unwrap();
    }
    bytes
}

fn sending(text: &str) -> SendGroupMessagesRequest {
    let v1 = group_message_input::V1 {
        data: message(text).into(),
        ..Default::default()
    };
    SendGroupMessagesRequest {
        messages: vec![GroupMessageInput {
            version: Some(group_message_input::Version::V1(v1)),
        }],
    }
}

async fn connect(port: &Port) -> MlsApiClient<Channel> {
    let endpoint = Endpoint::from_shared(port.url()).unwrap();
    MlsApiClient::new(endpoint.connect().await.unwrap())
}

fn v1(message: GroupMessage) -> group_message::V1 {
    match message.version {
        Some(group_message::Version::V1(v1)) => v1,
        None => panic!("a message of no version"),
    }
}

/// All of the group, page by page.
async fn all(mls: &mut MlsApiClient<Channel>) -> Vec<(u64, Vec<u8>)> {
    let (mut found, mut id_cursor) = (Vec::new(), 0);
    loop {
        let request = QueryGroupMessagesRequest {
            group_id: GROUP.to_vec().into(),
            paging_info: Some(PagingInfo {
                direction: 1,
                limit: 100,
                id_cursor,
            }),
        };
        let answer = mls.query_group_messages(request).await.unwrap().into_inner();
        found.extend(answer.messages.into_iter().map(v1).map(|v1| (v1.id, v1.data.to_vec())));
        id_cursor = answer.paging_info.unwrap().id_cursor;
        if id_cursor == 0 {
            return found;
        }
    }
}

/// Sends from eight tasks until the connection breaks; returns what was acknowledged, and counts it on the way.
async fn send_until_killed(port: &Port, round: usize, count: &Arc<AtomicUsize>) -> BTreeSet<Vec<u8>> {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let count = Arc::clone(count);
            let url = port.url();
            tokio::spawn(async move {
                let mut mls = MlsApiClient::new(Endpoint::from_shared(url).unwrap().connect().await.unwrap());
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    let text = format!("{round} {task} {n}");
                    if mls.send_group_messages(sending(&text)).await.is_err() {
                        break;
                    }
                    acknowledged.push(message(&text));
                    count.fetch_add(1, SeqCst);
                }
                acknowledged
            })
        })
        .collect();
    let mut acknowledged = BTreeSet::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_sigkill_with_its_id_and_streams_go_on_at_their_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let port = Port::free();
    let mut process = node(dir.path(), &port);
    let (mut acknowledged, mut before) = (BTreeSet::new(), Vec::new());
    let mut cursor = 0;
    for round in 0..3 {
        tokio::task::block_in_place(|| process.start());
        let mut mls = connect(&port).await;
        let filter = subscribe_group_messages_request::Filter {
            group_id: GROUP.to_vec().into(),
            id_cursor: cursor,
        };
        let request = SubscribeGroupMessagesRequest { filters: vec![filter] };
        let mut stream = mls.subscribe_group_messages(request).await.unwrap().into_inner();
        let streaming = tokio::spawn(async move {
            let mut ids = Vec::new();
            while let Ok(Some(message)) = stream.message().await {
                ids.push(v1(message).id);
            }
            ids
        });
        let count = Arc::new(AtomicUsize::new(0));
        let sending = {
            let count = Arc::clone(&count);
            let (port, sent) = (&port, &count);
            let sending = send_until_killed(port, round, sent);
            let killing = async {
                let reached = async {
                    while count.load(SeqCst) < 300 {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                };
                tokio::time::timeout(wait::PATIENCE, reached).await.unwrap();
                tokio::task::block_in_place(|| process.kill());
            };
            tokio::join!(sending, killing).0
        };
        acknowledged.extend(sending);

        // the stream had each id once, in order, from its cursor on
        let streamed = streaming.await.unwrap();
        let expected: Vec<_> = (cursor + 1..).take(streamed.len()).collect();
        assert_eq!(streamed, expected);
        cursor = streamed.last().copied().unwrap_or(cursor);

        tokio::task::block_in_place(|| process.start());
        let after = all(&mut connect(&port).await).await;
        let ids: Vec<_> = after.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=after.len() as u64).collect::<Vec<_>>());
        // what a stream has shown is there: it shows nothing that is not synced
        assert!(cursor <= after.len() as u64);
        let kept: BTreeSet<_> = after.iter().map(|(_, data)| data.clone()).collect();
        assert!(acknowledged.is_subset(&kept));
        assert_eq!(after.get(..before.len()).unwrap(), before);
        before = after;
        tokio::task::block_in_place(|| process.kill());
    }
    tokio::task::block_in_place(|| process.start());
    let mut mls = connect(&port).await;
    mls.send_group_messages(sending("the last")).await.unwrap();
    let (last, data) = all(&mut mls).await.pop().unwrap();
    assert_eq!((last, data), (before.len() as u64 + 1, message("the last")));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_drains_when_asked_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let port = Port::free();
    let mut process = node(dir.path(), &port);
    tokio::task::block_in_place(|| process.start());
    let mut mls = connect(&port).await;
    let filters = vec![subscribe_group_messages_request::Filter {
        group_id: GROUP.to_vec().into(),
        id_cursor: 0,
    }];
    let stream = mls
        .subscribe_group_messages(SubscribeGroupMessagesRequest { filters })
        .await;
    let mut stream = stream.unwrap().into_inner();
    mls.send_group_messages(sending("kept")).await.unwrap();
    let first = stream.message().await.unwrap().map(v1).unwrap();
    assert_eq!(first.id, 1);
    let reading = tokio::spawn(async move { stream.message().await.unwrap_err().code() });
    let status = tokio::task::block_in_place(|| process.stop());
    assert!(status.success(), "{status}");
    assert_eq!(reading.await.unwrap(), Code::Unavailable);
}

#[test]
fn it_says_where_it_is_and_keeps_its_files_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let port = Port::free();
    let mut process = node(dir.path(), &port);
    process.start();
    let shown = wait::until("its first line", || {
        serde_json::from_str::<serde_json::Value>(&process.stdout()).ok()
    });
    let data = dir.path().join("node");
    assert_eq!(shown["listening"], port.url());
    assert_eq!(shown["dataDir"], data.to_str().unwrap());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }

    let second = ["xmtp-node", "--json", "--listen", "127.0.0.1:0", "--data-dir"];
    let second = chancery(dir.path()).args(second).arg(&data).run();
    assert_eq!(second.failure(), (1, "STORE_LOCKED".to_owned()));
    let other = [
        "xmtp-node",
        "--json",
        "--listen",
        &port.address().to_string(),
        "--data-dir",
    ];
    let other = chancery(dir.path()).args(other).arg(dir.path().join("other")).run();
    assert_eq!(other.failure(), (1, "SERVE_ADDRESS_IN_USE".to_owned()));
    let holder = format!("chancery (process {})", process.id().unwrap());
    assert!(other.stderr.contains(&holder), "{}", other.stderr);
}

#[test]
fn plain_http_stays_on_this_machine_and_a_wrong_variable_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["xmtp-node", "--json", "--listen", "0.0.0.0:0"];
    let refused = chancery(dir.path()).args(arguments).run();
    assert_eq!(refused.failure(), (1, "SERVE_PLAIN_HTTP_OFF_LOOPBACK".to_owned()));
    let refused = chancery(dir.path()).env("XMTP_NODE_MESSAGE_BYTES", "many");
    let refused = refused.args(["xmtp-node", "--json", "--listen", "127.0.0.1:0"]).run();
    assert_eq!(refused.failure(), (1, "XMTP_NODE_CONFIG_INVALID".to_owned()));
    assert!(refused.stderr.contains("XMTP_NODE_MESSAGE_BYTES"), "{}", refused.stderr);
}

#[test]
fn what_speaks_no_http2_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let port = Port::free();
    let mut process = node(dir.path(), &port);
    process.start();
    let mut stream = TcpStream::connect(port.address()).unwrap();
    stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    // an end, in whatever way
    let _ = std::io::Read::read_to_end(&mut stream, &mut heard);
    assert!(!heard.starts_with(b"HTTP/1.1 200"));
    assert!(process.is_running());
}
