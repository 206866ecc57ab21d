//! Writes that stop at a chosen step, as if the machine had: for the tests of those who keep their state in a vault. Counts by
//! thread, so tests beside one another do not stop each other.

use std::cell::Cell;
use std::io;

thread_local! {
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// Runs `change` and lets `steps` steps of writing happen in it; none after that, not even tidying up. Returns what it
/// returns, and how many steps it came to, those that were stopped included.
pub fn stop_after<T>(steps: usize, change: impl FnOnce() -> T) -> (T, usize) {
    LEFT.set(Some(steps));
    TAKEN.set(0);
    let result = change();
    LEFT.set(None);
    (result, TAKEN.get())
}

/// One step of writing, of the vault or of whoever writes beside it.
///
/// # Errors
/// When it is one of those that do not happen.
pub fn step() -> io::Result<()> {
    let Some(left) = LEFT.get() else {
        return Ok(());
    };
    TAKEN.set(TAKEN.get() + 1);
    match left.checked_sub(1) {
        Some(left) => {
            LEFT.set(Some(left));
            Ok(())
        }
        None => Err(io::Error::other("stopped")),
    }
}
