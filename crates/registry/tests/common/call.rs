//! One request, and its answer.

use std::net::IpAddr;

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use chancery_identity::proof::ProofHeaders;
use chancery_serve::ClientAddr;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::{Agent, World};

/// A request in the making. Every one comes from an address of its own, unless it says otherwise.
pub struct Call<'a> {
    pub(super) world: &'a World,
    pub(super) method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub(super) client: IpAddr,
}

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces a header.
    pub fn instead(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(old, _)| old != name);
        self.header(name, value)
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(old, _)| old != name);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn from(mut self, client: IpAddr) -> Self {
        self.client = client;
        self
    }

    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Signs the request as `agent` does.
    pub fn proven(self, agent: &Agent, body: Vec<u8>) -> Self {
        let proof = ProofHeaders::sign(
            &self.method,
            &self.path,
            &body,
            self.world.now(),
            &*self.world.rng,
            &agent.key,
        );
        let call = self.header("authorization", &format!("Claw {}", agent.ait)).body(body);
        proof
            .pairs()
            .into_iter()
            .fold(call, |call, (name, value)| call.header(name, value))
    }

    pub fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body.clone())).unwrap();
        request.extensions_mut().insert(ClientAddr(self.client));
        request
    }

    pub async fn json(self, body: Value) -> Answer {
        self.header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .send()
            .await
    }

    pub async fn send(self) -> Answer {
        let response = self.world.edge.answer(self.request(), None).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// The status and the still open body.
    pub async fn open(self) -> (StatusCode, Body) {
        let response = self.world.edge.answer(self.request(), None).await;
        (response.status(), response.into_body())
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("no text at {pointer} of {}", self.body))
            .to_owned()
    }

    pub fn code(&self) -> &str {
        self.body
            .pointer("/error/code")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
    }

    #[track_caller]
    pub fn ok(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.body);
    }
}
