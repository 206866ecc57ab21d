//! Events as harnesses are sent them.

use std::sync::Arc;

use chancery_signet_wire::frame::Event;

/// An event and its number. The event is written once; every stream and every connection that has it shares the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    seq: u64,
    event: Arc<str>,
}

impl Frame {
    pub(crate) fn new(seq: u64, event: Arc<str>) -> Self {
        Self { seq, event }
    }

    /// Its number in the stream of the credential, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The event alone, as JSON.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The frame as one text, `{"seq":…,"event":…}`.
    #[must_use]
    pub fn text(&self) -> String {
        const AROUND: usize = r#"{"seq":,"event":}"#.len() + 20;
        let mut text = String::with_capacity(self.event.len() + AROUND);
        text.push_str("{\"seq\":");
        text.push_str(&self.seq.to_string());
        text.push_str(",\"event\":");
        text.push_str(&self.event);
        text.push('}');
        text
    }

    /// The same as it is told when it is sent again: a message that was fresh is history now (signet spec 5.3).
    pub(crate) fn replayed(self) -> Self {
        // only these change; reading the others again would cost time for nothing
        if !self.event.contains(r#""visibility":"visible""#) {
            return self;
        }
        let again = Event::parse(&self.event)
            .ok()
            .and_then(|event| written(&event.replayed()));
        match again {
            Some(event) => Self { seq: self.seq, event },
            None => self,
        }
    }
}

/// `event` as JSON. `None` for what has no form in JSON, which no event of ours is.
pub(crate) fn written(event: &Event) -> Option<Arc<str>> {
    serde_json::to_string(event).ok().map(Into::into)
}
