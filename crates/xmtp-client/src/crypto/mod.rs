//! The cryptography of the one ciphersuite of XMTP, 0x0003, as openmls asks for it, and HPKE for welcomes.
//!
//! Everything else that MLS knows is refused. Random bytes come from the [`Rng`] that is passed in, those inside HPKE
//! included, and from nowhere else.

mod hpke;
mod kem;
mod mls;
mod random;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use chancery_base::Rng;

pub use hpke::HpkeError;
pub(crate) use hpke::{Opening, Sealing};
pub use kem::{KemId, X25519Secret, XWingSecret};

/// The cryptography of one client. Clones share the random source.
#[derive(Clone)]
pub struct Crypto {
    rng: Arc<dyn Rng>,
}

impl Crypto {
    /// Cryptography that draws on `rng`.
    #[must_use]
    pub fn new(rng: Arc<dyn Rng>) -> Self {
        Self { rng }
    }

    /// The random source.
    #[must_use]
    pub fn rng(&self) -> &Arc<dyn Rng> {
        &self.rng
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crypto(..)")
    }
}
