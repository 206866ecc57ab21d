//! Commit logs: what clients say about the commits that they have processed.

use bytes::Bytes;
use chancery_xmtp_wire::proto::{
    identity::associations::RecoverableEd25519Signature,
    mls::{
        api::v1::{self as proto, SortDirection},
        message_contents::CommitLogEntry,
    },
};
use prost::Message as _;
use tonic::{Response, Status};

use super::{group_id, groups::own, page};
use crate::{
    engine::Engine,
    error::{Refusal, defect},
    limits::{COMMIT_LOG_BYTES, MAX_COMMIT_ENTRIES, MAX_COMMIT_ENTRY, MAX_COMMIT_QUERIES},
    store::{
        commands::AppendCommitEntries,
        model::{CommitEntry, NewCommitEntry, Order, Page},
        queries::CommitLog,
    },
};

/// Checks all entries, then appends all.
pub(super) async fn publish(engine: &Engine, request: proto::BatchPublishCommitLogRequest) -> Result<(), Status> {
    if request.requests.len() > MAX_COMMIT_ENTRIES {
        return Err(Refusal::BatchTooLarge.into());
    }
    if request.requests.is_empty() {
        return Err(Refusal::NothingSent.into());
    }
    let entries = request.requests.into_iter().map(checked).collect::<Result<_, _>>()?;
    engine.apply(AppendCommitEntries { entries }, |()| {}).await
}

fn checked(request: proto::PublishCommitLogRequest) -> Result<NewCommitEntry, Refusal> {
    let signature = request.signature.ok_or(Refusal::CommitEntryInvalid)?;
    if request.serialized_commit_log_entry.is_empty() {
        return Err(Refusal::CommitEntryInvalid);
    }
    let signature = Bytes::from(signature.encode_to_vec());
    if request.serialized_commit_log_entry.len() > MAX_COMMIT_ENTRY || signature.len() > MAX_COMMIT_ENTRY {
        return Err(Refusal::CommitEntryTooLarge);
    }
    Ok(NewCommitEntry {
        group: own(group_id(request.group_id)?, false),
        entry: own(request.serialized_commit_log_entry, false),
        signature,
    })
}

/// The pages of several groups, in their order.
pub(super) async fn query(
    engine: &Engine,
    request: proto::BatchQueryCommitLogRequest,
) -> Result<Response<proto::BatchQueryCommitLogResponse>, Status> {
    if request.requests.len() > MAX_COMMIT_QUERIES {
        return Err(Refusal::BatchTooLarge.into());
    }
    let mut responses = Vec::with_capacity(request.requests.len());
    for query in request.requests {
        let info = query.paging_info.unwrap_or_default();
        if info.direction == SortDirection::Descending as i32 {
            return Err(Refusal::DirectionUnsupported.into());
        }
        let group = group_id(query.group_id)?;
        let page = Page {
            order: Order::Ascending,
            ..page::asked(Some(&info), COMMIT_LOG_BYTES)
        };
        let found = engine
            .find(CommitLog {
                group: group.clone(),
                page,
            })
            .await?;
        let paging_info = Some(proto::PagingInfo {
            direction: SortDirection::Ascending as i32,
            ..page::answered(Some(&info), &found)
        });
        let entries = found.rows.into_iter().map(sent).collect::<Result<_, _>>()?;
        responses.push(proto::QueryCommitLogResponse {
            group_id: group,
            commit_log_entries: entries,
            paging_info,
        });
    }
    Ok(Response::new(proto::BatchQueryCommitLogResponse { responses }))
}

fn sent(row: CommitEntry) -> Result<CommitLogEntry, Status> {
    let signature = RecoverableEd25519Signature::decode(row.signature)
        .map_err(|error| defect("a signature of the commit log does not decode", &error))?;
    Ok(CommitLogEntry {
        sequence_id: row.sequence_id,
        serialized_commit_log_entry: row.entry,
        signature: Some(signature),
    })
}
