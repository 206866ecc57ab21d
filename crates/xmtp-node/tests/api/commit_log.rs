//! Commit logs.

use bytes::Bytes;
use chancery_xmtp_wire::proto::{
    identity::associations::RecoverableEd25519Signature,
    mls::api::v1::{
        BatchPublishCommitLogRequest, BatchQueryCommitLogRequest, PagingInfo, PublishCommitLogRequest,
        QueryCommitLogRequest,
    },
};
use tonic::Code;

use crate::{
    made::group,
    node::{TestNode, refused},
};

fn entry(n: u8, data: u8) -> PublishCommitLogRequest {
    PublishCommitLogRequest {
        group_id: group(n),
        serialized_commit_log_entry: Bytes::copy_from_slice(&[data; 40]),
        signature: Some(RecoverableEd25519Signature {
            bytes: vec![data; 64],
            public_key: vec![data; 32],
        }),
    }
}

fn query(n: u8, direction: i32, limit: u32, id_cursor: u64) -> QueryCommitLogRequest {
    QueryCommitLogRequest {
        group_id: group(n),
        paging_info: Some(PagingInfo {
            direction,
            limit,
            id_cursor,
        }),
    }
}

#[tokio::test]
async fn entries_come_back_in_order_page_by_page() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    // the log of a group may repeat itself: what was said twice is kept twice
    let requests = vec![entry(1, 1), entry(2, 2), entry(1, 3), entry(1, 3)];
    mls.batch_publish_commit_log(BatchPublishCommitLogRequest { requests })
        .await
        .unwrap();
    let requests = vec![
        query(2, 0, 0, 0),
        query(1, 1, 2, 0),
        query(3, 0, 0, 0),
        query(1, 1, 2, 3),
    ];
    let answer = mls
        .batch_query_commit_log(BatchQueryCommitLogRequest { requests })
        .await;
    let found: Vec<_> = answer
        .unwrap()
        .into_inner()
        .responses
        .into_iter()
        .map(|response| {
            let paging = response.paging_info.unwrap();
            assert_eq!(paging.direction, 1);
            let entries = response.commit_log_entries.into_iter().map(|found| {
                let sent = entry(0, found.serialized_commit_log_entry[0]);
                assert_eq!(found.serialized_commit_log_entry, sent.serialized_commit_log_entry);
                assert_eq!(found.signature, sent.signature);
                found.sequence_id
            });
            (response.group_id, entries.collect::<Vec<_>>(), paging.id_cursor)
        })
        .collect();
    let expected = [
        (group(2), vec![2], 0),
        (group(1), vec![1, 3], 3),
        (group(3), vec![], 0),
        (group(1), vec![4], 0),
    ];
    assert_eq!(found, expected);
    node.stop().await;
}

#[tokio::test]
async fn each_rule_for_entries_refuses_and_keeps_nothing() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let with = |changed: PublishCommitLogRequest| vec![entry(1, 1), changed];
    for (requests, expected) in [
        (vec![], "XMTP_NODE_NOTHING_SENT"),
        ((0..11).map(|n| entry(1, n)).collect(), "XMTP_NODE_BATCH_TOO_LARGE"),
        (
            with(PublishCommitLogRequest {
                group_id: Bytes::new(),
                ..entry(1, 2)
            }),
            "XMTP_NODE_GROUP_ID_INVALID",
        ),
        (
            with(PublishCommitLogRequest {
                serialized_commit_log_entry: Bytes::new(),
                ..entry(1, 2)
            }),
            "XMTP_NODE_COMMIT_ENTRY_INVALID",
        ),
        (
            with(PublishCommitLogRequest {
                signature: None,
                ..entry(1, 2)
            }),
            "XMTP_NODE_COMMIT_ENTRY_INVALID",
        ),
        (
            with(PublishCommitLogRequest {
                serialized_commit_log_entry: vec![1; (16 << 10) + 1].into(),
                ..entry(1, 2)
            }),
            "XMTP_NODE_COMMIT_ENTRY_TOO_LARGE",
        ),
    ] {
        let result = mls
            .batch_publish_commit_log(BatchPublishCommitLogRequest { requests })
            .await;
        refused(result, Code::InvalidArgument, expected);
    }
    for (requests, expected) in [
        (vec![query(1, 2, 0, 0)], "XMTP_NODE_DIRECTION_UNSUPPORTED"),
        (vec![query(1, 1, 0, 0); 21], "XMTP_NODE_BATCH_TOO_LARGE"),
        (
            vec![QueryCommitLogRequest {
                group_id: Bytes::new(),
                paging_info: None,
            }],
            "XMTP_NODE_GROUP_ID_INVALID",
        ),
    ] {
        let result = mls
            .batch_query_commit_log(BatchQueryCommitLogRequest { requests })
            .await;
        refused(result, Code::InvalidArgument, expected);
    }
    let requests = vec![query(1, 1, 0, 0); 20];
    let answer = mls
        .batch_query_commit_log(BatchQueryCommitLogRequest { requests })
        .await
        .unwrap()
        .into_inner();
    assert!(
        answer
            .responses
            .iter()
            .all(|response| response.commit_log_entries.is_empty())
    );
    node.stop().await;
}
