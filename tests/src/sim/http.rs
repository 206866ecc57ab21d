//! What agents ask of the relay over HTTP: pairing, marks, and messages without a connector.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use chancery_relay_wire::{header, route};
use chancery_serve::ClientAddr;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use super::{dial::Caller, ledger::Key};

/// How long an agent waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it tries a message before it gives up: far longer than any run.
const TRIES: usize = 400;

impl Caller {
    /// One request; status and body, or nothing.
    pub(super) async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: &str,
        own: &[(&str, &str)],
    ) -> Option<(u16, Value)> {
        self.network.travel(self.agent, &self.rng).await.ok()?;
        let mut own = own.to_vec();
        own.push(("content-type", "application/json"));
        let headers = self.headers(method, path, body.as_bytes(), &own);
        let mut request = Request::builder().method(method).uri(path);
        *request.headers_mut()? = headers;
        let mut request = request.body(Body::from(body.to_owned())).ok()?;
        request.extensions_mut().insert(ClientAddr(Ipv4Addr::LOCALHOST.into()));
        let answer = self.network.relay.handle(move |relay| async move {
            let Ok(response) = relay.router().oneshot(request).await;
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20)
                .await
                .unwrap_or_default();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        });
        let answer = timeout(PATIENCE, answer).await.ok().flatten()?;
        let (agent, code) = (self.agent, answer.1.pointer("/error/code"));
        let trace = &self.network.stage.trace;
        trace.note(format_args!("agent {agent}: {method} {path}: {} {code:?}", answer.0));
        self.network.travel(self.agent, &self.rng).await.ok()?;
        Some(answer)
    }

    /// Pairs this agent with `other`; asks until it works.
    pub(super) async fn pair(&self, other: &Self) {
        let profile = json!({"agentName": "agent", "humanName": "Human"});
        let start = json!({"initiatorProfile": profile}).to_string();
        let ticket = loop {
            match self.call("POST", route::PAIR_START, &start, &[]).await {
                Some((200, answer)) => break answer["ticket"].as_str().expect("a ticket").to_owned(),
                _ => sleep(Duration::from_secs(1)).await,
            }
        };
        let confirm = json!({"ticket": ticket, "responderProfile": profile}).to_string();
        // an answer that is lost leaves a ticket that is confirmed
        while !matches!(
            other.call("POST", route::PAIR_CONFIRM, &confirm, &[]).await,
            Some((201 | 409, _))
        ) {
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Blocks or mutes `peer`, or takes it back; asks until there is an answer.
    pub(super) async fn mark(&self, peer: usize, blocked: bool, muted: bool) {
        let peer = &self.registry.agents[peer].did;
        let body = json!({"agentDid": peer, "blocked": blocked, "muted": muted}).to_string();
        for _ in 0..TRIES {
            match self.call("PATCH", route::PAIRS, &body, &[]).await {
                None | Some((429 | 500.., _)) => sleep(self.rng.millis(500, 1_500)).await,
                Some(_) => return,
            }
        }
    }

    /// Sends a message as an agent without a connector does, and again until it is taken or refused.
    pub(super) async fn post(self: Arc<Self>, key: Key, to: usize, lane: String, payload: String) {
        let to = self.registry.agents[to].did.to_string();
        let own = [
            (header::RECIPIENT, to.as_str()),
            (header::CONVERSATION, lane.as_str()),
            (header::IDEMPOTENCY_KEY, key.1.as_str()),
        ];
        let stage = &self.network.stage;
        for _ in 0..TRIES {
            match self.call("POST", route::HOOKS_AGENT, &payload, &own).await {
                Some((202, _)) => {
                    stage.trace.note(format_args!("agent {}: {} is taken", key.0, key.1));
                    return stage.ledger.acknowledged(&key);
                }
                // without a session there is no access token
                None | Some((401 | 429 | 500.., _)) => sleep(self.rng.millis(500, 2_000)).await,
                Some((status, _)) => {
                    return stage
                        .trace
                        .note(format_args!("agent {}: {} is refused: {status}", key.0, key.1));
                }
            }
            if self.registry.is_revoked(self.agent) {
                return;
            }
        }
    }
}
