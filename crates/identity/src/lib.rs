//! Who is who: DIDs, identity tokens (AIT), revocation lists (CRL), request proofs, message signatures, pairing.
//!
//! Everything here is a pure function over bytes and times that are passed in. A verified thing is another type than a
//! parsed one: [`ait::VerifiedAit`] can only be had from a signature that was checked.

pub mod ait;
pub mod alias;
pub mod block;
pub mod crl;
pub mod did;
pub mod http_signature;
pub mod key_set;
pub mod message;
pub mod name;
pub mod origin;
pub mod pair;
pub mod proof;
pub mod receipt;
pub mod registration;
pub mod revocation;
pub mod ticket;
pub mod token;

pub use ait::{Ait, VerifiedAit};
pub use did::{AgentDid, Authority, HumanDid};
pub use origin::Origin;
