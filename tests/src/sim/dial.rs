//! An agent's requests to the relay: signed as the real ones are, and carried by the simulated network.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use chancery_base::ErrorCode as _;
use chancery_connector::{BoxFuture, Dial, DialError, Link};
use chancery_networks::AgentSigner;
use chancery_relay::{
    Relay, RelayError,
    auth::{self, Needs, RequestHead},
    hub::Admitted,
    store::SenderAit,
};
use chancery_relay_wire::{header, route};
use std::sync::{Mutex, PoisonError};
use url::Url;

use super::{
    identity::RELAY,
    network::{Network, NoAnswer},
    registry::Registry,
    rng::Dice,
    tokens::Session,
};

/// An agent's way to the relay. It survives the connector.
pub(super) struct Caller {
    pub(super) agent: usize,
    pub(super) network: Arc<Network>,
    pub(super) registry: Arc<Registry>,
    pub(super) session: Arc<Session>,
    /// How far the agent's clock is off, milliseconds.
    pub(super) skew: i64,
    pub(super) rng: Arc<Dice>,
    pub(super) proofs: Arc<Proofs>,
}

/// Proofs that were seen on the way, for somebody to send again.
#[derive(Default)]
pub(super) struct Proofs(Mutex<Vec<(usize, HeaderMap)>>);

impl Proofs {
    fn keep(&self, agent: usize, headers: &HeaderMap) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((agent, headers.clone()));
    }

    pub(super) fn any(&self, dice: &Dice) -> Option<(usize, HeaderMap)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!seen.is_empty()).then(|| dice.pick(&seen).clone())
    }
}

impl Caller {
    /// The headers of one request, signed now.
    pub(super) fn headers(&self, method: &str, path: &str, body: &[u8], own: &[(&str, &str)]) -> HeaderMap {
        let token = self.registry.identity_token(self.agent);
        let key = self.registry.agents[self.agent].key.clone();
        let clock = Arc::new(self.network.stage.clock(self.skew));
        let signer = AgentSigner::new(&token, key, clock, self.rng.clone());
        let url: Url = format!("{RELAY}{path}").parse().expect("a URL");
        let access = self.session.token().unwrap_or_default();
        let mut all = vec![(header::AGENT_ACCESS, access.as_str())];
        all.extend(own);
        let mut headers = HeaderMap::new();
        for (name, value) in signer.headers(method, &url, body, &all) {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(&value).expect("a value"));
        }
        headers
    }

    async fn open(&self) -> Result<Link, DialError> {
        let unreachable = |_: NoAnswer| DialError::Unreachable("no answer".to_owned());
        let features = [(header::FEATURES, header::FEATURE_MESSAGES)];
        let headers = self.headers("GET", route::CONNECT, b"", &features);
        self.network.travel(self.agent, &self.rng).await.map_err(unreachable)?;
        let (network, agent) = (Arc::clone(&self.network), self.agent);
        let proofs = Arc::clone(&self.proofs);
        let answer = self.network.relay.handle(move |relay| async move {
            let life = network.relay.life();
            let (admitted, ait) = admit(&network, &relay, agent, &headers).await?;
            proofs.keep(agent, &headers);
            Ok(network.connect(agent, life, &relay, admitted, ait))
        });
        let link = match answer.await {
            None => Err(unreachable(NoAnswer)),
            Some(Ok(link)) => Ok(link),
            Some(Err(error)) => Err(refused(&error)),
        };
        self.network.travel(self.agent, &self.rng).await.map_err(unreachable)?;
        if let Err(error) = &link {
            let trace = &self.network.stage.trace;
            trace.note(format_args!("agent {}: no connection: {error}", self.agent));
        }
        link
    }
}

/// What the relay's route does with a request to connect.
pub(super) async fn admit(
    network: &Network,
    relay: &Relay,
    agent: usize,
    headers: &HeaderMap,
) -> Result<(Admitted, Arc<SenderAit>), RelayError> {
    let uri = Uri::from_static(route::CONNECT);
    let head = RequestHead {
        method: &Method::GET,
        uri: &uri,
        headers,
    };
    let needs = Needs {
        access: true,
        counted: true,
        judge_nonce_later: network.relay.config().legacy_reconnect,
        ..Needs::default()
    };
    let caller = auth::authenticate(relay.shared(), head, b"", needs).await?;
    let admitted = relay.shared().admit(&caller, true).await?;
    network.stage.ledger.admitted(agent, &caller.nonce().nonce);
    Ok((admitted, caller.token))
}

fn refused(error: &RelayError) -> DialError {
    DialError::Refused {
        status: error.status(),
        code: Some(error.code().to_owned()),
        message: error.to_string(),
        retry_after: error.retry_after_secs().map(Duration::from_secs),
    }
}

/// The port of one connector.
pub(super) struct Way(pub(super) Arc<Caller>);

impl Dial for Way {
    fn dial(&self) -> BoxFuture<'_, Result<Link, DialError>> {
        Box::pin(self.0.open())
    }
}
