//! From the wire into typed values, and back.

use chancery_xmtp_wire::proto::{
    identity::api::v1::get_identity_updates_response::IdentityUpdateLog,
    mls::{
        api::v1::{
            GroupMessage, WelcomeMessage, WelcomeMessageInput, group_message, welcome_message, welcome_message_input,
        },
        message_contents::{WelcomePointerWrapperAlgorithm, WelcomeWrapperAlgorithm},
    },
};
use openmls::group::GroupId;

use super::{GroupEnvelope, LoggedUpdate, NodeError, WelcomeBody, WelcomeEnvelope, WelcomeToSend};

pub(super) fn group_message(message: GroupMessage) -> Result<GroupEnvelope, NodeError> {
    let group_message::Version::V1(v1) = message
        .version
        .ok_or(NodeError::Malformed("a group message of no version"))?;
    if v1.id == 0 {
        return Err(NodeError::Malformed("a group message without an id"));
    }
    Ok(GroupEnvelope {
        id: number(v1.id)?,
        created_ns: number(v1.created_ns)?,
        group: GroupId::from_slice(&v1.group_id),
        data: v1.data,
    })
}

pub(super) fn welcome(message: WelcomeMessage) -> Result<WelcomeEnvelope, NodeError> {
    let (id, created_ns, body) = match message.version.ok_or(NodeError::Malformed("a welcome of no version"))? {
        welcome_message::Version::V1(v1) => {
            let algorithm = v1.wrapper_algorithm();
            let body = WelcomeBody::Welcome {
                data: v1.data,
                hpke_public_key: v1.hpke_public_key,
                // libxmtp 1.6 and before name none, and mean this one
                algorithm: match algorithm {
                    WelcomeWrapperAlgorithm::Unspecified => WelcomeWrapperAlgorithm::Curve25519,
                    known => known,
                },
                metadata: v1.welcome_metadata,
            };
            (v1.id, v1.created_ns, body)
        }
        welcome_message::Version::WelcomePointer(pointer) => {
            let body = WelcomeBody::Pointer {
                data: pointer.welcome_pointer,
                hpke_public_key: pointer.hpke_public_key,
            };
            (pointer.id, pointer.created_ns, body)
        }
    };
    if id == 0 {
        return Err(NodeError::Malformed("a welcome without an id"));
    }
    Ok(WelcomeEnvelope {
        id: number(id)?,
        created_ns: number(created_ns)?,
        body,
    })
}

pub(super) fn welcome_input(welcome: WelcomeToSend) -> WelcomeMessageInput {
    use welcome_message_input::{V1, Version, WelcomePointer};
    let installation_key = welcome.destination.to_vec().into();
    let version = match welcome.body {
        WelcomeBody::Welcome {
            data,
            hpke_public_key,
            algorithm,
            metadata,
        } => Version::V1(V1 {
            installation_key,
            data,
            hpke_public_key,
            wrapper_algorithm: algorithm.into(),
            welcome_metadata: metadata,
        }),
        WelcomeBody::Pointer { data, hpke_public_key } => Version::WelcomePointer(WelcomePointer {
            installation_key,
            welcome_pointer: data,
            hpke_public_key,
            wrapper_algorithm: WelcomePointerWrapperAlgorithm::XwingMlkem768Draft6.into(),
        }),
    };
    WelcomeMessageInput { version: Some(version) }
}

pub(super) fn logged_update(entry: IdentityUpdateLog) -> Result<LoggedUpdate, NodeError> {
    let update = entry
        .update
        .ok_or(NodeError::Malformed("an entry of a log without its update"))?;
    Ok(LoggedUpdate {
        sequence_id: number(entry.sequence_id)?,
        server_timestamp_ns: entry.server_timestamp_ns,
        update: update
            .try_into()
            .map_err(|_| NodeError::Malformed("an identity update that is none"))?,
    })
}

/// An id or a time as nodes count them: they keep them with a sign, and so do we.
fn number(number: u64) -> Result<u64, NodeError> {
    if number > i64::MAX.cast_unsigned() {
        return Err(NodeError::Malformed("a number that no node counts to"));
    }
    Ok(number)
}
