//! A WebSocket by hand: whatever bytes a test wants to write.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::{Caller, caller, http::Answer};

/// How long the server may take for its next frame.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bits of the first byte of a frame.
const FINAL: u8 = 0x80;

/// Kinds of frames (RFC 6455, section 5.2).
pub mod opcode {
    /// Goes on with the message before.
    pub const CONTINUATION: u8 = 0;
    /// Text.
    pub const TEXT: u8 = 1;
    /// Bytes.
    pub const BINARY: u8 = 2;
    /// The end.
    pub const CLOSE: u8 = 8;
    /// Are you there?
    pub const PING: u8 = 9;
    /// I am.
    pub const PONG: u8 = 10;
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A text frame, as JSON.
    Frame(Value),
    /// A close frame: its code (1005 when it has none) and reason.
    Close(u16, String),
    /// The connection ended without one.
    Ended,
}

/// A connection that was upgraded.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Socket {
    /// Connects to the relay at `address` as `caller`.
    ///
    /// # Errors
    /// The answer of a relay that refuses.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn connect(address: SocketAddr, caller: &Caller) -> Result<Self, Answer> {
        let target = "/v1/relay/connect";
        let headers = caller.headers(address, "GET", target, &[], b"");
        Self::open(address, target, &caller::borrowed(&headers))
    }

    /// Upgrades with these headers.
    ///
    /// # Errors
    /// The answer of a server that refuses.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn open(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Result<Self, Answer> {
        Self::try_open(address, target, headers).expect("an answer")
    }

    /// The same with a server that may not be there, or go away meanwhile.
    ///
    /// # Errors
    /// That it did. Inside, the answer of one that refuses.
    ///
    /// # Panics
    /// When it answers something else than HTTP.
    pub fn try_open(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> io::Result<Result<Self, Answer>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head = format!(
            "GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            more(&mut stream, &mut bytes)?;
        };
        let status = String::from_utf8_lossy(&bytes[..end]);
        let status: u16 = status.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        if status == 101 {
            let read = bytes.split_off(end);
            return Ok(Ok(Self { stream, read }));
        }
        let body_length = |bytes: &[u8]| {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            length.unwrap_or(0_usize)
        };
        while bytes.len() < end + body_length(&bytes) {
            more(&mut stream, &mut bytes)?;
        }
        Ok(Err(Answer {
            status,
            headers: Vec::new(),
            body: bytes.split_off(end),
        }))
    }

    /// Sends a text frame.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send(&mut self, frame: &Value) {
        self.send_as(opcode::TEXT, frame.to_string().as_bytes());
    }

    /// Sends a whole message of any kind.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send_as(&mut self, opcode: u8, payload: &[u8]) {
        self.send_raw(&encode(FINAL | opcode, payload));
    }

    /// Sends one frame of a message of several: only the last is `fin`.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send_part(&mut self, opcode: u8, fin: bool, payload: &[u8]) {
        self.send_raw(&encode(if fin { FINAL | opcode } else { opcode }, payload));
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        // a server that closes the connection while we write says why in what it sent
        let _ = self.stream.write_all(bytes);
    }

    /// The next event; pings and pongs are no events.
    ///
    /// # Panics
    /// When nothing comes.
    pub fn event(&mut self) -> Event {
        loop {
            let Some((opcode, payload)) = self.frame() else {
                return Event::Ended;
            };
            match opcode {
                opcode::TEXT => return Event::Frame(serde_json::from_slice(&payload).expect("a frame of JSON")),
                opcode::CLOSE => {
                    let code = payload
                        .get(..2)
                        .map_or(1005, |two| u16::from_be_bytes([two[0], two[1]]));
                    let reason = payload.get(2..).unwrap_or_default();
                    return Event::Close(code, String::from_utf8_lossy(reason).into_owned());
                }
                _ => {}
            }
        }
    }

    /// The next frame of type `kind`; frames of other types are passed over.
    ///
    /// # Panics
    /// When the connection ends first.
    pub fn expect(&mut self, kind: &str) -> Value {
        loop {
            match self.event() {
                Event::Frame(frame) if frame["type"] == kind => return frame,
                Event::Frame(_) => {}
                end => panic!("waiting for {kind}: {end:?}"),
            }
        }
    }

    /// How the server ends it; frames before are passed over.
    ///
    /// # Panics
    /// When it does not.
    pub fn end(&mut self) -> Event {
        loop {
            match self.event() {
                Event::Frame(_) => {}
                end => return end,
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        self.fill(2)?;
        let (opcode, short) = (self.read[0] & 0x0f, self.read[1] & 0x7f);
        let (head, length) = match short {
            126 => {
                self.fill(4)?;
                (4, usize::from(u16::from_be_bytes([self.read[2], self.read[3]])))
            }
            127 => {
                self.fill(10)?;
                let eight: [u8; 8] = self.read[2..10].try_into().expect("eight");
                (10, usize::try_from(u64::from_be_bytes(eight)).expect("a length"))
            }
            short => (2, usize::from(short)),
        };
        self.fill(head + length)?;
        let payload = self.read[head..head + length].to_vec();
        self.read.drain(..head + length);
        Some((opcode, payload))
    }

    fn fill(&mut self, length: usize) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        while self.read.len() < length {
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("nothing came in {PATIENCE:?}")
                }
                Err(_) => return None,
            }
        }
        Some(())
    }
}

/// Reads what is there, behind `bytes`.
fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}

/// A frame of a client: masked, with a mask of zeros.
#[must_use]
pub fn encode(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | u8::try_from(length).expect("below 126")),
        length @ ..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(length).expect("16 bits").to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&u64::try_from(length).expect("64 bits").to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}
