//! Welcomes of installations.

use bytes::Bytes;
use chancery_xmtp_wire::{
    mls::welcome::check,
    proto::mls::{
        api::v1::{self as proto, welcome_message_input::Version},
        message_contents::{WelcomePointerWrapperAlgorithm, WelcomeWrapperAlgorithm},
    },
};
use tonic::{Response, Status};

use super::{answer, groups::own, installation, page};
use crate::{
    convert,
    engine::Engine,
    error::{Refusal, refused},
    limits::{MAX_HPKE_KEY, MAX_WELCOME_METADATA, MAX_WELCOMES},
    store::{
        model::{Installation, NewWelcome, WelcomeKind},
        queries::Welcomes,
    },
};

/// Checks all welcomes, then appends all.
pub(super) async fn send(engine: &Engine, request: proto::SendWelcomeMessagesRequest) -> Result<(), Status> {
    if request.messages.is_empty() {
        return Err(Refusal::NothingSent.into());
    }
    if request.messages.len() > MAX_WELCOMES {
        return Err(Refusal::BatchTooLarge.into());
    }
    let alone = request.messages.len() == 1;
    let most = engine.settings.limits.message_bytes;
    let welcomes = request.messages.into_iter().map(|input| checked(input, alone, most));
    engine.append_welcomes(welcomes.collect::<Result<_, _>>()?).await
}

fn checked(input: proto::WelcomeMessageInput, alone: bool, most: usize) -> Result<NewWelcome, Status> {
    let installation = Installation(check(&input).map_err(|error| refused(&error))?);
    let (welcome, known) = match input.version {
        Some(Version::V1(v1)) => {
            let known = WelcomeWrapperAlgorithm::try_from(v1.wrapper_algorithm).is_ok();
            let welcome = NewWelcome {
                installation,
                kind: WelcomeKind::Welcome,
                data: own(v1.data, alone),
                hpke_public_key: own(v1.hpke_public_key, alone),
                wrapper_algorithm: v1.wrapper_algorithm,
                metadata: own(v1.welcome_metadata, alone),
            };
            (welcome, known)
        }
        Some(Version::WelcomePointer(pointer)) => {
            let known = WelcomePointerWrapperAlgorithm::try_from(pointer.wrapper_algorithm).is_ok();
            let welcome = NewWelcome {
                installation,
                kind: WelcomeKind::Pointer,
                data: own(pointer.welcome_pointer, alone),
                hpke_public_key: own(pointer.hpke_public_key, alone),
                wrapper_algorithm: pointer.wrapper_algorithm,
                metadata: Bytes::new(),
            };
            (welcome, known)
        }
        None => return Err(Refusal::NotV1.into()),
    };
    if !known {
        return Err(Refusal::WrapperUnknown.into());
    }
    let too_large = welcome.data.len() > most
        || welcome.hpke_public_key.len() > MAX_HPKE_KEY
        || welcome.metadata.len() > MAX_WELCOME_METADATA;
    if too_large {
        return Err(Refusal::WelcomeTooLarge.into());
    }
    Ok(welcome)
}

pub(super) async fn query(
    engine: &Engine,
    request: proto::QueryWelcomeMessagesRequest,
) -> Result<Response<proto::QueryWelcomeMessagesResponse>, Status> {
    let installation = installation(&request.installation_key)?;
    let info = request.paging_info.as_ref();
    let query = |bytes| Welcomes {
        installation,
        page: page::asked(info, bytes),
    };
    let (found, place) = engine.find_sized(query, page::is_small).await?;
    let response = proto::QueryWelcomeMessagesResponse {
        paging_info: Some(page::answered(info, &found)),
        messages: found.rows.into_iter().map(convert::welcome).collect(),
    };
    Ok(answer(response, place))
}
