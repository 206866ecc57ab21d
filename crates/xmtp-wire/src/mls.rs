//! MLS (RFC 9420) as far as XMTP's wire needs it without a group: headers of group messages, welcomes, key packages.

pub mod key_package;
pub mod message;
pub mod tls;
mod verifier;
pub mod welcome;

use openmls::prelude::Ciphersuite;

pub use key_package::{KeyPackageError, ValidatedKeyPackage};
pub use message::{GroupMessage, GroupMessageError};
pub use tls::TlsError;
pub use welcome::WelcomeError;

/// The one ciphersuite of XMTP, 0x0003: X25519, ChaCha20-Poly1305, SHA-256, Ed25519 (xmtp spec 3.3).
pub const CIPHERSUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
