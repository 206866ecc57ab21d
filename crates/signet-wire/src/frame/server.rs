//! Frames of the signet.

use chancery_base::json;
use chancery_policy::messaging::ScopeSet;
use serde::{Deserialize, Serialize};

use super::{Event, EventError, Response};
use crate::{
    ConnectionId, Refusal,
    object::{Members, located_text},
    record::credential::TokenMetadata,
};

shape! {
    /// `authenticated`: the harness is let in.
    record Authenticated {
        /// The connection.
        connection_id: ConnectionId,
        /// The credential.
        credential: TokenMetadata,
        /// What it allows and denies.
        effective_scopes: ScopeSet,
        /// The number after which events are sent again; `null` when none are.
        resumed_from_seq|null: u64,
        /// The stream that numbers are of.
        stream_epoch?: String,
        /// What this signet can beyond the first protocol.
        features?: Vec<String>,
    }
}

shape! {
    /// `auth_error`: it is not. The connection closes with the same code.
    record AuthError {
        /// Close code.
        code: u16,
        /// For people; never what came.
        message: String,
    }
}

shape! {
    /// `challenge`: what a proof on this connection signs.
    record Challenge {
        /// Random, and of use for one connection.
        nonce: String,
    }
}

shape! {
    /// `backpressure`: the client reads too slowly.
    record Backpressure {
        /// Frames that wait.
        buffered: u64,
        /// How many may.
        limit: u64,
    }
}

/// An event and its place in the stream of its credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sequenced {
    /// From 1, one more with each event.
    pub seq: u64,
    /// The event.
    pub event: Event,
}

/// Any frame of the signet.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ServerFrame {
    /// The harness is let in.
    Authenticated(Authenticated),
    /// It is not.
    AuthError(AuthError),
    /// What a proof signs.
    Challenge(Challenge),
    /// Something happened.
    Sequenced(Sequenced),
    /// The client reads too slowly.
    Backpressure(Backpressure),
    /// The answer to a request.
    Response(Response),
}

/// Why a text is no frame that this reader understands.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServerFrameError {
    /// Not an object, or of no known kind.
    #[error("not a frame")]
    NotAFrame,
    /// An event that is not understood. Its number counts all the same.
    #[error("event {seq}: {error}")]
    Event {
        /// Its number.
        seq: u64,
        /// Why.
        error: EventError,
    },
    /// A member is missing or malformed.
    #[error("{0}")]
    Member(Refusal),
}

impl ServerFrame {
    /// The frame as text: the same frame is the same bytes.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Authenticated(frame) => tagged("authenticated", frame),
            Self::AuthError(frame) => tagged("auth_error", frame),
            Self::Challenge(frame) => tagged("challenge", frame),
            Self::Backpressure(frame) => tagged("backpressure", frame),
            Self::Sequenced(frame) => serde_json::to_string(frame),
            Self::Response(frame) => serde_json::to_string(frame),
        }
    }

    /// Reads a frame, as clients do. Members that are not known are passed over.
    ///
    /// # Errors
    /// [`ServerFrameError`].
    pub fn parse(text: &str) -> Result<Self, ServerFrameError> {
        let mut members = Members::parse(text).ok_or(ServerFrameError::NotAFrame)?;
        if let Some(event) = members.take("event") {
            let seq = members
                .take("seq")
                .and_then(|seq| seq.get().parse().ok())
                .filter(|seq| *seq > 0)
                .ok_or_else(|| ServerFrameError::Member(Refusal::new("seq", "expected an integer of at least 1")))?;
            let event = Event::parse(event.get()).map_err(|error| ServerFrameError::Event { seq, error })?;
            return Ok(Self::Sequenced(Sequenced { seq, event }));
        }
        let frame = match members.take_text("type").as_deref() {
            Some("authenticated") => members.read().map(Self::Authenticated),
            Some("auth_error") => members.read().map(Self::AuthError),
            Some("challenge") => members.read().map(Self::Challenge),
            Some("backpressure") => members.read().map(Self::Backpressure),
            Some(_) => return Err(ServerFrameError::NotAFrame),
            None => {
                json::check_strict(text.as_bytes()).map_err(|_| ServerFrameError::NotAFrame)?;
                located_text(text).map(Self::Response)
            }
        };
        frame.map_err(ServerFrameError::Member)
    }
}

fn tagged<T: Serialize>(kind: &'static str, body: &T) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Tagged<'a, T> {
        r#type: &'static str,
        #[serde(flatten)]
        body: &'a T,
    }
    serde_json::to_string(&Tagged { r#type: kind, body })
}
