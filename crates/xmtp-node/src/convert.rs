//! Rows as they are sent.

use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::api::v1 as proto;

use crate::store::model::{GroupMessage, Welcome, WelcomeKind};

/// A group message.
pub(crate) fn group_message(row: GroupMessage) -> proto::GroupMessage {
    let message = row.message;
    let v1 = proto::group_message::V1 {
        id: row.id,
        created_ns: row.created_ns,
        group_id: message.group,
        data: message.data,
        sender_hmac: message.sender_hmac,
        should_push: message.should_push,
        is_commit: message.is_commit,
    };
    proto::GroupMessage {
        version: Some(proto::group_message::Version::V1(v1)),
    }
}

/// A welcome.
pub(crate) fn welcome(row: Welcome) -> proto::WelcomeMessage {
    use proto::welcome_message::{V1, Version, WelcomePointer};
    let welcome = row.welcome;
    let installation_key = Bytes::copy_from_slice(&welcome.installation.0);
    let version = match welcome.kind {
        WelcomeKind::Welcome => Version::V1(V1 {
            id: row.id,
            created_ns: row.created_ns,
            installation_key,
            data: welcome.data,
            hpke_public_key: welcome.hpke_public_key,
            wrapper_algorithm: welcome.wrapper_algorithm,
            welcome_metadata: welcome.metadata,
        }),
        WelcomeKind::Pointer => Version::WelcomePointer(WelcomePointer {
            id: row.id,
            created_ns: row.created_ns,
            installation_key,
            welcome_pointer: welcome.data,
            hpke_public_key: welcome.hpke_public_key,
            wrapper_algorithm: welcome.wrapper_algorithm,
        }),
    };
    proto::WelcomeMessage { version: Some(version) }
}
