//! What a node is told.

use std::{str::FromStr, time::Duration};

use chancery_base::{Category, ErrorCode};
use chancery_serve::Http2;

use crate::limits;

/// Settings of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Limits that depend on who uses the node.
    pub limits: Limits,
    /// How its connections are spoken on, for the server that it runs behind.
    pub http2: Http2,
}

/// Limits that somebody may want to set; the others are constants.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections, for the server that the node runs behind.
    pub connections: usize,
    /// Requests of one address in a second; streams count once, when they are opened.
    pub requests_per_second: u32,
    /// Open streams of one address.
    pub streams_per_address: usize,
    /// Filters of one subscription.
    pub filters_per_stream: usize,
    /// Filters of all open subscriptions together.
    pub filters: usize,
    /// Messages that wait for one stream's reader before it is sent away.
    pub queued_per_stream: usize,
    /// Bytes that wait for one stream's reader before it is sent away; one message always may.
    pub queued_bytes_per_stream: usize,
    /// Bytes that wait for the readers of all streams; beyond it those are sent away that have more than 64 KiB waiting.
    pub queued_bytes: usize,
    /// Largest group message or welcome, in bytes.
    pub message_bytes: usize,
    /// Requests that are answered at once.
    pub requests_in_flight: usize,
    /// Bytes of requests above 64 KiB that are held at once; one such request is always taken.
    pub large_request_bytes: usize,
    /// How long a request may take to arrive and be answered.
    pub request_timeout: Duration,
    /// How long a client may take to read an answer.
    pub answer_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            requests_per_second: limits::REQUESTS_PER_SECOND,
            streams_per_address: limits::STREAMS_PER_ADDRESS,
            filters_per_stream: limits::MAX_FILTERS,
            filters: limits::MAX_ALL_FILTERS,
            queued_per_stream: limits::MAX_QUEUED,
            queued_bytes_per_stream: limits::MAX_QUEUED_BYTES,
            queued_bytes: limits::MAX_ALL_QUEUED_BYTES,
            message_bytes: limits::MAX_MESSAGE,
            requests_in_flight: limits::REQUESTS_IN_FLIGHT,
            large_request_bytes: limits::LARGE_REQUEST_BYTES,
            request_timeout: limits::REQUEST_TIMEOUT,
            answer_timeout: limits::ANSWER_TIMEOUT,
        }
    }
}

/// A variable that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the node's configuration is not valid: {variable} must be a number from 1 to {most}")]
pub struct SettingsError {
    /// The variable.
    pub variable: &'static str,
    /// The largest number that it may be.
    pub most: u64,
}

impl ErrorCode for SettingsError {
    fn code(&self) -> &'static str {
        "XMTP_NODE_CONFIG_INVALID"
    }

    fn category(&self) -> Category {
        Category::Input
    }

    fn hint(&self) -> Option<&'static str> {
        Some("set the variable that the message names, or unset it")
    }
}

impl Settings {
    /// The defaults, changed by the variables that `get` knows: `XMTP_NODE_` and the name of a field of [`Limits`] in
    /// capitals; times in milliseconds, with `_MS` behind.
    ///
    /// # Errors
    /// [`SettingsError`] with the first variable that is wrong.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        let limits = &mut settings.limits;
        if let Some(number) = read(&get, "XMTP_NODE_REQUESTS_PER_SECOND", u64::from(u32::MAX))? {
            limits.requests_per_second = number;
        }
        let most = limits::MAX_GRPC_MESSAGE as u64;
        for (variable, most, field) in [
            ("XMTP_NODE_CONNECTIONS", COUNT, &mut limits.connections),
            ("XMTP_NODE_STREAMS_PER_ADDRESS", COUNT, &mut limits.streams_per_address),
            ("XMTP_NODE_FILTERS_PER_STREAM", COUNT, &mut limits.filters_per_stream),
            ("XMTP_NODE_FILTERS", COUNT, &mut limits.filters),
            ("XMTP_NODE_QUEUED_PER_STREAM", COUNT, &mut limits.queued_per_stream),
            (
                "XMTP_NODE_QUEUED_BYTES_PER_STREAM",
                BYTES,
                &mut limits.queued_bytes_per_stream,
            ),
            ("XMTP_NODE_QUEUED_BYTES", BYTES, &mut limits.queued_bytes),
            ("XMTP_NODE_MESSAGE_BYTES", most, &mut limits.message_bytes),
            ("XMTP_NODE_REQUESTS_IN_FLIGHT", COUNT, &mut limits.requests_in_flight),
            ("XMTP_NODE_LARGE_REQUEST_BYTES", BYTES, &mut limits.large_request_bytes),
        ] {
            if let Some(number) = read(&get, variable, most)? {
                *field = number;
            }
        }
        for (variable, field) in [
            ("XMTP_NODE_REQUEST_TIMEOUT_MS", &mut limits.request_timeout),
            ("XMTP_NODE_ANSWER_TIMEOUT_MS", &mut limits.answer_timeout),
        ] {
            if let Some(number) = read(&get, variable, DAY_MS)? {
                *field = Duration::from_millis(number);
            }
        }
        Ok(settings)
    }
}

/// The most of anything that is counted.
const COUNT: u64 = 100_000_000;
/// The most bytes of anything: 64 GiB.
const BYTES: u64 = 64 << 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn read<T: FromStr + TryFrom<u64>>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    most: u64,
) -> Result<Option<T>, SettingsError> {
    let Some(text) = get(variable) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|number| (1..=most).contains(number));
    let number = number.and_then(|number: u64| T::try_from(number).ok());
    number.map(Some).ok_or(SettingsError { variable, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_change_the_limit_that_they_name_and_no_other() {
        let one = |name: &'static str, value: &'static str| {
            Settings::from_variables(move |asked| (asked == name).then(|| value.to_owned()))
        };
        let limits = Limits::default();
        let set = one("XMTP_NODE_MESSAGE_BYTES", " 1000 ").unwrap().limits;
        assert_eq!(
            set,
            Limits {
                message_bytes: 1000,
                ..limits.clone()
            }
        );
        let set = one("XMTP_NODE_REQUEST_TIMEOUT_MS", "1500").unwrap().limits;
        let request_timeout = Duration::from_millis(1500);
        assert_eq!(
            set,
            Limits {
                request_timeout,
                ..limits.clone()
            }
        );
        assert_eq!(one("SOMETHING_ELSE", "1").unwrap().limits, limits);
    }

    #[test]
    fn what_is_no_number_in_range_is_refused_by_name() {
        for value in ["0", "-1", "many", "26214401"] {
            let get = |name: &str| (name == "XMTP_NODE_MESSAGE_BYTES").then(|| value.to_owned());
            let error = Settings::from_variables(get).unwrap_err();
            assert_eq!(error.variable, "XMTP_NODE_MESSAGE_BYTES");
        }
    }
}
