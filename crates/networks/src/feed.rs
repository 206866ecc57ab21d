//! The revocation feed, read: server-sent events (WHATWG HTML 9.2) of one kind.

use std::collections::VecDeque;

use chancery_identity::Origin;
use chancery_relay_wire::registry::FeedEvent;

use crate::{
    error::HttpError,
    http::{HttpClient, Request, TIMEOUT, read, unreachable},
};

/// Longest event, bytes: a signed entry has less than 1,500.
const MAX_EVENT_BYTES: usize = 64 * 1024;
/// Longest refusal that is read, bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// An open feed. Dropping it closes the connection.
#[derive(Debug)]
pub struct RevocationFeed {
    response: reqwest::Response,
    origin: Origin,
    parser: Parser,
    ready: VecDeque<FeedItem>,
}

/// One event and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedItem {
    /// The event's id: for an entry, its place in the feed.
    pub id: Option<u64>,
    /// What happened.
    pub event: FeedEvent,
}

impl RevocationFeed {
    pub(crate) async fn open(http: &HttpClient, origin: &Origin, request: Request<'_>) -> Result<Self, HttpError> {
        let timeout = |_| HttpError::Timeout {
            origin: origin.to_string(),
            secs: TIMEOUT.as_secs(),
        };
        let response = tokio::time::timeout(TIMEOUT, http.open(origin, request))
            .await
            .map_err(timeout)??;
        if response.status().as_u16() != 200 {
            let refusal = tokio::time::timeout(TIMEOUT, read(origin, response, MAX_REFUSAL_BYTES));
            refusal.await.map_err(timeout)??.success()?;
            return Err(HttpError::Unexpected {
                origin: origin.to_string(),
                reason: "not a feed".to_owned(),
            });
        }
        Ok(Self {
            response,
            origin: origin.clone(),
            parser: Parser::default(),
            ready: VecDeque::new(),
        })
    }

    /// The next event; `None` when the registry closed the feed. Cancelling it loses nothing. How long to wait for the next
    /// heartbeat is the caller's business.
    ///
    /// # Errors
    /// [`HttpError::Unreachable`] when the connection breaks, [`HttpError::Unexpected`] or [`HttpError::TooLarge`] when what
    /// arrives is no feed.
    pub async fn next(&mut self) -> Result<Option<FeedItem>, HttpError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            let Some(chunk) = self
                .response
                .chunk()
                .await
                .map_err(|error| unreachable(&self.origin, &error))?
            else {
                return Ok(None);
            };
            let items = self.parser.feed(&chunk).map_err(|problem| match problem {
                Problem::TooLarge => HttpError::TooLarge {
                    origin: self.origin.to_string(),
                    limit: MAX_EVENT_BYTES,
                },
                Problem::Data(reason) => HttpError::Unexpected {
                    origin: self.origin.to_string(),
                    reason,
                },
            })?;
            self.ready.extend(items);
        }
    }
}

#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    id: Option<u64>,
    data: String,
}

#[derive(Debug)]
enum Problem {
    TooLarge,
    Data(String),
}

impl Parser {
    fn feed(&mut self, chunk: &[u8]) -> Result<Vec<FeedItem>, Problem> {
        let mut items = Vec::new();
        for &byte in chunk {
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                    return Err(Problem::TooLarge);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = std::str::from_utf8(&line).map_err(|error| Problem::Data(error.to_string()))?;
            items.extend(self.line(line.strip_suffix('\r').unwrap_or(line))?);
        }
        Ok(items)
    }

    fn line(&mut self, line: &str) -> Result<Option<FeedItem>, Problem> {
        if line.is_empty() {
            let (id, data) = (self.id.take(), std::mem::take(&mut self.data));
            if data.is_empty() {
                return Ok(None);
            }
            let event = serde_json::from_str(&data).map_err(|error| Problem::Data(error.to_string()))?;
            return Ok(Some(FeedItem { id, event }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "id" => self.id = value.parse().ok(),
            // comments (an empty field name), `event` and `retry` say nothing that we need
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let text = ": hello\r\nid: 7\ndata: {\"type\":\"entry\",\"token\":\"a.b.c\"}\n\nretry: 5\ndata: {\"type\":\
                    \"heartbeat\",\"seq\":7}\r\n\r\n";
        for size in [1, 2, 3, 7, 1000] {
            let mut parser = Parser::default();
            let items: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| parser.feed(chunk).unwrap())
                .collect();
            let expected = vec![
                FeedItem {
                    id: Some(7),
                    event: FeedEvent::Entry {
                        token: "a.b.c".to_owned(),
                    },
                },
                FeedItem {
                    id: None,
                    event: FeedEvent::Heartbeat { seq: 7 },
                },
            ];
            assert_eq!(items, expected, "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_cut_off() {
        let mut parser = Parser::default();
        let result = parser.feed(&vec![b'x'; MAX_EVENT_BYTES + 1]);
        assert!(matches!(result, Err(Problem::TooLarge)));
    }
}
