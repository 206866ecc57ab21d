//! `GET /v1/relay/connect`: the WebSocket of a connector.

use std::sync::Arc;

use axum::{
    extract::{
        FromRequestParts as _, Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::{IntoResponse as _, Response},
};
use chancery_relay_wire::header::{self, FEATURE_MESSAGES};
use chancery_serve::ApiError;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};

use super::{Answer, Ctx};
use crate::{
    auth::{self, Needs, RequestHead},
    error::RelayError,
    session::link::{Inbound, Outbound},
};

/// Bytes read at a time: a message of 1 KiB in its frame, in one call. The default of the library would cost 128 KiB a
/// connection.
const READ_BUFFER: usize = 2048;

pub(super) async fn connect(State(shared): Ctx, request: Request) -> Answer<Response> {
    let (mut parts, _) = request.into_parts();
    let head = RequestHead {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
    };
    let needs = Needs {
        access: true,
        counted: true,
        // with a proof that may come again only the commit can tell
        judge_nonce_later: shared.config.legacy_reconnect,
        ..Needs::default()
    };
    let caller = auth::authenticate(&shared, head, b"", needs).await?;
    let features = parts
        .headers
        .get(header::FEATURES)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let negotiated = header::offers(features, FEATURE_MESSAGES);
    let max_frame = shared.config.delivery.max_frame_bytes;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|_| ApiError::from(RelayError::UpgradeRequired))?
        .read_buffer_size(READ_BUFFER)
        .max_frame_size(max_frame)
        .max_message_size(max_frame);

    let hub = shared.hub.clone();
    let ait = Arc::clone(&caller.token);
    let admitted = shared.admit(&caller, negotiated).await?;
    let mut response = upgrade.on_upgrade(move |socket| async move {
        let (outgoing, incoming) = split(socket);
        admitted.serve(hub, ait, incoming, outgoing).await;
    });
    if negotiated {
        response
            .headers_mut()
            .insert(header::FEATURES, axum::http::HeaderValue::from_static(FEATURE_MESSAGES));
    }
    Ok(response.into_response())
}

type Halves<W, R> = (W, R);

fn split(
    socket: WebSocket,
) -> Halves<impl Sink<Outbound, Error = axum::Error> + Send + Unpin + 'static, impl Stream<Item = Inbound> + Send + Unpin>
{
    let (sink, stream) = socket.split();
    let outgoing = sink.with(|outbound: Outbound| {
        std::future::ready(Ok::<_, axum::Error>(match outbound {
            Outbound::Text(text) => Message::Text(text.into()),
            Outbound::Close(reason) => Message::Close(Some(CloseFrame {
                code: reason.code(),
                reason: reason.text().into(),
            })),
        }))
    });
    let incoming = stream.scan((), |(), message| {
        std::future::ready(match message {
            Ok(Message::Text(text)) => Some(Inbound::Text(text)),
            Ok(Message::Close(_)) => None,
            Ok(_) => Some(Inbound::Alive),
            Err(error) if is_too_large(&error) => Some(Inbound::TooLarge),
            Err(_) => None,
        })
    });
    (Box::pin(outgoing), incoming)
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.to_string().to_ascii_lowercase().contains("message too long") || error.to_string().contains("too big")
        {
            return true;
        }
        source = error.source();
    }
    false
}
