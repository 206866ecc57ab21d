//! Time: milliseconds since the Unix epoch, UTC, in an `i64`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The first millisecond of `secs`, seconds since the epoch. Saturates.
    #[must_use]
    pub fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// `self` later by `ms` milliseconds. Saturates.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later. Saturates.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC with three decimals and `Z`, such as `2026-11-21T06:43:21.000Z`. Times outside the years
    /// -9999 to 9999 are clamped to the nearest representable one.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let mut out = String::with_capacity(24);
        self.push_rfc3339(&mut out);
        out
    }

    /// Writes what [`to_rfc3339`](Self::to_rfc3339) returns at the end of `out`.
    pub fn push_rfc3339(self, out: &mut String) {
        if !(FIRST_MS..=LAST_MS).contains(&self.0) {
            let edge = if self.0 < 0 {
                jiff::Timestamp::MIN
            } else {
                jiff::Timestamp::MAX
            };
            let nearest = jiff::Timestamp::from_millisecond(self.0).unwrap_or(edge);
            return out.push_str(&format!("{nearest:.3}"));
        }
        // every frame has a time: plain integers here are ten times as fast as a calendar library
        let (days, ms) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (end, value) in [
            (3, year),
            (6, month),
            (9, day),
            (12, ms / 3_600_000),
            (15, ms / 60_000 % 60),
            (18, ms / 1000 % 60),
            (22, ms % 1000),
        ] {
            put_digits(&mut text, end, value);
        }
        out.extend(std::str::from_utf8(&text));
    }

    /// Reads an RFC 3339 time with any number of decimals and any offset; anything finer than a millisecond is cut
    /// off, and a leap second is the second before it. `None` when it is not such a time.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let (head, rest) = text.as_bytes().split_at_checked(19)?;
        let [
            y @ ..,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T' | b't',
            h1,
            h2,
            b':',
            n1,
            n2,
            b':',
            s1,
            s2,
        ] = head
        else {
            return None;
        };
        let (year, month, day) = (number(y)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
        let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);
        let (fraction, offset) = match rest.strip_prefix(b".") {
            Some(after) => after.split_at(after.iter().position(|b| !b.is_ascii_digit())?),
            None => (&b"000"[..], rest),
        };
        let ms = match fraction {
            [] => return None,
            [a] => number(&[*a, b'0', b'0'])?,
            [a, b] => number(&[*a, *b, b'0'])?,
            [a, b, c, ..] => number(&[*a, *b, *c])?,
        };
        let offset = match offset {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        let in_range = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        if !in_range || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let minutes = days_since_epoch(year, month, day) * 24 * 60 + hour * 60 + minute - offset;
        Some(Self(minutes * 60_000 + second.min(59) * 1000 + ms))
    }
}

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00Z: before it years have a sign.
const FIRST_MS: i64 = -62_167_219_200_000;
/// 9999-12-30T22:00:00.999Z, the last time that has a year of four digits in every zone.
const LAST_MS: i64 = 253_402_207_200_999;

/// Writes `value` over the zeros of `text` whose last is at `end`.
fn put_digits(text: &mut [u8; 24], end: usize, value: i64) {
    let (mut place, mut left) = (end, u16::try_from(value).unwrap_or(0));
    while left > 0 {
        if let Some(digit) = text.get_mut(place) {
            *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        }
        place = place.saturating_sub(1);
        left /= 10;
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

// Both after H. Hinnant, "chrono-compatible low-level date algorithms": years begin in March, eras have 400 of them.

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// A source of the current time. Production hands in the system's; tests hand in one that they move.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Millis;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Millis {
        (**self).now()
    }
}
