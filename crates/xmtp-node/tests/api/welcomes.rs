//! Sending and querying welcomes.

use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::api::v1::{
    PagingInfo, QueryWelcomeMessagesRequest, SendWelcomeMessagesRequest, WelcomeMessage, WelcomeMessageInput,
    welcome_message, welcome_message_input as input,
};
use tonic::Code;

use crate::node::{BEGIN_MS, TestNode, refused};

pub(crate) fn key(n: u8) -> Bytes {
    Bytes::copy_from_slice(&[n; 32])
}

/// A welcome to installation `n`.
pub(crate) fn welcome(n: u8, data: &str) -> input::V1 {
    input::V1 {
        installation_key: key(n),
        data: Bytes::copy_from_slice(data.as_bytes()),
        hpke_public_key: key(100),
        wrapper_algorithm: 1,
        welcome_metadata: Bytes::from_static(b"metadata"),
    }
}

pub(crate) fn sending(welcomes: impl IntoIterator<Item = input::V1>) -> SendWelcomeMessagesRequest {
    let version = |v1| WelcomeMessageInput {
        version: Some(input::Version::V1(v1)),
    };
    SendWelcomeMessagesRequest {
        messages: welcomes.into_iter().map(version).collect(),
    }
}

fn pointing(pointer: input::WelcomePointer) -> SendWelcomeMessagesRequest {
    SendWelcomeMessagesRequest {
        messages: vec![WelcomeMessageInput {
            version: Some(input::Version::WelcomePointer(pointer)),
        }],
    }
}

fn pointer() -> input::WelcomePointer {
    input::WelcomePointer {
        installation_key: key(1),
        welcome_pointer: Bytes::from_static(b"pointer"),
        hpke_public_key: key(100),
        wrapper_algorithm: 2,
    }
}

fn query(n: u8, limit: u32, id_cursor: u64) -> QueryWelcomeMessagesRequest {
    QueryWelcomeMessagesRequest {
        installation_key: key(n),
        paging_info: Some(PagingInfo {
            direction: 1,
            limit,
            id_cursor,
        }),
    }
}

pub(crate) fn id(message: &WelcomeMessage) -> u64 {
    match message.version.as_ref().unwrap() {
        welcome_message::Version::V1(v1) => v1.id,
        welcome_message::Version::WelcomePointer(pointer) => pointer.id,
    }
}

#[tokio::test]
async fn welcomes_and_pointers_come_back_as_they_were_sent() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_welcome_messages(sending([welcome(1, "hello")])).await.unwrap();
    mls.send_welcome_messages(pointing(pointer())).await.unwrap();
    let answer = mls.query_welcome_messages(query(1, 0, 0)).await.unwrap().into_inner();
    let created_ns = u64::try_from(BEGIN_MS).unwrap() * 1_000_000;
    let v1 = welcome_message::V1 {
        id: 1,
        created_ns,
        installation_key: key(1),
        data: Bytes::from_static(b"hello"),
        hpke_public_key: key(100),
        wrapper_algorithm: 1,
        welcome_metadata: Bytes::from_static(b"metadata"),
    };
    let pointer = welcome_message::WelcomePointer {
        id: 2,
        created_ns: created_ns + 1,
        installation_key: key(1),
        welcome_pointer: Bytes::from_static(b"pointer"),
        hpke_public_key: key(100),
        wrapper_algorithm: 2,
    };
    let found: Vec<_> = answer
        .messages
        .into_iter()
        .filter_map(|message| message.version)
        .collect();
    let expected = [
        welcome_message::Version::V1(v1),
        welcome_message::Version::WelcomePointer(pointer),
    ];
    assert_eq!(found, expected);
    node.stop().await;
}

#[tokio::test]
async fn pages_and_repeats_are_as_with_group_messages() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let welcomes = ["a", "b", "a", "c", "d"].map(|data| welcome(1, data));
    mls.send_welcome_messages(sending(welcomes)).await.unwrap();
    mls.send_welcome_messages(sending([welcome(1, "a"), welcome(2, "a")]))
        .await
        .unwrap();
    let answer = mls.query_welcome_messages(query(1, 3, 0)).await.unwrap().into_inner();
    assert_eq!(answer.messages.iter().map(id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(answer.paging_info.unwrap().id_cursor, 3);
    let answer = mls.query_welcome_messages(query(1, 3, 3)).await.unwrap().into_inner();
    assert_eq!(answer.messages.iter().map(id).collect::<Vec<_>>(), [4]);
    assert_eq!(answer.paging_info.unwrap().id_cursor, 0);
    let answer = mls.query_welcome_messages(query(2, 0, 0)).await.unwrap().into_inner();
    assert_eq!(answer.messages.iter().map(id).collect::<Vec<_>>(), [5]);
    node.stop().await;
}

#[tokio::test]
async fn the_target_of_a_pointer_needs_no_hpke_key() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let target = input::V1 {
        hpke_public_key: Bytes::new(),
        wrapper_algorithm: 3,
        ..welcome(7, "shared")
    };
    mls.send_welcome_messages(sending([target])).await.unwrap();
    let answer = mls.query_welcome_messages(query(7, 0, 0)).await.unwrap().into_inner();
    assert_eq!(answer.messages.len(), 1);
    node.stop().await;
}

#[tokio::test]
async fn each_rule_for_welcomes_refuses_and_keeps_nothing() {
    let node = TestNode::with(|settings| settings.limits.message_bytes = 1000).await;
    let mut mls = node.mls().await;
    let good = || welcome(1, "good");
    let v1 = |changed: input::V1| sending([good(), changed]);
    let cases = [
        (
            SendWelcomeMessagesRequest { messages: Vec::new() },
            "XMTP_NODE_NOTHING_SENT",
        ),
        (
            SendWelcomeMessagesRequest {
                messages: vec![WelcomeMessageInput { version: None }],
            },
            "XMTP_WELCOME_EMPTY",
        ),
        (
            v1(input::V1 {
                installation_key: Bytes::from_static(&[1; 31]),
                ..good()
            }),
            "XMTP_WELCOME_INSTALLATION_KEY",
        ),
        (v1(welcome(1, "")), "XMTP_WELCOME_NO_DATA"),
        (
            v1(input::V1 {
                hpke_public_key: Bytes::new(),
                ..good()
            }),
            "XMTP_WELCOME_NO_HPKE_KEY",
        ),
        (
            v1(input::V1 {
                wrapper_algorithm: 9,
                ..good()
            }),
            "XMTP_NODE_WRAPPER_UNKNOWN",
        ),
        (v1(welcome(1, &"x".repeat(1001))), "XMTP_NODE_WELCOME_TOO_LARGE"),
        (
            v1(input::V1 {
                hpke_public_key: vec![1; 4097].into(),
                ..good()
            }),
            "XMTP_NODE_WELCOME_TOO_LARGE",
        ),
        (
            v1(input::V1 {
                welcome_metadata: vec![1; 1025].into(),
                ..good()
            }),
            "XMTP_NODE_WELCOME_TOO_LARGE",
        ),
        (
            pointing(input::WelcomePointer {
                welcome_pointer: Bytes::new(),
                ..pointer()
            }),
            "XMTP_WELCOME_NO_DATA",
        ),
        (
            pointing(input::WelcomePointer {
                hpke_public_key: Bytes::new(),
                ..pointer()
            }),
            "XMTP_WELCOME_NO_HPKE_KEY",
        ),
        (
            pointing(input::WelcomePointer {
                wrapper_algorithm: 3,
                ..pointer()
            }),
            "XMTP_NODE_WRAPPER_UNKNOWN",
        ),
    ];
    for (request, expected) in cases {
        refused(
            mls.send_welcome_messages(request).await,
            Code::InvalidArgument,
            expected,
        );
    }
    let answer = mls.query_welcome_messages(query(1, 0, 0)).await.unwrap().into_inner();
    assert_eq!(answer.messages.len(), 0);
    let short = QueryWelcomeMessagesRequest {
        installation_key: Bytes::from_static(&[1; 31]),
        paging_info: None,
    };
    let result = mls.query_welcome_messages(short).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_INSTALLATION_INVALID");
    node.stop().await;
}
