//! A harness on the signet's WebSocket.

use std::{collections::VecDeque, net::SocketAddr};

use serde_json::{Value, json};

use crate::socket::{self, Socket};

/// How a connection ends without a close frame (RFC 6455, section 7.4.1).
const LOST: u16 = 1006;

/// An event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// What happened.
    pub event: Value,
}

/// A harness that was let in.
#[derive(Debug)]
pub struct Harness {
    socket: Socket,
    /// The frame that let it in.
    pub authenticated: Value,
    events: VecDeque<Event>,
    requests: u64,
    end: Option<(u16, String)>,
}

impl Harness {
    /// Connects with `token`, as one that has the events up to `seen`.
    ///
    /// # Panics
    /// When it is not let in.
    #[must_use]
    pub fn connect(at: SocketAddr, token: &str, seen: Option<u64>) -> Self {
        Self::try_connect(at, token, seen).unwrap_or_else(|code| panic!("not let in: {code}"))
    }

    /// The same.
    ///
    /// # Errors
    /// The code with which the connection closed; 1006 when it did without one, or there was none.
    pub fn try_connect(at: SocketAddr, token: &str, seen: Option<u64>) -> Result<Self, u16> {
        let Ok(Ok(mut socket)) = Socket::try_open(at, "/v1/agent", &[]) else {
            return Err(LOST);
        };
        socket.send(&json!({"type": "auth", "token": token, "lastSeenSeq": seen}));
        loop {
            match socket.event() {
                socket::Event::Frame(frame) if frame["type"] == "authenticated" => {
                    return Ok(Self {
                        socket,
                        authenticated: frame,
                        events: VecDeque::new(),
                        requests: 0,
                        end: None,
                    });
                }
                socket::Event::Frame(_) => {}
                socket::Event::Close(code, _) => return Err(code),
                socket::Event::Ended => return Err(LOST),
            }
        }
    }

    /// The next event of the stream, but heartbeats; `None` once the connection has ended.
    ///
    /// # Panics
    /// When nothing comes.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            // an answer that nobody waits for any more is passed over
            self.read()?;
        }
    }

    /// The next event of this type; others are passed over.
    ///
    /// # Panics
    /// When the connection ends first.
    pub fn expect(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next_event();
            match event {
                Some(event) if event.event["type"] == kind => return event,
                Some(_) => {}
                None => panic!("waiting for {kind}: {:?}", self.end),
            }
        }
    }

    /// With what the connection closes; events before are passed over.
    ///
    /// # Panics
    /// When it does not.
    pub fn end(&mut self) -> u16 {
        while self.next_event().is_some() {}
        self.end.as_ref().map_or(LOST, |(code, _)| *code)
    }

    /// Asks for something, and waits for the answer.
    ///
    /// # Errors
    /// The `error` of the answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn ask(&mut self, kind: &str, members: Value) -> Result<Value, Value> {
        let answer = self.try_ask(kind, members);
        answer.unwrap_or_else(|| panic!("waiting for the answer to {kind}: {:?}", self.end))
    }

    /// The same; `None` when the connection ends first.
    ///
    /// # Panics
    /// When nothing comes.
    pub fn try_ask(&mut self, kind: &str, members: Value) -> Option<Result<Value, Value>> {
        let id = self.begin(kind, members);
        loop {
            let answer = self.read()?;
            if let Some(answer) = answer.filter(|answer| answer["requestId"] == id.as_str()) {
                return Some(match answer["ok"].as_bool() {
                    Some(true) => Ok(answer["data"].clone()),
                    _ => Err(answer["error"].clone()),
                });
            }
        }
    }

    /// The events that came and were not taken yet.
    pub fn taken(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Asks for something and does not wait; under which id.
    pub fn begin(&mut self, kind: &str, members: Value) -> String {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        let mut frame = members;
        frame["type"] = kind.into();
        frame["requestId"] = id.as_str().into();
        self.socket.send(&frame);
        id
    }

    /// Says something in a chat.
    ///
    /// # Panics
    /// When it may not.
    pub fn send(&mut self, chat: &str, text: &str) -> Value {
        self.try_send(chat, text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same.
    ///
    /// # Errors
    /// The `error` of the answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn try_send(&mut self, chat: &str, text: &str) -> Result<Value, Value> {
        self.ask("send_message", text_in(chat, text))
    }

    /// Reads one frame: `Some(Some)` for an answer, `Some(None)` for anything else, `None` at the end.
    fn read(&mut self) -> Option<Option<Value>> {
        if self.end.is_some() {
            return None;
        }
        match self.socket.event() {
            socket::Event::Frame(frame) => {
                if let Some(seq) = frame["seq"].as_u64() {
                    let event = frame["event"].clone();
                    self.events.push_back(Event { seq, event });
                }
                Some(frame.get("requestId").is_some().then_some(frame))
            }
            socket::Event::Close(code, reason) => {
                self.end = Some((code, reason));
                None
            }
            socket::Event::Ended => {
                self.end = Some((LOST, String::new()));
                None
            }
        }
    }
}

/// What is sent to say `text` in `chat`.
#[must_use]
pub fn text_in(chat: &str, text: &str) -> Value {
    json!({"groupId": chat, "contentType": "xmtp.org/text:1.0", "content": {"text": text}})
}
