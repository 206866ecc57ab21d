//! The protobuf messages of Convos. Signed bytes are kept as they came, so what is written here only has to be as the
//! original writes it: a false is written where the original does.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SignedInvite {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) payload: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InvitePayload {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) conversation_token: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) creator_inbox_id: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(super) tag: String,
    #[prost(string, optional, tag = "4")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(super) description: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(super) image_url: Option<String>,
    #[prost(sfixed64, optional, tag = "7")]
    pub(super) conversation_expires_at_unix: Option<i64>,
    #[prost(sfixed64, optional, tag = "8")]
    pub(super) expires_at_unix: Option<i64>,
    #[prost(bool, optional, tag = "9")]
    pub(super) expires_after_use: Option<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EncryptedImage {
    #[prost(string, tag = "1")]
    pub(super) url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) salt: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) nonce: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetadataValue {
    #[prost(oneof = "Value", tags = "1, 2, 3")]
    pub(super) value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(bool, tag = "3")]
    Flag(bool),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProfileUpdate {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(super) encrypted_image: Option<EncryptedImage>,
    #[prost(int32, optional, tag = "3")]
    pub(super) member_kind: Option<i32>,
    #[prost(btree_map = "string, message", tag = "4")]
    pub(super) metadata: BTreeMap<String, MetadataValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MemberProfile {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) inbox_id: Vec<u8>,
    #[prost(string, optional, tag = "2")]
    pub(super) name: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(super) encrypted_image: Option<EncryptedImage>,
    #[prost(int32, optional, tag = "4")]
    pub(super) member_kind: Option<i32>,
    #[prost(btree_map = "string, message", tag = "5")]
    pub(super) metadata: BTreeMap<String, MetadataValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProfileSnapshot {
    #[prost(message, repeated, tag = "1")]
    pub(super) profiles: Vec<MemberProfile>,
}
