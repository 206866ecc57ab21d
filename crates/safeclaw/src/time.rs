//! Times as people type them.

use chancery_base::Millis;

use crate::{CliError, Code, Result};

/// Names of spans and their milliseconds.
const SPANS: [(char, i64); 5] = [
    ('s', 1000),
    ('m', 60_000),
    ('h', 3_600_000),
    ('d', 86_400_000),
    ('w', 7 * 86_400_000),
];

/// A point in time: `7d` is seven days after `now` (s, m, h, d, w), a date its first moment in UTC, and RFC 3339 itself.
///
/// # Errors
/// [`Code::TimeInvalid`].
pub fn after(text: &str, now: Millis) -> Result<Millis> {
    match span(text) {
        Some(ms) => Ok(now.plus(ms)),
        None => moment(text),
    }
}

/// A point in time: `7d` is seven days before `now`, otherwise as [`after`].
///
/// # Errors
/// [`Code::TimeInvalid`].
pub fn before(text: &str, now: Millis) -> Result<Millis> {
    match span(text) {
        Some(ms) => Ok(now.plus(-ms)),
        None => moment(text),
    }
}

/// Milliseconds.
fn span(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let (_, ms) = SPANS.into_iter().find(|(name, _)| *name == unit)?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(ms)
}

fn moment(text: &str) -> Result<Millis> {
    let whole = if text.len() == "2026-12-24".len() {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Millis::parse_rfc3339(&whole)
        .ok_or_else(|| CliError::new(Code::TimeInvalid, format!("{text:?} is no time, date or span")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_763_700_000_000);

    #[test]
    fn spans_count_from_now_and_dates_are_dates() {
        assert_eq!(after("7d", NOW).unwrap(), NOW.plus(7 * 24 * 3600 * 1000));
        assert_eq!(before("90m", NOW).unwrap(), NOW.plus(-90 * 60 * 1000));
        assert_eq!(after("2w", NOW).unwrap(), after("14d", NOW).unwrap());
        assert_eq!(
            after("2026-12-24", NOW).unwrap().to_rfc3339(),
            "2026-12-24T00:00:00.000Z"
        );
        assert_eq!(
            before("2026-12-24T18:00:00+01:00", NOW).unwrap().to_rfc3339(),
            "2026-12-24T17:00:00.000Z"
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "+7d",
            "7 d",
            "7y",
            "1e3d",
            "99999999999d",
            "2026-13-01",
            "tomorrow",
            "7d\n",
        ] {
            assert_eq!(after(text, NOW).unwrap_err().code(), "SAFECLAW_TIME_INVALID", "{text}");
        }
    }
}
