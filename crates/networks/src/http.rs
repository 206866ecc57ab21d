//! The one HTTP client: JSON in, JSON out, bounded in time and size, and never a secret in the clear.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use chancery_identity::Origin;
use chancery_relay_wire::limits::MAX_BODY_BYTES;
use reqwest::{
    Method, StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use crate::{
    error::{HttpError, RemoteError},
    signer::AgentSigner,
};

/// How long one call may take, connection and answer included. The original's limit.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the connection alone may take: a dead address should not use up the whole call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest message of a server that is passed on, characters: it ends up on one line of a terminal or log.
const MAX_MESSAGE_CHARS: usize = 300;

/// What is sent along to show who asks.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Auth<'a> {
    /// Nothing.
    None,
    /// A person's API key.
    ApiKey(&'a str),
    /// An agent's signature.
    Agent(&'a AgentSigner),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// `GET`, `POST` or `DELETE`.
    pub method: Method,
    /// Path and query.
    pub target: &'a str,
    /// Who asks.
    pub auth: Auth<'a>,
    /// Further headers, lower-case names.
    pub headers: Vec<(&'a str, &'a str)>,
    /// Body, sent as `application/json`.
    pub body: Option<Bytes>,
    /// Longest answer that is read, bytes.
    pub limit: usize,
}

impl<'a> Request<'a> {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, target: &'a str, auth: Auth<'a>) -> Self {
        Self {
            method,
            target,
            auth,
            headers: Vec::new(),
            body: None,
            limit: MAX_BODY_BYTES,
        }
    }

    /// A `GET`.
    #[must_use]
    pub fn get(target: &'a str, auth: Auth<'a>) -> Self {
        Self::new(Method::GET, target, auth)
    }

    /// A `POST` of `body` as JSON.
    ///
    /// # Errors
    /// [`HttpError::Request`] when `body` cannot be written as JSON.
    pub fn post<B: Serialize>(target: &'a str, auth: Auth<'a>, body: &B) -> Result<Self, HttpError> {
        let body = serde_json::to_vec(body).map_err(|error| HttpError::Request(error.to_string()))?;
        Ok(Self {
            body: Some(body.into()),
            ..Self::new(Method::POST, target, auth)
        })
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With another limit for the answer, bytes.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// A complete answer of any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body, within the request's limit.
    pub body: Bytes,
    /// `Retry-After` in seconds, when given.
    pub retry_after_secs: Option<u64>,
    /// `Date`, as the server sent it.
    pub date: Option<String>,
    origin: Origin,
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of a success as `T`.
    ///
    /// # Errors
    /// [`HttpError::Remote`] when the server refused, [`HttpError::Unexpected`] when the body is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        self.success()?;
        self.parse()
    }

    /// The body as `T`, whatever the status.
    ///
    /// # Errors
    /// [`HttpError::Unexpected`] when the body is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|error| HttpError::Unexpected {
            origin: self.origin.to_string(),
            reason: error.to_string(),
        })
    }

    /// Nothing, when the server did not refuse.
    ///
    /// # Errors
    /// [`HttpError::Remote`].
    pub fn success(&self) -> Result<(), HttpError> {
        if self.is_success() {
            Ok(())
        } else {
            Err(HttpError::Remote(self.refusal()))
        }
    }

    fn refusal(&self) -> RemoteError {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            code: Option<String>,
            message: Option<String>,
            request_id: Option<String>,
        }
        #[derive(serde::Deserialize)]
        struct Envelope {
            error: Fields,
        }
        let reason = || {
            StatusCode::from_u16(self.status)
                .ok()
                .and_then(|s| s.canonical_reason())
                .unwrap_or("no reason given")
                .to_owned()
        };
        let fields = serde_json::from_slice::<Envelope>(&self.body)
            .ok()
            .map(|envelope| envelope.error);
        let (code, message, request_id) = match fields {
            Some(fields) => (fields.code, fields.message, fields.request_id),
            // a page of a server between us and the one we asked for says nothing that helps
            None => (
                None,
                std::str::from_utf8(&self.body)
                    .ok()
                    .filter(|t| !t.contains('<'))
                    .map(str::to_owned),
                None,
            ),
        };
        let message = message
            .map(|text| one_line(&text))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(reason);
        let code = code.map(|text| one_line(&text)).filter(|text| !text.is_empty());
        RemoteError {
            status: self.status,
            code: code.unwrap_or_else(|| "HTTP_ERROR".to_owned()),
            message,
            request_id: request_id.map(|text| one_line(&text)),
            retry_after_secs: self.retry_after_secs,
        }
    }
}

/// `text` on one line without control characters (they could rewrite a terminal), cut to a readable length.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MESSAGE_CHARS)
        .collect()
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: reqwest::Client,
}

impl HttpClient {
    /// A client that follows no redirect (a redirect would carry secrets to a server that nobody named), uses no proxy of
    /// the environment, and believes servers as [`crate::tls`] says.
    ///
    /// # Errors
    /// [`HttpError::Request`] when the client cannot be set up.
    pub fn new() -> Result<Self, HttpError> {
        let tls = (*crate::tls::client_config()?).clone();
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| HttpError::Request(innermost(&error)))?;
        Ok(Self { inner })
    }

    /// Sends `request` to `origin` and reads the answer, whatever its status.
    ///
    /// # Errors
    /// Any [`HttpError`] but `Remote` and `Unexpected`.
    pub async fn send(&self, origin: &Origin, request: Request<'_>) -> Result<Answer, HttpError> {
        let limit = request.limit;
        let exchange = async {
            let response = self.open(origin, request).await?;
            read(origin, response, limit).await
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout {
                origin: origin.to_string(),
                secs: TIMEOUT.as_secs(),
            }),
        }
    }

    /// Sends `request` and reads its answer's head only.
    pub(crate) async fn open(&self, origin: &Origin, request: Request<'_>) -> Result<reqwest::Response, HttpError> {
        check(origin)?;
        let url = Url::parse(&origin.join(request.target)).map_err(|_| HttpError::Url(origin.join(request.target)))?;
        let body = request.body.unwrap_or_default();
        let mut own = request.headers;
        // before signing: the signature covers it
        if !body.is_empty() && !own.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            own.push(("content-type", "application/json"));
        }
        let mut headers: Vec<(String, String)> = match request.auth {
            Auth::Agent(signer) => signer.headers(request.method.as_str(), &url, &body, &own),
            _ => own
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        if let Auth::ApiKey(key) = request.auth {
            headers.push(("authorization".to_owned(), format!("Bearer {key}")));
        }
        let mut builder = self.inner.request(request.method, url);
        for (name, value) in headers {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::Header(name.clone()))?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| HttpError::Header(name.clone()))?;
            value.set_sensitive(true);
            builder = builder.header(header, value);
        }
        if !body.is_empty() {
            builder = builder.body(body);
        }
        builder.send().await.map_err(|error| unreachable(origin, &error))
    }
}

/// Refuses plain HTTP to other machines.
fn check(origin: &Origin) -> Result<(), HttpError> {
    if origin.is_https() || origin.is_loopback() {
        Ok(())
    } else {
        Err(HttpError::Insecure {
            origin: origin.to_string(),
        })
    }
}

pub(crate) async fn read(origin: &Origin, mut response: reqwest::Response, limit: usize) -> Result<Answer, HttpError> {
    let too_large = || HttpError::TooLarge {
        origin: origin.to_string(),
        limit,
    };
    let header = |name: HeaderName| {
        response
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let retry_after_secs = header(RETRY_AFTER).and_then(|text| text.parse().ok());
    let date = header(reqwest::header::DATE);
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(origin, &error))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        body: body.into(),
        retry_after_secs,
        date,
        origin: origin.clone(),
    })
}

pub(crate) fn unreachable(origin: &Origin, error: &reqwest::Error) -> HttpError {
    if error.is_timeout() && error.is_connect() {
        return HttpError::Timeout {
            origin: origin.to_string(),
            secs: CONNECT_TIMEOUT.as_secs(),
        };
    }
    HttpError::Unreachable {
        origin: origin.to_string(),
        reason: innermost(error),
    }
}

/// The last cause: the outer ones only repeat the URL, which may hold what nobody should read in a log.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = "request failed".to_owned();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    one_line(&text)
}
