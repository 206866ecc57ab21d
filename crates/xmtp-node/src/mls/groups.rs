//! Messages of groups.

use bytes::Bytes;
use chancery_xmtp_wire::{mls::message::GroupMessage as Header, proto::mls::api::v1 as proto};
use tonic::{Response, Status};

use super::{answer, group_id, page};
use crate::{
    convert,
    engine::Engine,
    error::{Refusal, refused},
    limits::{MAX_HMAC, MAX_MESSAGES, MAX_NEWEST},
    store::{
        model::NewGroupMessage,
        queries::{GroupMessages, NewestGroupMessages},
    },
};

/// Checks all messages, then appends all.
pub(super) async fn send(engine: &Engine, request: proto::SendGroupMessagesRequest) -> Result<(), Status> {
    if request.messages.is_empty() {
        return Err(Refusal::NothingSent.into());
    }
    if request.messages.len() > MAX_MESSAGES {
        return Err(Refusal::BatchTooLarge.into());
    }
    let alone = request.messages.len() == 1;
    let most = engine.settings.limits.message_bytes;
    let messages = request.messages.into_iter().map(|input| checked(input, alone, most));
    engine.append_group_messages(messages.collect::<Result<_, _>>()?).await
}

fn checked(input: proto::GroupMessageInput, alone: bool, most: usize) -> Result<NewGroupMessage, Status> {
    let Some(proto::group_message_input::Version::V1(v1)) = input.version else {
        return Err(Refusal::NotV1.into());
    };
    if v1.data.len() > most {
        return Err(Refusal::MessageTooLarge.into());
    }
    if v1.sender_hmac.len() > MAX_HMAC {
        return Err(Refusal::HmacTooLarge.into());
    }
    let header = Header::parse(&v1.data).map_err(|error| refused(&error))?;
    Ok(NewGroupMessage {
        group: Bytes::copy_from_slice(header.group_id),
        is_commit: header.is_commit(),
        sender_hmac: Bytes::copy_from_slice(&v1.sender_hmac),
        should_push: v1.should_push,
        data: own(v1.data, alone),
    })
}

/// A part of a request of which the other parts may be gone sooner: it must not keep them all.
pub(super) fn own(part: Bytes, alone: bool) -> Bytes {
    if alone { part } else { Bytes::copy_from_slice(&part) }
}

pub(super) async fn query(
    engine: &Engine,
    request: proto::QueryGroupMessagesRequest,
) -> Result<Response<proto::QueryGroupMessagesResponse>, Status> {
    let group = group_id(request.group_id)?;
    let info = request.paging_info.as_ref();
    let query = |bytes| GroupMessages {
        group: group.clone(),
        page: page::asked(info, bytes),
    };
    let (found, place) = engine.find_sized(query, page::is_small).await?;
    let response = proto::QueryGroupMessagesResponse {
        paging_info: Some(page::answered(info, &found)),
        messages: found.rows.into_iter().map(convert::group_message).collect(),
    };
    Ok(answer(response, place))
}

pub(super) async fn newest(
    engine: &Engine,
    request: proto::GetNewestGroupMessageRequest,
) -> Result<Response<proto::GetNewestGroupMessageResponse>, Status> {
    if request.group_ids.len() > MAX_NEWEST {
        return Err(Refusal::BatchTooLarge.into());
    }
    let groups = request
        .group_ids
        .into_iter()
        .map(group_id)
        .collect::<Result<Vec<_>, _>>()?;
    let query = |bytes| NewestGroupMessages {
        groups: groups.clone(),
        content: request.include_content,
        bytes,
    };
    let (found, place) = engine.find_sized(query, Option::is_some).await?;
    let found = found.ok_or(Refusal::AnswerTooLarge)?;
    let responses = found
        .into_iter()
        .map(|row| proto::get_newest_group_message_response::Response {
            group_message: row.map(convert::group_message),
        });
    let response = proto::GetNewestGroupMessageResponse {
        responses: responses.collect(),
    };
    Ok(answer(response, place))
}
