//! Windows of time (signet spec 4.1), read strictly.

use chancery_base::Millis;
use chancery_policy::messaging::{RevealError, TimeWindow};
use proptest::prelude::*;

use super::time;

#[test]
fn both_ends_belong_to_a_window() {
    let window: TimeWindow = "2026-01-01T00:00:00.000Z|2026-01-01T00:00:01.000Z".parse().unwrap();
    for (at, inside) in [
        ("2025-12-31T23:59:59.999Z", false),
        ("2026-01-01T00:00:00.000Z", true),
        ("2026-01-01T00:00:01.000Z", true),
        ("2026-01-01T00:00:01.001Z", false),
    ] {
        assert_eq!(window.contains(time(at)), inside, "{at}");
    }
}

#[test]
fn a_window_may_be_a_moment_and_never_ends_before_it_starts() {
    assert!(
        "2026-01-01T00:00:00Z|2026-01-01T00:00:00Z"
            .parse::<TimeWindow>()
            .is_ok()
    );
    assert_eq!(TimeWindow::new(Millis(1), Millis(0)), Err(RevealError::Window));
}

#[test]
fn it_is_written_in_one_form() {
    let window: TimeWindow = "2026-01-01T00:00:00Z|2026-01-01T00:00:00.5Z".parse().unwrap();
    assert_eq!(window.to_string(), "2026-01-01T00:00:00.000Z|2026-01-01T00:00:00.500Z");
}

#[test]
fn anything_else_is_refused() {
    let good = "2026-01-01T00:00:00.000Z";
    for bad in [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00.000",
        "2026-01-01T00:00:00.000z",
        "2026-01-01t00:00:00.000Z",
        "2026-01-01 00:00:00.000Z",
        "2026-01-01T00:00:00.000+00:00",
        "2026-01-01T00:00:00.0001Z",
        "2026-02-30T00:00:00.000Z",
        "2026-01-01T24:00:00.000Z",
        "2026-01-01T00:00:00.Z",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "1767225600000",
        "-",
        "*",
    ] {
        for text in [format!("{bad}|{good}"), format!("{good}|{bad}")] {
            assert_eq!(text.parse::<TimeWindow>(), Err(RevealError::Window), "{text}");
        }
    }
    for text in [
        "",
        "|",
        good,
        "2026-01-01T00:00:00.000Z|2026-01-01T00:00:00.000Z|2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000Z||2026-01-01T00:00:00.000Z",
        "2026-01-02T00:00:00.000Z|2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z",
    ] {
        assert_eq!(text.parse::<TimeWindow>(), Err(RevealError::Window), "{text}");
    }
}

proptest! {
    #[test]
    fn a_window_is_the_same_after_writing_and_reading(start in 0..4_000_000_000_000_i64, length in 0..4_000_000_000_i64) {
        let window = TimeWindow::new(Millis(start), Millis(start + length)).unwrap();
        prop_assert_eq!(window.to_string().parse::<TimeWindow>().unwrap(), window);
    }

    #[test]
    fn no_text_stops_a_reader(text in "\\PC*|[0-9TZ:.|-]{0,60}") {
        let _ = text.parse::<TimeWindow>();
    }
}
