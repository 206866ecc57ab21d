//! Sending and querying group messages.

use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::api::v1::{
    GetNewestGroupMessageRequest, GroupMessage, GroupMessageInput, PagingInfo, QueryGroupMessagesRequest,
    SendGroupMessagesRequest, group_message, group_message_input,
};
use tonic::Code;

use crate::{
    made::{APPLICATION, COMMIT, PROPOSAL, group, input, private, sending, text},
    node::{BEGIN_MS, TestNode, refused},
};

pub(crate) fn v1(message: GroupMessage) -> group_message::V1 {
    let Some(group_message::Version::V1(v1)) = message.version else {
        panic!("no version 1: {message:?}");
    };
    v1
}

fn query(n: u8, direction: i32, limit: u32, id_cursor: u64) -> QueryGroupMessagesRequest {
    QueryGroupMessagesRequest {
        group_id: group(n),
        paging_info: Some(PagingInfo {
            direction,
            limit,
            id_cursor,
        }),
    }
}

#[tokio::test]
async fn a_message_comes_back_as_it_was_sent_with_what_its_header_says() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    for (content_type, is_commit) in [(APPLICATION, false), (PROPOSAL, true), (COMMIT, true)] {
        let data = private(&group(content_type), content_type, b"payload");
        mls.send_group_messages(sending([data.clone()])).await.unwrap();
        let answer = mls
            .query_group_messages(query(content_type, 1, 0, 0))
            .await
            .unwrap()
            .into_inner();
        let messages: Vec<_> = answer.messages.into_iter().map(v1).collect();
        let expected = group_message::V1 {
            id: u64::from(content_type),
            // three messages within one tick of the clock
            created_ns: u64::try_from(BEGIN_MS).unwrap() * 1_000_000 + u64::from(content_type) - 1,
            group_id: group(content_type),
            data,
            sender_hmac: Bytes::from_static(&[5; 32]),
            should_push: true,
            is_commit,
        };
        assert_eq!(messages, [expected]);
    }
    node.stop().await;
}

#[tokio::test]
async fn ids_rise_over_all_groups_and_a_repeat_gets_none() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending([text(1, "a"), text(2, "a"), text(1, "a"), text(1, "b")]))
        .await
        .unwrap();
    // sent again, because nobody heard the answer
    mls.send_group_messages(sending([text(1, "b"), text(2, "c")]))
        .await
        .unwrap();
    let mut ids = async |n| -> Vec<_> {
        let answer = mls.query_group_messages(query(n, 1, 0, 0)).await.unwrap().into_inner();
        answer.messages.into_iter().map(|message| v1(message).id).collect()
    };
    assert_eq!(ids(1).await, [1, 3]);
    assert_eq!(ids(2).await, [2, 4]);
    node.stop().await;
}

#[tokio::test]
async fn pages_are_of_a_hundred_newest_first_unless_asked_otherwise() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending((0..250_u32).map(|n| text(1, n.to_string()))))
        .await
        .unwrap();
    // direction, limit, cursor -> first id, last id, cursor that is answered, limit that is answered
    for ((direction, limit, cursor), expected) in [
        ((0, 0, 0), (250, 151, 151, 100)),
        ((2, 0, 0), (250, 151, 151, 100)),
        ((1, 0, 0), (1, 100, 100, 100)),
        ((1, 101, 0), (1, 100, 100, 100)),
        ((1, 10, 0), (1, 10, 10, 10)),
        ((1, 100, 100), (101, 200, 200, 100)),
        ((1, 100, 200), (201, 250, 0, 100)),
        ((2, 100, 51), (50, 1, 0, 100)),
        ((2, 50, 51), (50, 1, 1, 50)),
        ((1, 50, 200), (201, 250, 250, 50)),
    ] {
        let answer = mls
            .query_group_messages(query(1, direction, limit, cursor))
            .await
            .unwrap()
            .into_inner();
        let paging = answer.paging_info.unwrap();
        let ids: Vec<_> = answer.messages.into_iter().map(|message| v1(message).id).collect();
        let found = (
            *ids.first().unwrap(),
            *ids.last().unwrap(),
            paging.id_cursor,
            paging.limit,
        );
        assert_eq!(found, expected, "{direction} {limit} {cursor}");
        assert_eq!(paging.direction, if direction == 1 { 1 } else { 2 });
    }
    let answer = mls
        .query_group_messages(query(1, 1, 0, 250))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((answer.messages.len(), answer.paging_info.unwrap().id_cursor), (0, 0));
    let answer = mls.query_group_messages(query(9, 0, 0, 0)).await.unwrap().into_inner();
    assert_eq!(answer.messages.len(), 0);
    node.stop().await;
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_says_where() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    for n in 0..9_u8 {
        mls.send_group_messages(sending([text(1, vec![n; 3 << 20])]))
            .await
            .unwrap();
    }
    let answer = mls.query_group_messages(query(1, 1, 0, 0)).await.unwrap().into_inner();
    assert_eq!((answer.messages.len(), answer.paging_info.unwrap().id_cursor), (7, 7));
    let answer = mls.query_group_messages(query(1, 1, 0, 7)).await.unwrap().into_inner();
    assert_eq!((answer.messages.len(), answer.paging_info.unwrap().id_cursor), (2, 0));
    node.stop().await;
}

#[tokio::test]
async fn the_newest_of_each_group_is_answered_in_order() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending([text(1, "a"), text(2, "b"), text(1, "c")]))
        .await
        .unwrap();
    for include_content in [true, false] {
        let request = GetNewestGroupMessageRequest {
            group_ids: vec![group(2), group(3), group(1)],
            include_content,
        };
        let responses = mls
            .get_newest_group_message(request)
            .await
            .unwrap()
            .into_inner()
            .responses;
        let found: Vec<_> = responses
            .into_iter()
            .map(|response| {
                response
                    .group_message
                    .map(v1)
                    .map(|v1| (v1.id, v1.data, v1.sender_hmac.len()))
            })
            .collect();
        let expected = |id, data: Bytes| {
            Some(if include_content {
                (id, data, 32)
            } else {
                (id, Bytes::new(), 0)
            })
        };
        assert_eq!(found, [expected(2, text(2, "b")), None, expected(3, text(1, "c"))]);
    }
    node.stop().await;
}

#[tokio::test]
async fn what_is_no_group_message_is_refused_and_nothing_of_its_request_is_kept() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let good = text(1, "good");
    let change = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        *bytes.get_mut(at).unwrap() = byte;
        Bytes::from(bytes)
    };
    let cases = [
        (Bytes::new(), "XMTP_MESSAGE_MALFORMED"),
        (good.slice(..good.len() - 1), "XMTP_MESSAGE_MALFORMED"),
        (Bytes::from([&good[..], b"x"].concat()), "XMTP_MESSAGE_MALFORMED"),
        (change(1, 2), "XMTP_MESSAGE_VERSION"),
        (change(3, 3), "XMTP_MESSAGE_WIRE_FORMAT"),
        (private(b"", APPLICATION, b"x"), "XMTP_MESSAGE_NO_GROUP"),
        (private(&[1; 256], APPLICATION, b"x"), "XMTP_MESSAGE_GROUP_ID_TOO_LONG"),
        (private(&group(1), 4, b"x"), "XMTP_MESSAGE_CONTENT_TYPE"),
    ];
    for (data, expected) in cases {
        let result = mls.send_group_messages(sending([good.clone(), data])).await;
        refused(result, Code::InvalidArgument, expected);
    }
    let answer = mls.query_group_messages(query(1, 0, 0, 0)).await.unwrap().into_inner();
    assert_eq!(answer.messages.len(), 0);
    node.stop().await;
}

#[tokio::test]
async fn requests_without_sense_are_refused() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let nothing = SendGroupMessagesRequest { messages: Vec::new() };
    refused(
        mls.send_group_messages(nothing).await,
        Code::InvalidArgument,
        "XMTP_NODE_NOTHING_SENT",
    );
    let unknown = SendGroupMessagesRequest {
        messages: vec![GroupMessageInput { version: None }],
    };
    refused(
        mls.send_group_messages(unknown).await,
        Code::InvalidArgument,
        "XMTP_NODE_NOT_V1",
    );
    for group_id in [Bytes::new(), Bytes::from_static(&[1; 256])] {
        let request = QueryGroupMessagesRequest {
            group_id: group_id.clone(),
            paging_info: None,
        };
        let result = mls.query_group_messages(request).await;
        refused(result, Code::InvalidArgument, "XMTP_NODE_GROUP_ID_INVALID");
        let request = GetNewestGroupMessageRequest {
            group_ids: vec![group(1), group_id],
            include_content: false,
        };
        let result = mls.get_newest_group_message(request).await;
        refused(result, Code::InvalidArgument, "XMTP_NODE_GROUP_ID_INVALID");
    }
    node.stop().await;
}

#[tokio::test]
async fn an_hmac_is_no_longer_than_one() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    for (length, fits) in [(64, true), (65, false)] {
        let mut message = input(text(1, "x"));
        if let Some(group_message_input::Version::V1(v1)) = &mut message.version {
            v1.sender_hmac = vec![1; length].into();
        }
        let result = mls
            .send_group_messages(SendGroupMessagesRequest {
                messages: vec![message],
            })
            .await;
        if fits {
            result.unwrap();
        } else {
            refused(result, Code::InvalidArgument, "XMTP_NODE_HMAC_TOO_LARGE");
        }
    }
    node.stop().await;
}
