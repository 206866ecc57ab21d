//! The port [`Deliver`] over HTTP.

use std::{error::Error as _, time::Duration};

use chancery_base::{Category, ErrorCode};
use chancery_connector::{BoxFuture, Deliver, DeliverError, Delivery, Verified};
use chancery_identity::Origin;
use reqwest::{
    StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use url::Url;

use super::{
    body,
    token::{HookToken, TokenHeader},
};

/// Path of OpenClaw's hook.
const OPENCLAW_PATH: &str = "/hooks/agent";
/// How long OpenClaw may take: its later versions answer once the run is admitted, which was measured at up to 7 s, and
/// give up after 15 s.
const OPENCLAW_TIMEOUT: Duration = Duration::from_secs(20);
/// How long any other webhook may take; the original's limit.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a refusal's body that are read for its reason.
const MAX_REASON_BODY: usize = 4096;
/// Characters of it that are passed on.
const MAX_REASON_CHARS: usize = 160;

const AGENT: HeaderName = HeaderName::from_static("x-clawdentity-agent-did");
const TO_AGENT: HeaderName = HeaderName::from_static("x-clawdentity-to-agent-did");
const VERIFIED: HeaderName = HeaderName::from_static("x-clawdentity-verified");
const ATTEMPT: HeaderName = HeaderName::from_static("x-clawdentity-attempt");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const OPENCLAW_TOKEN: HeaderName = HeaderName::from_static("x-openclaw-token");
const WEBHOOK_TOKEN: HeaderName = HeaderName::from_static("x-webhook-token");

/// Where deliveries go and how.
#[derive(Debug)]
pub struct WebhookConfig {
    /// The whole address.
    pub url: String,
    /// What the receiver asks for.
    pub token: HookToken,
    /// How that travels.
    pub token_header: TokenHeader,
    /// Whether the sender's identity is written above the text.
    pub identity_block: bool,
    /// Whether the receiver recognises a repeat by its `Idempotency-Key`, also after a restart of its own.
    pub deduplicates: bool,
    /// How long the receiver may take.
    pub timeout: Duration,
    /// Whether the receiver is OpenClaw's hook: then a peer's payload must not choose session, model or channel.
    pub openclaw: bool,
}

impl WebhookConfig {
    /// OpenClaw at `base`, such as `http://127.0.0.1:18789`; `hook_path` instead of `/hooks/agent` when given.
    ///
    /// OpenClaw forgets idempotency keys when it restarts, and its older versions do not know them, so it does not count as
    /// deduplicating.
    #[must_use]
    pub fn openclaw(base: &str, hook_path: Option<&str>, token: HookToken) -> Self {
        let path = hook_path
            .map(str::trim)
            .filter(|path| !path.is_empty())
            .unwrap_or(OPENCLAW_PATH);
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self {
            url: format!("{}{slash}{path}", base.trim().trim_end_matches('/')),
            token,
            token_header: TokenHeader::OpenClaw,
            identity_block: true,
            deduplicates: false,
            timeout: OPENCLAW_TIMEOUT,
            openclaw: true,
        }
    }

    /// Any webhook at `url`.
    #[must_use]
    pub fn webhook(url: &str, token: HookToken, token_header: TokenHeader) -> Self {
        Self {
            url: url.trim().to_owned(),
            token,
            token_header,
            identity_block: true,
            deduplicates: false,
            timeout: WEBHOOK_TIMEOUT,
            openclaw: false,
        }
    }
}

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Not an http(s) URL without a user.
    #[error("the webhook must be an http or https URL without user and password")]
    Url,
    /// Plain HTTP to another machine.
    #[error("refusing plain http to {0}: messages and the hook token would be readable on the way")]
    Insecure(Origin),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

impl ErrorCode for WebhookError {
    fn code(&self) -> &'static str {
        match self {
            Self::Url => "PROVIDER_WEBHOOK_INVALID_URL",
            Self::Insecure(_) => "PROVIDER_WEBHOOK_INSECURE_URL",
            Self::Client(_) => "PROVIDER_WEBHOOK_CLIENT_FAILED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Url | Self::Insecure(_) => Category::Input,
            Self::Client(_) => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Url => Some("such as http://127.0.0.1:18789/hooks/agent; a secret goes into the hook token"),
            Self::Insecure(_) => Some("use https, or deliver to this machine"),
            Self::Client(_) => None,
        }
    }
}

/// Delivers by POST: 2xx is success, redirects are not followed, and every attempt carries its `Idempotency-Key`.
#[derive(Debug)]
pub struct Webhook {
    client: reqwest::Client,
    url: Url,
    config: WebhookConfig,
}

impl Webhook {
    /// A webhook as `config` says.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn new(config: WebhookConfig) -> Result<Self, WebhookError> {
        let origin = Origin::of_url(&config.url).map_err(|_| WebhookError::Url)?;
        if !origin.is_https() && !origin.is_loopback() {
            return Err(WebhookError::Insecure(origin));
        }
        let url = Url::parse(&config.url).map_err(|_| WebhookError::Url)?;
        let client = client(config.timeout).map_err(WebhookError::Client)?;
        Ok(Self { client, url, config })
    }

    async fn attempt(&self, delivery: Delivery) -> Result<(), DeliverError> {
        let body = body::render(&delivery, self.config.identity_block, self.config.openclaw).to_string();
        let headers = headers(&delivery)?;
        let answer = self.post(&headers, body.clone()).await?;
        let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // setup may have given the receiver another token since
        let answer = if refused && self.config.token.read_again() {
            self.post(&headers, body).await?
        } else {
            answer
        };
        judge(answer).await
    }

    async fn post(&self, headers: &HeaderMap, body: String) -> Result<reqwest::Response, DeliverError> {
        let mut headers = headers.clone();
        if let Some(token) = self.config.token.current() {
            let (name, text) = match self.config.token_header {
                TokenHeader::OpenClaw => (OPENCLAW_TOKEN, token.to_string()),
                TokenHeader::Webhook => (WEBHOOK_TOKEN, token.to_string()),
                TokenHeader::Bearer => (AUTHORIZATION, format!("Bearer {}", *token)),
            };
            let mut value = HeaderValue::from_str(text.trim())
                .map_err(|_| refusal("the hook token has characters that a header cannot carry"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        self.client
            .post(self.url.clone())
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(|error| DeliverError {
                retryable: true,
                reason: if error.is_timeout() {
                    format!("no answer in {} s", self.config.timeout.as_secs())
                } else {
                    format!("cannot reach the webhook: {}", innermost(&error))
                },
            })
    }
}

impl Deliver for Webhook {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), DeliverError>> {
        Box::pin(self.attempt(delivery))
    }

    fn deduplicates(&self) -> bool {
        self.config.deduplicates
    }

    fn target(&self) -> Option<String> {
        // a query may hold a secret
        let mut url = self.url.clone();
        url.set_query(None);
        Some(url.into())
    }
}

/// A client that goes where it is told and nowhere else: no redirects, and no proxy from the environment, which would see
/// messages and token.
fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    let tls = (*chancery_networks::tls::client_config().map_err(|error| error.to_string())?).clone();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .build()
        .map_err(|error| error.to_string())
}

fn headers(delivery: &Delivery) -> Result<HeaderMap, DeliverError> {
    let id = delivery.id.to_string();
    let attempt = delivery.attempt.to_string();
    let verified = delivery.verified == Verified::EndToEnd;
    let pairs = [
        (CONTENT_TYPE, "application/json"),
        (AGENT, delivery.from.as_str()),
        (TO_AGENT, delivery.to.as_str()),
        (VERIFIED, if verified { "true" } else { "false" }),
        (REQUEST_ID, id.as_str()),
        (IDEMPOTENCY_KEY, id.as_str()),
        (ATTEMPT, attempt.as_str()),
    ];
    let mut headers = HeaderMap::with_capacity(pairs.len() + 1);
    for (name, value) in pairs {
        let value = HeaderValue::from_str(value).map_err(|_| refusal("a value cannot be carried in a header"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Whether the receiver took it, and whether it may later.
async fn judge(mut answer: reqwest::Response) -> Result<(), DeliverError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut said = Vec::new();
    while said.len() < MAX_REASON_BODY {
        match answer.chunk().await {
            Ok(Some(chunk)) => said.extend_from_slice(&chunk),
            _ => break,
        }
    }
    said.truncate(MAX_REASON_BODY);
    let said: String = String::from_utf8_lossy(&said)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_REASON_CHARS)
        .collect();
    let reason = match said.trim() {
        "" => format!("the webhook answered {}", status.as_u16()),
        said => format!("the webhook answered {}: {said}", status.as_u16()),
    };
    Err(DeliverError {
        retryable: is_retryable(status),
        reason,
    })
}

/// 5xx, and the 4xx that time or the owner mends; a redirect is neither followed nor repaired by waiting.
fn is_retryable(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 408 | 425 | 429)
}

fn refusal(reason: &str) -> DeliverError {
    DeliverError {
        retryable: false,
        reason: reason.to_owned(),
    }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = "no connection".to_owned();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
