//! The connector's WebSocket to its relay.
//!
//! Each attempt is signed anew and carries the access token of that moment. A task of its own moves frames between the
//! socket and the two channels that the connector holds.

use std::{fmt, sync::Arc, time::Duration};

use chancery_connector::{BoxFuture, Credentials, Dial, DialError, Link, LinkEvent};
use chancery_identity::Origin;
use chancery_relay_wire::{header, limits::MAX_DELIVER_FRAME_BYTES, route};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        handshake::client::Request,
        http::{HeaderMap, HeaderName, HeaderValue, Response},
        protocol::WebSocketConfig,
    },
};
use url::{Host, Url};

use crate::{error::HttpError, signer::AgentSigner, tls};

/// Frames that may wait for the network, in each direction: more would only hide that it is slow.
const QUEUE: usize = 64;
/// Bytes read at once. Frames are about 1 KiB; the library's own size would hold 128 KiB for each connection.
const READ_BUFFER: usize = 16 * 1024;
/// How long an orderly close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest message of a refusal that is passed on, characters: it ends up on one line.
const MAX_MESSAGE_CHARS: usize = 300;

/// Connects an agent to its relay: the port [`Dial`] over WebSocket.
pub struct RelayLink {
    url: Url,
    signer: AgentSigner,
    credentials: Arc<dyn Credentials>,
}

impl RelayLink {
    /// A link to the relay at `url`, which is read as [`relay_url`] does.
    ///
    /// # Errors
    /// [`HttpError::Url`], and [`HttpError::Insecure`] for a connection without TLS to another machine.
    pub fn new(url: &str, signer: AgentSigner, credentials: Arc<dyn Credentials>) -> Result<Self, HttpError> {
        Ok(Self {
            url: relay_url(url)?,
            signer,
            credentials,
        })
    }

    /// Where it connects to.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    fn request(&self, access: &str) -> Result<Request, DialError> {
        let invalid =
            |error: &dyn fmt::Display| DialError::Invalid(format!("the connection cannot be signed: {error}"));
        let mut request = self
            .url
            .as_str()
            .into_client_request()
            .map_err(|error| invalid(&error))?;
        let own = [
            (header::AGENT_ACCESS, access),
            (header::FEATURES, header::FEATURE_MESSAGES),
        ];
        for (name, value) in self.signer.headers("GET", &self.url, b"", &own) {
            let name: HeaderName = name.parse().map_err(|error| invalid(&error))?;
            let value = HeaderValue::from_str(&value).map_err(|error| invalid(&error))?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    async fn open(&self) -> Result<Link, DialError> {
        let Some(access) = self.credentials.current() else {
            // what the relay would say; the connector fetches a token then
            return Err(DialError::Refused {
                status: 401,
                code: Some("PROXY_AGENT_ACCESS_REQUIRED".to_owned()),
                message: "there is no session token here".to_owned(),
                retry_after: None,
            });
        };
        let request = self.request(access.token.expose())?;
        let tls = tls::client_config().map_err(|error| DialError::Invalid(error.to_string()))?;
        let stream = self
            .connect()
            .await
            .map_err(|error| DialError::Unreachable(error.to_string()))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_DELIVER_FRAME_BYTES))
            .max_frame_size(Some(MAX_DELIVER_FRAME_BYTES));
        let (socket, response) =
            client_async_tls_with_config(request, stream, Some(config), Some(Connector::Rustls(tls)))
                .await
                .map_err(refusal)?;
        let (tx, outgoing) = mpsc::channel(QUEUE);
        let (incoming, rx) = mpsc::channel(QUEUE);
        tokio::spawn(carry(socket, outgoing, incoming));
        Ok(Link {
            tx,
            rx,
            negotiated: negotiated(response.headers()),
        })
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let port = self.url.port_or_known_default().unwrap_or(443);
        let stream = match self.url.host() {
            Some(Host::Domain(name)) => TcpStream::connect((name, port)).await?,
            Some(Host::Ipv4(ip)) => TcpStream::connect((ip, port)).await?,
            Some(Host::Ipv6(ip)) => TcpStream::connect((ip, port)).await?,
            None => return Err(std::io::ErrorKind::InvalidInput.into()),
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Dial for RelayLink {
    fn dial(&self) -> BoxFuture<'_, Result<Link, DialError>> {
        Box::pin(self.open())
    }
}

impl fmt::Debug for RelayLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayLink")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// The WebSocket URL of a relay: `http` becomes `ws` and `https` becomes `wss`; without a path it is the one where relays
/// take connectors. Any other path is kept.
///
/// # Errors
/// [`HttpError::Url`] when it is no such URL or names a user, [`HttpError::Insecure`] when it is not encrypted and not of
/// this machine.
pub fn relay_url(text: &str) -> Result<Url, HttpError> {
    let bad = || HttpError::Url(text.chars().take(MAX_MESSAGE_CHARS).collect());
    let web = match text.trim().split_once("://") {
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => format!("http://{rest}"),
            "wss" | "https" => format!("https://{rest}"),
            _ => return Err(bad()),
        },
        None => return Err(bad()),
    };
    let origin = Origin::of_url(&web).map_err(|_| bad())?;
    if !origin.is_https() && !origin.is_loopback() {
        return Err(HttpError::Insecure {
            origin: origin.as_str().to_owned(),
        });
    }
    // special schemes cannot be changed into one another in a parsed URL, except between http and ws
    let scheme = if origin.is_https() { "wss" } else { "ws" };
    let mut url = Url::parse(&web).map_err(|_| bad())?;
    url.set_scheme(scheme).map_err(|()| bad())?;
    url.set_fragment(None);
    if url.path() == "/" {
        url.set_path(route::CONNECT);
    }
    Ok(url)
}

fn negotiated(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::FEATURES)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| header::offers(value, header::FEATURE_MESSAGES))
}

/// What a failed handshake means.
fn refusal(error: tungstenite::Error) -> DialError {
    match error {
        tungstenite::Error::Http(response) => refused(&response),
        error => DialError::Unreachable(error.to_string()),
    }
}

fn refused(response: &Response<Option<Vec<u8>>>) -> DialError {
    #[derive(Deserialize)]
    struct Envelope {
        error: Body,
    }
    #[derive(Deserialize)]
    struct Body {
        code: String,
        #[serde(default)]
        message: String,
    }
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    let envelope = serde_json::from_slice::<Envelope>(body)
        .ok()
        .map(|envelope| envelope.error);
    let seconds = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let plain = |text: &str| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(MAX_MESSAGE_CHARS)
            .collect::<String>()
    };
    DialError::Refused {
        status: status.as_u16(),
        code: envelope.as_ref().map(|body| plain(&body.code)),
        message: envelope.map_or_else(
            || status.canonical_reason().unwrap_or("without a reason").to_owned(),
            |body| plain(&body.message),
        ),
        retry_after: seconds.map(Duration::from_secs),
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Moves frames until either side ends the connection.
async fn carry(socket: Socket, mut outgoing: mpsc::Receiver<String>, incoming: mpsc::Sender<LinkEvent>) {
    let (mut sink, mut stream) = socket.split();
    let read = async {
        while let Some(message) = stream.next().await {
            match message {
                Ok(Message::Text(text)) => {
                    if incoming.send(LinkEvent::Text(text.as_str().to_owned())).await.is_err() {
                        return None;
                    }
                }
                Ok(Message::Close(frame)) => {
                    return Some(match frame {
                        Some(frame) => LinkEvent::Closed {
                            code: Some(frame.code.into()),
                            reason: frame.reason.as_str().to_owned(),
                        },
                        None => LinkEvent::Closed {
                            code: None,
                            reason: "closed without a reason".to_owned(),
                        },
                    });
                }
                // the protocol has text frames only; pings are answered below us
                Ok(_) => {}
                Err(error) => {
                    return Some(LinkEvent::Closed {
                        code: None,
                        reason: error.to_string(),
                    });
                }
            }
        }
        Some(LinkEvent::Closed {
            code: None,
            reason: "the connection broke".to_owned(),
        })
    };
    let write = async {
        let mut batch = Vec::with_capacity(QUEUE);
        while outgoing.recv_many(&mut batch, QUEUE).await > 0 {
            for text in batch.drain(..) {
                sink.feed(Message::text(text)).await?;
            }
            sink.flush().await?;
        }
        Ok::<_, tungstenite::Error>(())
    };
    let ended = tokio::select! {
        biased;
        event = read => event,
        result = write => result.err().map(|error| LinkEvent::Closed { code: None, reason: error.to_string() }),
        // the connector has lost interest
        () = incoming.closed() => None,
    };
    if let Some(event) = ended {
        let _ = incoming.send(event).await;
        drop(incoming);
    }
    let close = async {
        while let Ok(text) = outgoing.try_recv() {
            sink.feed(Message::text(text)).await?;
        }
        sink.close().await
    };
    // whatever comes of it, the connection is over
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
}
