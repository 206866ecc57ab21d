//! Randomness, passed in.

/// A source of random bytes. Production hands in the operating system's; tests hand in a seeded one.
pub trait Rng: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);

    /// Returns `N` random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}

impl<R: Rng + ?Sized> Rng for &R {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

impl<R: Rng + ?Sized> Rng for std::sync::Arc<R> {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}
