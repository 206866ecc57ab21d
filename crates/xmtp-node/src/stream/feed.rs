//! The two kinds of streams.

use std::{hash::Hash, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message;
use tonic::Status;

use crate::{
    convert,
    engine::Engine,
    hub::Hub,
    limits::{HISTORY_BYTES, HISTORY_ROWS},
    store::{
        model::{GroupMessage, History, Installation, Row, Welcome},
        queries::{GroupHistory, WelcomeHistory},
    },
};

/// What a stream is about.
pub(crate) trait Feed: Send + Sized + 'static {
    /// What a filter names.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is kept.
    type Row: Row + Send + Sync + 'static;

    fn hub(engine: &Engine) -> &Arc<Hub<Self::Key>>;
    fn key(row: &Self::Row) -> &Self::Key;
    /// The row as it travels, with gRPC's prefix.
    fn frame(row: &Self::Row) -> Bytes;
    fn history(
        engine: &Engine,
        after: Vec<(Self::Key, u64)>,
    ) -> impl Future<Output = Result<History<Self::Row>, Status>> + Send;
}

/// Messages of groups.
pub(crate) struct Groups;

impl Feed for Groups {
    type Key = Bytes;
    type Row = GroupMessage;

    fn hub(engine: &Engine) -> &Arc<Hub<Bytes>> {
        &engine.groups
    }

    fn key(row: &GroupMessage) -> &Bytes {
        &row.message.group
    }

    fn frame(row: &GroupMessage) -> Bytes {
        framed(&convert::group_message(row.clone()))
    }

    async fn history(engine: &Engine, after: Vec<(Bytes, u64)>) -> Result<History<GroupMessage>, Status> {
        let (rows, bytes) = (HISTORY_ROWS, HISTORY_BYTES);
        engine.find(GroupHistory { after, rows, bytes }).await
    }
}

/// Welcomes of installations.
pub(crate) struct Welcomes;

impl Feed for Welcomes {
    type Key = Installation;
    type Row = Welcome;

    fn hub(engine: &Engine) -> &Arc<Hub<Installation>> {
        &engine.welcomes
    }

    fn key(row: &Welcome) -> &Installation {
        &row.welcome.installation
    }

    fn frame(row: &Welcome) -> Bytes {
        framed(&convert::welcome(row.clone()))
    }

    async fn history(engine: &Engine, after: Vec<(Installation, u64)>) -> Result<History<Welcome>, Status> {
        let (rows, bytes) = (HISTORY_ROWS, HISTORY_BYTES);
        engine.find(WelcomeHistory { after, rows, bytes }).await
    }
}

/// A message behind gRPC's prefix: not compressed, its length.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(length + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut frame);
    frame.freeze()
}
