//! The WebSocket itself: messages in, texts out, and its end.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use chancery_signet::Frame;
use chancery_signet_wire::frame::CloseCode;
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::ProtocolError,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame as Piece,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::{
    end::End,
    settings::{PARTING, PIECE, READ_BUFFER, WRITE_BUFFER},
};

/// What comes in.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A text.
    Text(Utf8Bytes),
    /// A ping, which is answered, or a pong.
    Alive,
    /// Something for which the connection ends.
    Ended(End),
}

/// The other side does not read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// A WebSocket.
pub(crate) struct Socket {
    frames: WebSocketStream<TokioIo<Upgraded>>,
    /// Whether what comes in can be read as frames still.
    readable: bool,
}

impl Socket {
    /// Takes over a connection on which frames follow, none longer than `max_frame`.
    pub(crate) async fn new(upgraded: Upgraded, max_frame: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_frame_size(Some(max_frame))
            .max_message_size(Some(max_frame));
        let io = TokioIo::new(upgraded);
        Self {
            frames: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await,
            readable: true,
        }
    }

    /// Has `text` written with what is flushed next.
    pub(crate) async fn feed(&mut self, text: String) -> Result<(), Lost> {
        if text.len() <= PIECE {
            return self.put(Message::text(text)).await;
        }
        self.feed_pieces([text.into()]).await
    }

    /// The same for an event. A long one is not copied: all connections that are sent it share its text.
    pub(crate) async fn feed_event(&mut self, frame: Frame) -> Result<(), Lost> {
        if frame.event().len() <= PIECE {
            return self.put(Message::text(frame.text())).await;
        }
        let before = format!("{{\"seq\":{},\"event\":", frame.seq());
        let event = Bytes::from_owner(Shared(frame));
        self.feed_pieces([before.into(), event, Bytes::from_static(b"}")]).await
    }

    /// One text in frames of at most [`PIECE`] bytes (RFC 6455 section 5.4).
    async fn feed_pieces<const N: usize>(&mut self, parts: [Bytes; N]) -> Result<(), Lost> {
        let mut kind = Data::Text;
        for mut part in parts {
            while !part.is_empty() {
                let piece = part.split_to(part.len().min(PIECE));
                self.put(Message::Frame(Piece::message(piece, OpCode::Data(kind), false)))
                    .await?;
                kind = Data::Continue;
            }
        }
        let last = Piece::message(Bytes::new(), OpCode::Data(kind), true);
        self.put(Message::Frame(last)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Lost> {
        self.frames.feed(message).await.map_err(|_| Lost)
    }

    /// Returns once the system has everything that was fed.
    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        self.frames.flush().await.map_err(|_| Lost)
    }

    /// Ends the connection and returns when the other side has ended it too, or has had its time.
    pub(crate) async fn part(mut self, end: End) {
        let parting = async {
            match end {
                End::Cut(_) => return,
                // answers its close frame
                End::Gone => drop(self.flush().await),
                End::Close(code, reason) => {
                    if self.say_goodbye(code, reason).await.is_err() {
                        return;
                    }
                }
            }
            // closing a socket with unread bytes resets it, and the other side would not see why
            while self.readable {
                if let Some(Inbound::Ended(_)) | None = self.next().await {
                    break;
                }
            }
            if !self.readable {
                self.drain().await;
            }
        };
        // whoever takes longer is cut
        let _ = tokio::time::timeout(PARTING, parting).await;
    }

    async fn say_goodbye(&mut self, code: CloseCode, reason: &'static str) -> Result<(), Lost> {
        let frame = CloseFrame {
            code: code.code().into(),
            reason: Utf8Bytes::from_static(reason),
        };
        self.put(Message::Close(Some(frame))).await?;
        self.flush().await
    }

    /// Reads what is no frame any more to its end.
    async fn drain(&mut self) {
        let raw = self.frames.get_mut();
        if raw.shutdown().await.is_err() {
            return;
        }
        let mut scratch = [0; READ_BUFFER];
        while raw.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
    }
}

impl Stream for Socket {
    type Item = Inbound;

    /// Never ends by itself: after [`Inbound::Ended`] it is not asked again.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Inbound>> {
        let message = match self.frames.poll_next_unpin(cx) {
            Poll::Ready(message) => message,
            Poll::Pending => return Poll::Pending,
        };
        let inbound = match message {
            Some(Ok(Message::Text(text))) => Inbound::Text(text),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Inbound::Alive,
            Some(Ok(Message::Binary(_))) => Inbound::Ended(End::protocol("Binary frames are not taken")),
            Some(Ok(Message::Close(_))) | None => Inbound::Ended(End::Gone),
            Some(Err(error)) => {
                let end = refused(&error);
                self.readable = end == End::Gone;
                Inbound::Ended(end)
            }
        };
        Poll::Ready(Some(inbound))
    }
}

/// What becomes of a connection on which something came that is no message.
fn refused(error: &Error) -> End {
    match error {
        Error::Capacity(_) => End::protocol("Frame too large"),
        Error::Utf8(_) => End::protocol("Not UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        Error::Protocol(_) => End::protocol("Not a WebSocket frame"),
        _ => End::Gone,
    }
}

/// An event's text, shared.
struct Shared(Frame);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.event().as_bytes()
    }
}
