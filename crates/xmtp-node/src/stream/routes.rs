//! The two methods of `MlsApi` that answer with streams.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, header::CONTENT_TYPE},
    response::Response,
};
use bytes::{Buf as _, Bytes};
use chancery_serve::ClientAddr;
use chancery_xmtp_wire::proto::mls::api::v1::{SubscribeGroupMessagesRequest, SubscribeWelcomeMessagesRequest};
use prost::Message;
use tonic::{Status, metadata::GRPC_CONTENT_TYPE};

use super::{
    body::Answer,
    feed::{Feed, Groups, Welcomes},
    reading,
};
use crate::{
    codec::decode,
    engine::Engine,
    error::Refusal,
    gate::Endless,
    limits::MAX_SUBSCRIPTION,
    mls::{group_id, installation},
};

/// `SubscribeGroupMessages`. Without filters it is a stream on which nothing comes, as with the reference.
pub(crate) async fn subscribe_group_messages(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let address = address_of(&request);
    let filters = async {
        let asked: SubscribeGroupMessagesRequest = message(request, engine.settings.limits.filters_per_stream).await?;
        check_count(&engine, asked.filters.len())?;
        let filters = asked.filters.into_iter();
        let filters = filters.map(|filter| Ok((group_id(filter.group_id)?, filter.id_cursor)));
        filters.collect::<Result<Vec<_>, Refusal>>().map_err(Status::from)
    };
    let filters = filters.await;
    filters
        .and_then(|filters| subscribed::<Groups>(&engine, filters, address))
        .unwrap_or_else(Status::into_http)
}

/// `SubscribeWelcomeMessages`.
pub(crate) async fn subscribe_welcome_messages(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let address = address_of(&request);
    let filters = async {
        let asked: SubscribeWelcomeMessagesRequest =
            message(request, engine.settings.limits.filters_per_stream).await?;
        if asked.filters.is_empty() {
            return Err(Refusal::NoFilters.into());
        }
        check_count(&engine, asked.filters.len())?;
        let filters = asked.filters.iter();
        let filters = filters.map(|filter| Ok((installation(&filter.installation_key)?, filter.id_cursor)));
        filters.collect::<Result<Vec<_>, Refusal>>().map_err(Status::from)
    };
    let filters = filters.await;
    filters
        .and_then(|filters| subscribed::<Welcomes>(&engine, filters, address))
        .unwrap_or_else(Status::into_http)
}

fn check_count(engine: &Engine, filters: usize) -> Result<(), Refusal> {
    let most = engine.settings.limits.filters_per_stream;
    if filters > most {
        Err(Refusal::TooManyFilters)
    } else {
        Ok(())
    }
}

fn subscribed<F: Feed>(engine: &Arc<Engine>, filters: Vec<(F::Key, u64)>, address: IpAddr) -> Result<Response, Status> {
    let seat = engine.seats.take(address, filters.len())?;
    let frames = reading::open::<F>(Arc::clone(engine), filters, seat);
    let mut response = Response::new(Body::new(Answer { frames, ended: false }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    // the headers go out at once; some clients wait for metadata before they read (libxmtp, pull request 58)
    headers.insert("subscribed", HeaderValue::from_static("true"));
    response.extensions_mut().insert(Endless);
    Ok(response)
}

/// Whose request it is; without a server everybody is one.
fn address_of(request: &Request) -> IpAddr {
    let client = request.extensions().get::<ClientAddr>();
    client.map_or(Ipv6Addr::UNSPECIFIED.into(), |client| client.network())
}

/// The one message of a request, not compressed, with a list of at most so many filters.
async fn message<T: Message + Default>(request: Request, filters: usize) -> Result<T, Status> {
    let body = to_bytes(request.into_body(), MAX_SUBSCRIPTION).await;
    let mut body: Bytes = body.map_err(|_| Refusal::RequestTooLarge)?;
    let malformed = || Status::from(Refusal::Malformed);
    let compressed = body.try_get_u8().map_err(|_| malformed())?;
    if compressed != 0 {
        return Err(Refusal::Compressed.into());
    }
    let length = body.try_get_u32().map_err(|_| malformed())?;
    if u32::try_from(body.len()) != Ok(length) {
        return Err(malformed());
    }
    decode(body, filters, Refusal::TooManyFilters).map_err(Status::from)
}
