//! A client of the admin socket.

use std::path::Path;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::PATIENCE;

pub struct Client {
    reader: BufReader<OwnedReadHalf>,
    pub writer: OwnedWriteHalf,
    next: u64,
}

impl Client {
    pub async fn connect(socket: &Path) -> Self {
        let (reader, writer) = UnixStream::connect(socket).await.unwrap().into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            next: 1,
        }
    }

    /// Connected and let in.
    pub async fn let_in(socket: &Path, token: Option<&str>) -> Self {
        let mut client = Self::connect(socket).await;
        assert_eq!(
            client.login(token).await,
            json!({"jsonrpc": "2.0", "result": {"authenticated": true}})
        );
        client
    }

    /// Says who it is; the answer.
    pub async fn login(&mut self, token: Option<&str>) -> Value {
        let line = match token {
            Some(token) => json!({"type": "admin_auth", "token": token}),
            None => json!({"type": "admin_auth"}),
        };
        self.send(&line.to_string()).await;
        self.line().await.unwrap()
    }

    /// Writes a line; whether it could be.
    pub async fn try_send(&mut self, line: &str) -> bool {
        let line = format!("{line}\n");
        self.writer.write_all(line.as_bytes()).await.is_ok()
    }

    pub async fn send(&mut self, line: &str) {
        assert!(self.try_send(line).await, "the connection is closed");
    }

    /// The next line; `None` at the end of the connection.
    pub async fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.reader.read_line(&mut line)).await;
        match read.unwrap_or_else(|_| panic!("nothing is said")) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    /// That no line comes for a moment.
    pub async fn silent(&mut self) {
        let mut line = String::new();
        let read = tokio::time::timeout(std::time::Duration::from_millis(300), self.reader.read_line(&mut line)).await;
        assert!(read.is_err(), "{line}");
    }

    /// Asks, without waiting; the id.
    pub async fn ask(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request.to_string()).await;
        id
    }

    /// Asks, and the whole answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params).await;
        let answer = self
            .line()
            .await
            .unwrap_or_else(|| panic!("{method}: the connection ended"));
        assert_eq!(answer["id"], id, "{answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
        answer
    }

    /// Asks, and it works; the data.
    pub async fn ok(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        let result = &answer["result"];
        assert_eq!(result["ok"], true, "{method}: {answer}");
        result["data"].clone()
    }

    /// Asks, and it does not; the error.
    pub async fn err(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].clone()
    }

    /// Asks, and it waits for the owner: the error with the question.
    pub async fn waits(&mut self, method: &str, params: Value) -> Value {
        let error = self.err(method, params).await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(-32003), &json!("The owner has to approve this"))
        );
        assert!(error["data"]["context"]["approval"]["request"].is_object(), "{error}");
        error
    }

    /// The operation and the parameters that the owner is asked about.
    pub fn question(error: &Value) -> (Value, Value) {
        let what = &error["data"]["context"]["approval"]["request"]["what"];
        (what["operation"].clone(), what["parameters"].clone())
    }
}
