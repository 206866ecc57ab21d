//! Saying that a test did not run.

use std::io::Write as _;

/// Ends the test with a line that says what is missing; with `CHANCERY_REQUIRE=all` it fails instead.
///
/// ```no_run
/// # use chancery_tests::skip;
/// let Ok(client) = std::env::var("CHANCERY_CLAWDENTITY_CLI") else {
///     skip!("the published client (CHANCERY_CLAWDENTITY_CLI)");
/// };
/// ```
#[macro_export]
macro_rules! skip {
    ($($missing:tt)*) => {{
        $crate::skip::report(&::std::format!($($missing)*));
        return;
    }};
}

/// Whether a skip counts as a failure.
#[must_use]
pub fn is_failure() -> bool {
    std::env::var("CHANCERY_REQUIRE").is_ok_and(|value| value == "all")
}

/// What [`skip!`] does before it returns.
///
/// # Panics
/// With `CHANCERY_REQUIRE=all`.
pub fn report(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(!is_failure(), "{test} needs {missing}");
    // not through print: the test runner would keep the line to itself
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
}
