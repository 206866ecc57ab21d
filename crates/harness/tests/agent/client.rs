//! A harness, as tests are one.

use std::{collections::VecDeque, net::SocketAddr};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::{HeaderName, HeaderValue},
    },
};

use crate::world::LONG;

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// What came while an answer was waited for.
    early: VecDeque<Value>,
    asked: u64,
}

/// The status, and the code in the body.
pub(crate) type Refusal = (u16, String);

impl Client {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::try_open(address, "/v1/agent", &[]).await.unwrap()
    }

    pub(crate) async fn try_open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::over(stream, address, path, headers).await
    }

    /// One that takes in little that it does not read.
    pub(crate) async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(address).await.unwrap();
        Self::over(stream, address, "/v1/agent", &[]).await.unwrap()
    }

    async fn over(
        stream: TcpStream,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refusal> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self {
                socket,
                early: VecDeque::new(),
                asked: 0,
            }),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                let code = body["error"]["code"].as_str().unwrap_or_default().to_owned();
                Err((response.status().as_u16(), code))
            }
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn put(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.put(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn auth(&mut self, token: &str, last_seen: Option<u64>) {
        self.say(json!({"type": "auth", "token": token, "lastSeenSeq": last_seen}))
            .await;
    }

    async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(LONG, self.socket.next()).await.expect("something in time")
    }

    /// The next text.
    pub(crate) async fn hear(&mut self) -> Value {
        if let Some(early) = self.early.pop_front() {
            return early;
        }
        self.hear_new().await
    }

    async fn hear_new(&mut self) -> Value {
        loop {
            match self.message().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// The next event of the stream, and its number.
    pub(crate) async fn event(&mut self) -> (u64, Value) {
        let frame = self.hear().await;
        let seq = frame["seq"].as_u64().unwrap_or_else(|| panic!("no event: {frame}"));
        (seq, frame["event"].clone())
    }

    /// The next event of this type; others before it are passed over.
    pub(crate) async fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let (_, event) = self.event().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Asks, and gives the data or the error. Events that come meanwhile are heard later.
    pub(crate) async fn ask(&mut self, mut request: Value) -> Result<Value, Value> {
        self.asked += 1;
        let id = format!("r{}", self.asked);
        request["requestId"] = json!(id);
        self.say(request).await;
        self.answer(&id).await
    }

    /// The answer to the request of this id.
    pub(crate) async fn answer(&mut self, id: &str) -> Result<Value, Value> {
        loop {
            let frame = self.hear_new().await;
            if frame["requestId"] != id {
                self.early.push_back(frame);
            } else if frame["ok"] == true {
                return Ok(frame["data"].clone());
            } else {
                return Err(frame["error"].clone());
            }
        }
    }

    /// The code and the reason that the other side closes with; texts before it are given too.
    pub(crate) async fn ended(&mut self) -> (u16, String, Vec<Value>) {
        let mut texts = Vec::from(std::mem::take(&mut self.early));
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string(), texts);
                }
                Some(Ok(Message::Text(text))) => texts.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(_)) => {}
                other => panic!("it ended without a reason: {other:?}"),
            }
        }
    }

    /// The code and the reason alone.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let (code, reason, _) = self.ended().await;
        (code, reason)
    }
}
