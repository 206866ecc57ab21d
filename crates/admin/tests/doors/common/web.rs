//! A client that speaks HTTP by hand.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::PATIENCE;

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}\n{}", self.head, self.body))
    }

    /// It worked; the data.
    pub fn data(&self) -> Value {
        let body = self.json();
        assert_eq!((self.status, &body["ok"]), (200, &Value::Bool(true)), "{body}");
        body["data"].clone()
    }

    /// It did not: status, category, error. The body is the envelope and nothing else.
    pub fn error(&self) -> (u16, String, Value) {
        let body = self.json();
        assert_eq!(body["ok"], false, "{body}");
        let error = &body["error"];
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        (
            self.status,
            error["category"].as_str().unwrap().to_owned(),
            error.clone(),
        )
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Sends `bytes` as they are, and reads until the server closes.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // a server that has seen enough closes before all is written
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    let all = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut read)).await;
    let _ = all.unwrap_or_else(|_| {
        panic!(
            "the server neither answers nor closes: {}",
            String::from_utf8_lossy(&read)
        )
    });
    String::from_utf8_lossy(&read).into_owned()
}

/// One request with further header lines, each ending in `\r\n`. Without a `Host` among them it says localhost.
pub async fn send(address: SocketAddr, line: &str, headers: &str, body: &str) -> Answer {
    let host = match headers.to_ascii_lowercase().contains("host:") {
        true => "",
        false => "Host: localhost\r\n",
    };
    let length = body.len();
    let request =
        format!("{line} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
    let text = raw(address, request.as_bytes()).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The header line that shows `token`.
pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// One request of whoever has `token`.
pub async fn by(address: SocketAddr, token: &str, line: &str, body: &str) -> Answer {
    send(address, line, &bearer(token), body).await
}
