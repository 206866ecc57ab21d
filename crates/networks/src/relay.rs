//! The relay's HTTP API, typed. Its WebSocket is another module's.

use bytes::Bytes;
use chancery_identity::{AgentDid, Origin};
use chancery_relay_wire::{
    header,
    relay::{
        HookResponse, PairConfirmRequest, PairConfirmResponse, PairListResponse, PairStartRequest, PairStartResponse,
        PairStatementRequest, PairStatementResponse, PairStatusRequest, PairStatusResponse, ReceiptRequest,
        ReceiptResponse, ReceiptView,
    },
    route,
};
use reqwest::Method;

use crate::{
    error::HttpError,
    http::{Answer, Auth, HttpClient, Request},
    signer::AgentSigner,
};

/// A message for `POST /hooks/agent`.
#[derive(Debug, Clone)]
pub struct HookMessage<'a> {
    /// Who gets it.
    pub recipient: &'a AgentDid,
    /// Any JSON value, sent as it is.
    pub body: Bytes,
    /// Conversation that names its lane.
    pub conversation_id: Option<&'a str>,
    /// Where receipts may go.
    pub receipt_url: Option<&'a str>,
    /// The sender's id of the message; repeating the request with the same id is safe.
    pub message_id: Option<&'a str>,
}

/// A relay. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RelayClient {
    http: HttpClient,
    origin: Origin,
}

/// Every call fails with [`HttpError`]: `Remote` when the relay refused, `Unreachable` or `Timeout` when it is away,
/// `Unexpected` when it answered something else.
#[allow(clippy::missing_errors_doc, reason = "the same for all, said above")]
impl RelayClient {
    /// The relay at `origin`.
    #[must_use]
    pub fn new(http: HttpClient, origin: Origin) -> Self {
        Self { http, origin }
    }

    /// Where it is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    async fn send(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        self.http.send(&self.origin, request).await
    }

    /// `GET /health`, whatever it answers.
    pub async fn health(&self) -> Result<Answer, HttpError> {
        self.send(Request::get(route::HEALTH, Auth::None)).await
    }

    /// `POST /pair/start`.
    pub async fn pair_start(
        &self,
        signer: &AgentSigner,
        body: &PairStartRequest,
    ) -> Result<PairStartResponse, HttpError> {
        self.send(Request::post(route::PAIR_START, Auth::Agent(signer), body)?)
            .await?
            .json()
    }

    /// `POST /pair/confirm`.
    pub async fn pair_confirm(
        &self,
        signer: &AgentSigner,
        body: &PairConfirmRequest,
    ) -> Result<PairConfirmResponse, HttpError> {
        self.send(Request::post(route::PAIR_CONFIRM, Auth::Agent(signer), body)?)
            .await?
            .json()
    }

    /// `POST /pair/statement`.
    pub async fn pair_statement(
        &self,
        signer: &AgentSigner,
        body: &PairStatementRequest,
    ) -> Result<PairStatementResponse, HttpError> {
        self.send(Request::post(route::PAIR_STATEMENT, Auth::Agent(signer), body)?)
            .await?
            .json()
    }

    /// `POST /pair/status`.
    pub async fn pair_status(&self, signer: &AgentSigner, ticket: &str) -> Result<PairStatusResponse, HttpError> {
        let body = PairStatusRequest {
            ticket: ticket.to_owned(),
        };
        self.send(Request::post(route::PAIR_STATUS, Auth::Agent(signer), &body)?)
            .await?
            .json()
    }

    /// `GET /pair`: the caller's pairs.
    pub async fn pairs(&self, signer: &AgentSigner) -> Result<PairListResponse, HttpError> {
        self.send(Request::get(route::PAIRS, Auth::Agent(signer))).await?.json()
    }

    /// `DELETE /pair`: ends the caller's pair with `peer`.
    pub async fn pair_remove(&self, signer: &AgentSigner, peer: &AgentDid) -> Result<(), HttpError> {
        let target = with_query(route::PAIRS, &[("agentDid", peer.as_str())]);
        self.send(Request::new(Method::DELETE, &target, Auth::Agent(signer)))
            .await?
            .success()
    }

    /// `POST /hooks/agent`: sends a message.
    pub async fn hook(
        &self,
        signer: &AgentSigner,
        access_token: &str,
        message: HookMessage<'_>,
    ) -> Result<HookResponse, HttpError> {
        let mut request = Request::new(Method::POST, route::HOOKS_AGENT, Auth::Agent(signer))
            .header(header::AGENT_ACCESS, access_token)
            .header(header::RECIPIENT, message.recipient.as_str());
        let optional = [
            (header::CONVERSATION, message.conversation_id),
            (header::RECEIPT_URL, message.receipt_url),
            (header::IDEMPOTENCY_KEY, message.message_id),
        ];
        request
            .headers
            .extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        request.body = Some(message.body);
        self.send(request).await?.json()
    }

    /// `POST /v1/relay/delivery-receipts`: says what became of a message that the caller received.
    pub async fn receipt_post(
        &self,
        signer: &AgentSigner,
        access_token: &str,
        body: &ReceiptRequest,
    ) -> Result<(), HttpError> {
        let request =
            Request::post(route::RECEIPTS, Auth::Agent(signer), body)?.header(header::AGENT_ACCESS, access_token);
        self.send(request).await?.success()
    }

    /// `GET /v1/relay/delivery-receipts`: what became of a message that the caller sent; `None` when the relay knows
    /// nothing of it.
    pub async fn receipt(
        &self,
        signer: &AgentSigner,
        access_token: &str,
        request_id: &str,
        recipient: &AgentDid,
    ) -> Result<Option<ReceiptView>, HttpError> {
        let query = [("requestId", request_id), ("recipientAgentDid", recipient.as_str())];
        let target = with_query(route::RECEIPTS, &query);
        let request = Request::get(&target, Auth::Agent(signer)).header(header::AGENT_ACCESS, access_token);
        let answer = self.send(request).await?;
        if answer.status == 404 && answer.parse::<ReceiptResponse>().is_ok_and(|response| !response.found) {
            return Ok(None);
        }
        Ok(answer.json::<ReceiptResponse>()?.receipt)
    }
}

fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{path}?{query}")
}
