//! Places where an install may fail, for tests that make it fail there.

use std::{fmt, io, sync::Arc};

/// Told of every step and every write before it happens. Tests hand in one that fails, or ends the process, at a chosen
/// call; the default does nothing.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Reached>>);

type Reached = dyn Fn(&'static str) -> io::Result<()> + Send + Sync;

impl Faults {
    /// Calls `reached` with the name of each place. When it answers an error, the step fails with it.
    #[must_use]
    pub fn new(reached: impl Fn(&'static str) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(reached)))
    }

    /// Announces `place`.
    pub(crate) fn at(&self, place: &'static str) -> io::Result<()> {
        match &self.0 {
            Some(reached) => reached(place),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(..)" } else { "Faults" })
    }
}
