//! Counting requests by key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chancery_base::{Category, ErrorCode, Millis};

/// At most so many requests of one key in one window. A window opens with the first request of its key.
///
/// Memory is bounded: when there are more keys than it may hold, the oldest window is forgotten.
#[derive(Debug)]
pub struct RateLimit {
    limit: u32,
    window: i64,
    max_keys: usize,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    open: HashMap<Arc<str>, Window>,
    /// Keys in the order in which their windows opened, which is the order in which they end.
    order: VecDeque<(Millis, Arc<str>)>,
}

#[derive(Debug)]
struct Window {
    opened: Millis,
    count: u32,
}

/// Too many requests: the seconds after which the next one is let through, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Too many requests. Try again later.")]
pub struct RetryAfter(pub u64);

impl ErrorCode for RetryAfter {
    fn code(&self) -> &'static str {
        "RATE_LIMIT_EXCEEDED"
    }

    fn category(&self) -> Category {
        Category::Limited
    }

    fn retry_after_secs(&self) -> Option<u64> {
        Some(self.0)
    }
}

impl RateLimit {
    /// At most `limit` requests of a key within `window`, for at most `max_keys` keys (at least one).
    #[must_use]
    pub fn fixed_window(limit: u32, window: Duration, max_keys: usize) -> Self {
        Self {
            limit,
            window: i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1),
            max_keys: max_keys.max(1),
            windows: Mutex::default(),
        }
    }

    /// Counts one request of `key` at `now`.
    ///
    /// # Errors
    /// [`RetryAfter`] when the key has used up its window; the request is then not counted.
    pub fn check(&self, key: &str, now: Millis) -> Result<(), RetryAfter> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.forget_ended(now, self.window);
        if let Some(window) = windows.open.get_mut(key) {
            if window.count >= self.limit {
                let left = window.opened.plus(self.window).since(now).max(1);
                return Err(RetryAfter(left.unsigned_abs().div_ceil(1000)));
            }
            window.count = window.count.saturating_add(1);
            return Ok(());
        }
        if self.limit == 0 {
            return Err(RetryAfter(self.window.unsigned_abs().div_ceil(1000)));
        }
        if windows.open.len() >= self.max_keys {
            windows.forget_oldest();
        }
        let key: Arc<str> = key.into();
        windows.order.push_back((now, Arc::clone(&key)));
        windows.open.insert(key, Window { opened: now, count: 1 });
        Ok(())
    }
}

impl Windows {
    fn forget_ended(&mut self, now: Millis, window: i64) {
        // a window that opens in the future was opened before the clock was set back: kept, it would last for as long as that
        while self
            .order
            .front()
            .is_some_and(|(opened, _)| !(0..window).contains(&now.since(*opened)))
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.open.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_key_is_refused_until_its_window_ends() {
        let limit = RateLimit::fixed_window(2, MINUTE, 10);
        assert_eq!(limit.check("a", Millis(0)), Ok(()));
        assert_eq!(limit.check("a", Millis(10_000)), Ok(()));
        assert_eq!(limit.check("a", Millis(10_001)), Err(RetryAfter(50)));
        assert_eq!(limit.check("a", Millis(59_999)), Err(RetryAfter(1)));
        assert_eq!(limit.check("a", Millis(60_000)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out() {
        let limit = RateLimit::fixed_window(1, MINUTE, 10);
        let (before, after) = (Millis(3_600_000), Millis(0));
        assert_eq!(limit.check("a", before), Ok(()));
        assert_eq!(limit.check("a", after), Ok(()));
        assert_eq!(limit.check("a", after), Err(RetryAfter(60)));
        assert_eq!(limit.check("a", Millis(60_000)), Ok(()));
    }

    #[test]
    fn keys_do_not_share() {
        let limit = RateLimit::fixed_window(1, MINUTE, 10);
        assert_eq!(limit.check("a", Millis(0)), Ok(()));
        assert_eq!(limit.check("b", Millis(0)), Ok(()));
        assert!(limit.check("a", Millis(1)).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_window_goes() {
        let limit = RateLimit::fixed_window(1, MINUTE, 2);
        for key in 0..1000 {
            assert_eq!(limit.check(&key.to_string(), Millis(key)), Ok(()));
        }
        assert_eq!(limit.windows.lock().unwrap().open.len(), 2);
        assert_eq!(limit.windows.lock().unwrap().order.len(), 2);
        assert!(limit.check("999", Millis(1000)).is_err());
        assert_eq!(limit.check("997", Millis(1000)), Ok(()));
    }

    #[test]
    fn a_limit_of_nothing_lets_nothing_through() {
        assert_eq!(
            RateLimit::fixed_window(0, MINUTE, 2).check("a", Millis(0)),
            Err(RetryAfter(60))
        );
    }
}
