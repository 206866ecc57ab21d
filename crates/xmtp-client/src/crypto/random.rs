//! Our random source as the libraries want it.

use std::convert::Infallible;

use chancery_base::Rng;
use openmls_traits::random::OpenMlsRand;
use rand_core::{TryCryptoRng, TryRng};

use super::Crypto;

impl OpenMlsRand for Crypto {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        Ok(self.rng.bytes())
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut bytes = vec![0; len];
        self.rng.fill(&mut bytes);
        Ok(bytes)
    }
}

/// Our random source as the KEM wants it.
pub(super) struct Drawn<'a>(pub(super) &'a dyn Rng);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(Rng::bytes(&self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(Rng::bytes(&self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}
