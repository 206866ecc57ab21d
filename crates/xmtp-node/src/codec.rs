//! Reading requests and writing answers. Protobuf spends two bytes on an empty entry of a list, which decoded takes hundreds: 25 MiB of them would
//! be gigabytes before anybody had counted them. So they are counted first.

use std::marker::PhantomData;

use bytes::{Buf as _, Bytes};
use chancery_xmtp_wire::proto::{
    identity::api::v1 as identity,
    mls::api::v1::{self as mls},
};
use prost::{
    Message,
    encoding::{DecodeContext, decode_key, skip_field},
};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::{
    error::Refusal,
    limits::{
        MAX_COMMIT_ENTRIES, MAX_COMMIT_QUERIES, MAX_FETCHED_KEY_PACKAGES, MAX_GRPC_MESSAGE, MAX_IDENTITY_UPDATE,
        MAX_INBOXES, MAX_MESSAGES, MAX_NEWEST, MAX_WELCOMES,
    },
};

/// Fields beside the entries of a list that a request may have, known or not.
const OTHER_FIELDS: usize = 64;

/// What a request may be before it is decoded. The services say exactly what they take; this is what they get to see.
pub(crate) trait Request: Message + Default + Send + 'static {
    /// Entries of its list.
    const ENTRIES: usize = 0;
    /// Bytes, and what is said about more.
    const BYTES: (usize, Refusal) = (MAX_GRPC_MESSAGE, Refusal::RequestTooLarge);
}

impl Request for identity::PublishIdentityUpdateRequest {
    // its list is one level down: only its size bounds it
    const BYTES: (usize, Refusal) = (MAX_IDENTITY_UPDATE + OTHER_FIELDS, Refusal::UpdateTooLarge);
}

impl Request for identity::VerifySmartContractWalletSignaturesRequest {}
impl Request for mls::UploadKeyPackageRequest {}
impl Request for mls::RegisterInstallationRequest {}
impl Request for mls::RevokeInstallationRequest {}
impl Request for mls::GetIdentityUpdatesRequest {}
impl Request for mls::QueryGroupMessagesRequest {}
impl Request for mls::QueryWelcomeMessagesRequest {}
// the router answers these two itself
impl Request for mls::SubscribeGroupMessagesRequest {}
impl Request for mls::SubscribeWelcomeMessagesRequest {}

macro_rules! lists {
    ($($request:ty: $most:ident;)*) => {
        $(impl Request for $request {
            const ENTRIES: usize = $most;
        })*
    };
}

lists! {
    identity::GetIdentityUpdatesRequest: MAX_INBOXES;
    identity::GetInboxIdsRequest: MAX_INBOXES;
    mls::SendGroupMessagesRequest: MAX_MESSAGES;
    mls::SendWelcomeMessagesRequest: MAX_WELCOMES;
    mls::FetchKeyPackagesRequest: MAX_FETCHED_KEY_PACKAGES;
    mls::BatchPublishCommitLogRequest: MAX_COMMIT_ENTRIES;
    mls::BatchQueryCommitLogRequest: MAX_COMMIT_QUERIES;
    mls::GetNewestGroupMessageRequest: MAX_NEWEST;
}

/// Decodes `bytes`, unless they have more fields than a list of `entries` may have with it.
pub(crate) fn decode<T: Message + Default>(bytes: Bytes, entries: usize, too_many: Refusal) -> Result<T, Refusal> {
    let mut rest = &bytes[..];
    let mut left = entries.saturating_add(OTHER_FIELDS);
    while !rest.is_empty() {
        left = left.checked_sub(1).ok_or(too_many)?;
        decode_key(&mut rest)
            .and_then(|(tag, wire_type)| skip_field(wire_type, tag, &mut rest, DecodeContext::default()))
            .map_err(|_| Refusal::Malformed)?;
    }
    T::decode(bytes).map_err(|_| Refusal::Malformed)
}

/// The codec of the services: protobuf, requests bounded.
#[derive(Debug)]
pub(crate) struct Bounded<T, U>(PhantomData<(T, U)>);

/// Its half that reads.
#[derive(Debug)]
pub(crate) struct BoundedDecoder<U>(PhantomData<U>);

impl<T, U> Default for Bounded<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + Send + 'static, U: Request> Codec for Bounded<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = Fitted<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Fitted<T> {
        Fitted(PhantomData)
    }

    fn decoder(&mut self) -> BoundedDecoder<U> {
        BoundedDecoder(PhantomData)
    }
}

/// The half that writes: into a buffer that is large enough from the start.
#[derive(Debug)]
pub(crate) struct Fitted<T>(PhantomData<T>);

impl<T: Message> Encoder for Fitted<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, destination: &mut EncodeBuf<'_>) -> Result<(), Status> {
        destination.reserve(item.encoded_len());
        item.encode_raw(destination);
        Ok(())
    }
}

impl<U: Request> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let (most, too_large) = U::BYTES;
        if source.remaining() > most {
            return Err(too_large.into());
        }
        let bytes = source.copy_to_bytes(source.remaining());
        Ok(Some(decode(bytes, U::ENTRIES, Refusal::BatchTooLarge)?))
    }
}
