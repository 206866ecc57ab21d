//! Limits on requests.

use std::time::Duration;

use chancery_xmtp_wire::proto::mls::api::v1::{GetNewestGroupMessageRequest, QueryGroupMessagesRequest};
use tonic::Code;

use crate::{
    made::{group, sending, text},
    node::{TestNode, code, refused},
    welcomes::{self, welcome},
};

fn query() -> QueryGroupMessagesRequest {
    QueryGroupMessagesRequest {
        group_id: group(1),
        paging_info: None,
    }
}

#[tokio::test]
async fn a_message_is_no_larger_than_one_may_be() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let overhead = text(1, vec![0; 1 << 20]).len() - (1 << 20);
    mls.send_group_messages(sending([text(1, vec![0; (4 << 20) - overhead])]))
        .await
        .unwrap();
    let result = mls
        .send_group_messages(sending([text(1, vec![0; (4 << 20) - overhead + 1])]))
        .await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_MESSAGE_TOO_LARGE");
    node.stop().await;
}

#[tokio::test]
async fn batches_are_no_larger_than_they_may_be() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending((0..256_u32).map(|n| text(1, n.to_string()))))
        .await
        .unwrap();
    let result = mls
        .send_group_messages(sending((0..257_u32).map(|n| text(1, n.to_string()))))
        .await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_BATCH_TOO_LARGE");
    let many = |count: u32| welcomes::sending((0..count).map(|n| welcome(1, &n.to_string())));
    mls.send_welcome_messages(many(4096)).await.unwrap();
    let result = mls.send_welcome_messages(many(4097)).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_BATCH_TOO_LARGE");
    let newest = |count: usize| GetNewestGroupMessageRequest {
        group_ids: vec![group(1); count],
        include_content: false,
    };
    mls.get_newest_group_message(newest(16_384)).await.unwrap();
    let result = mls.get_newest_group_message(newest(16_385)).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_BATCH_TOO_LARGE");
    node.stop().await;
}

#[tokio::test]
async fn an_answer_that_would_be_too_large_is_not_begun() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    mls.send_group_messages(sending([text(1, vec![0; 3 << 20])]))
        .await
        .unwrap();
    let newest = |count: usize| GetNewestGroupMessageRequest {
        group_ids: vec![group(1); count],
        include_content: true,
    };
    mls.get_newest_group_message(newest(7)).await.unwrap();
    let result = mls.get_newest_group_message(newest(9)).await;
    refused(result, Code::ResourceExhausted, "XMTP_NODE_ANSWER_TOO_LARGE");
    node.stop().await;
}

#[tokio::test]
async fn an_address_has_so_many_requests_a_second() {
    let node = TestNode::with(|settings| settings.limits.requests_per_second = 3).await;
    let mut mls = node.mls().await;
    for _ in 0..3 {
        mls.query_group_messages(query()).await.unwrap();
    }
    let status = mls.query_group_messages(query()).await.unwrap_err();
    assert_eq!(
        (status.code(), code(&status)),
        (Code::ResourceExhausted, "XMTP_NODE_TOO_MANY_REQUESTS")
    );
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
    // another connection is the same address
    let result = node.mls().await.query_group_messages(query()).await;
    refused(result, Code::ResourceExhausted, "XMTP_NODE_TOO_MANY_REQUESTS");
    node.wait(Duration::from_secs(1));
    mls.query_group_messages(query()).await.unwrap();
    node.stop().await;
}

#[tokio::test]
async fn what_nobody_serves_is_said_to_be_so() {
    let node = TestNode::start().await;
    let channel = node.channel().await;
    for path in [
        "/xmtp.mls.api.v1.MlsApi/Subscribe",
        "/xmtp.message_api.v1.MessageApi/Query",
        "/",
    ] {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<QueryGroupMessagesRequest, QueryGroupMessagesRequest>::default();
        let result = grpc
            .unary(tonic::Request::new(query()), path.parse().unwrap(), codec)
            .await;
        assert_eq!(result.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
    node.stop().await;
}
