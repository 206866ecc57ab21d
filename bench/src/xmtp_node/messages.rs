//! What is sent: messages framed as MLS frames them, each with its number.

use anyhow::Context as _;
use bytes::Bytes;
use chancery_xmtp_wire::{
    mls::tls::write_vector,
    proto::mls::api::v1::{
        GroupMessageInput, PagingInfo, QueryGroupMessagesRequest, SendGroupMessagesRequest, SortDirection,
        SubscribeGroupMessagesRequest, group_message_input, subscribe_group_messages_request::Filter,
    },
};

/// Bytes of one message.
pub(crate) const MESSAGE: usize = 1024;
/// The number of a message: its last bytes.
const NUMBER: usize = size_of::<u64>();

/// Group number `number`.
pub(crate) fn group_id(number: usize) -> Bytes {
    let mut id = [0x5a; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Bytes::copy_from_slice(&id)
}

/// A `PrivateMessage` (RFC 9420 6.3) of [`MESSAGE`] bytes, as long in its parts as those of the ciphersuite of XMTP.
pub(crate) fn message(group: &[u8], number: u64) -> anyhow::Result<Bytes> {
    // mls10, mls_private_message
    let mut bytes = vec![0, 1, 0, 2];
    write_vector(group, &mut bytes)?;
    bytes.extend_from_slice(&3_u64.to_be_bytes()); // epoch
    bytes.push(1); // application
    write_vector(b"", &mut bytes)?; // authenticated_data
    write_vector(&[7; 12 + 16], &mut bytes)?; // encrypted_sender_data: 12 bytes and a tag
    // a length below 16,384 takes two bytes
    let left = MESSAGE.checked_sub(bytes.len() + 2).context("the header is too long")?;
    let mut ciphertext = noise(number, left - NUMBER);
    ciphertext.extend_from_slice(&number.to_be_bytes());
    write_vector(&ciphertext, &mut bytes)?;
    Ok(bytes.into())
}

/// The number of a message.
pub(crate) fn number_of(message: &[u8]) -> anyhow::Result<u64> {
    let number = message.last_chunk::<NUMBER>().context("a message without its number")?;
    Ok(u64::from_be_bytes(*number))
}

/// Bytes that look like ciphertext: splitmix64 from `seed`.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Publishes `messages`.
pub(crate) fn sending(messages: impl IntoIterator<Item = Bytes>) -> SendGroupMessagesRequest {
    let input = |data| {
        let v1 = group_message_input::V1 {
            data,
            sender_hmac: hmac(),
            should_push: true,
        };
        GroupMessageInput {
            version: Some(group_message_input::Version::V1(v1)),
        }
    };
    SendGroupMessagesRequest {
        messages: messages.into_iter().map(input).collect(),
    }
}

/// As long as any client's.
pub(crate) fn hmac() -> Bytes {
    Bytes::from_static(&[5; 32])
}

/// Asks for the first `rows` messages of a group, as official clients read: oldest first.
pub(crate) fn asking(group: Bytes, rows: u32) -> QueryGroupMessagesRequest {
    QueryGroupMessagesRequest {
        group_id: group,
        paging_info: Some(PagingInfo {
            direction: SortDirection::Ascending as i32,
            limit: rows,
            id_cursor: 0,
        }),
    }
}

/// Subscribes to a group from its beginning.
pub(crate) fn subscribing(group: Bytes) -> SubscribeGroupMessagesRequest {
    SubscribeGroupMessagesRequest {
        filters: vec![Filter {
            group_id: group,
            id_cursor: 0,
        }],
    }
}
