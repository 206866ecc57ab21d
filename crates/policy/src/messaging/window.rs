//! Stretches of time, as a reveal names them (signet spec 4.1).

use std::{fmt, str::FromStr};

use chancery_base::Millis;

use super::{RevealError, wire::read_time};

/// From one time to another, both included. Written `start|end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeWindow {
    start: Millis,
    end: Millis,
}

impl TimeWindow {
    /// From `start` to `end`, which may be the same.
    ///
    /// # Errors
    /// [`RevealError::Window`] when the end comes before the start.
    pub fn new(start: Millis, end: Millis) -> Result<Self, RevealError> {
        if start <= end {
            Ok(Self { start, end })
        } else {
            Err(RevealError::Window)
        }
    }

    /// The first time in it.
    #[must_use]
    pub fn start(self) -> Millis {
        self.start
    }

    /// The last time in it.
    #[must_use]
    pub fn end(self) -> Millis {
        self.end
    }

    /// Whether `time` lies in it.
    #[must_use]
    pub fn contains(self, time: Millis) -> bool {
        (self.start..=self.end).contains(&time)
    }
}

impl FromStr for TimeWindow {
    type Err = RevealError;

    /// Two times in UTC with one `|` between them. Anything finer than a millisecond is refused: cut off, it would make
    /// the window begin earlier than it says.
    fn from_str(text: &str) -> Result<Self, RevealError> {
        // 2026-01-01T00:00:00.000Z
        let exact = |text: &&str| text.len() <= 24;
        let times = text.split_once('|').and_then(|(start, end)| {
            let [start, end] = [start, end].map(|time| Some(time).filter(exact).and_then(read_time));
            Some((start?, end?))
        });
        let (start, end) = times.ok_or(RevealError::Window)?;
        Self::new(start, end)
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.start, self.end)
    }
}
