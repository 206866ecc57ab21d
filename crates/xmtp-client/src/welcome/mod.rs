//! Welcomes as they travel: wrapped for the one who joins, or once for many of them (xmtp spec 3.4).
//!
//! A welcome of MLS shows its recipients' key packages and, with the tree, who is in the group. XMTP seals all of it once
//! more ([`seal`]), for the key that the recipient's key package names. Where several join at once it may be sealed once,
//! under a fresh key ([`SharedKey`]), and each is sent a pointer that has the key.

mod error;
mod shared;
#[cfg(test)]
mod tests;
mod wrapper;

pub use error::WelcomeError;
pub use shared::{Pointer, PointerBytes, SharedKey};
pub use wrapper::{Unwrapped, WelcomeSecret, Wrapped, open, seal};
