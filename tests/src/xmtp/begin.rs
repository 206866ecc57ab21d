//! When simulated time begins.

use chancery_base::{Clock as _, Millis};
use chancery_serve::system::SystemClock;

/// Milliseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000;

/// Midnight, 60 days ago. openmls holds key packages to the clock of the machine, whatever clock a client is handed, and those
/// that are made in simulated time are good for 84 days.
#[must_use]
pub fn begin() -> Millis {
    Millis((SystemClock.now().0 / DAY - 60) * DAY)
}
