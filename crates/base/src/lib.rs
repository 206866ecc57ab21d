//! What every crate of Chancery stands on: ids and their short forms, time, errors, encodings, hashes, Ed25519 and compact
//! JWS.
//!
//! Pure: no I/O, no async, no clock and no hidden randomness. Whoever needs the time or random bytes is handed a
//! [`Clock`] or an [`Rng`].

pub mod b64;
pub mod digest;
pub mod ed25519;
mod error;
pub mod hex;
pub mod json;
pub mod jws;
mod rng;
pub mod short_id;
mod time;
mod ulid;

pub use error::{Category, ErrorCode};
pub use rng::Rng;
pub use time::{Clock, Millis};
pub use ulid::{ParseUlidError, Ulid};
