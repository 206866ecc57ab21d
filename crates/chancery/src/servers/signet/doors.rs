//! Where harnesses and programs come in: the WebSocket's port, and HTTP's where that is on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::Router;
use chancery_serve::{Bound, ServerConfig};
use chancery_signet_config::{Config, Host};

use super::{error::Error, problem::Problem, settings::size};
use crate::listen::Listen;

/// Connections of the WebSocket's port beyond those that harnesses may have: some that have not said yet who they are.
const SPARE: usize = 256;

/// The ports, taken. Nobody is answered yet.
pub(super) struct Doors {
    ws: Bound,
    tls: bool,
    http: Http,
}

/// Where actions are over HTTP.
enum Http {
    Off,
    /// At the WebSocket's address.
    Shared,
    Own(Box<Bound>),
}

impl Doors {
    /// Takes the ports. Whether the WebSocket has TLS, or goes without it off loopback, is as `listen` says.
    ///
    /// # Errors
    /// Whatever [`Bound::bind`] refuses; HTTP off loopback.
    pub(super) async fn open(config: &Config, listen: &Listen) -> Result<Self, Problem> {
        let (ws, http) = (&config.ws, &config.http);
        if http.enabled && !http.host.is_loopback() {
            return Err(Error::Unserved {
                key: "http.host".to_owned(),
                why: "actions are for programs of this machine alone",
            }
            .into());
        }
        let drain = ws.drain_timeout.into();
        let at = address(&ws.host, ws.port);
        let server = ServerConfig {
            drain,
            max_connections: size(config.limits.connections).saturating_add(SPARE),
            ..listen.config(at, None)
        };
        let http_at = address(&http.host, http.port);
        Ok(Self {
            ws: Bound::bind(&server).await?,
            tls: server.tls.is_some(),
            http: if !http.enabled {
                Http::Off
            } else if http_at == at && http_at.port() != 0 {
                Http::Shared
            } else {
                let server = ServerConfig {
                    drain,
                    ..ServerConfig::new(http_at)
                };
                Http::Own(Box::new(Bound::bind(&server).await?))
            },
        })
    }

    /// The port at which harnesses connect.
    pub(super) fn ws_port(&self) -> u16 {
        self.ws.local_addr().port()
    }

    /// The address at which harnesses connect, as a URL.
    pub(super) fn ws_url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}", self.ws.local_addr())
    }

    /// Whether others on the network could read along.
    pub(super) fn is_insecure(&self) -> bool {
        !self.tls && !self.ws.local_addr().ip().to_canonical().is_loopback()
    }

    /// What is served where: harnesses, and actions where HTTP is on.
    pub(super) fn serving(self, harnesses: Router, actions: Router) -> Vec<(Bound, Router)> {
        match self.http {
            Http::Off => vec![(self.ws, harnesses)],
            Http::Shared => vec![(self.ws, harnesses.fallback_service(actions))],
            Http::Own(http) => vec![(self.ws, harnesses), (*http, actions)],
        }
    }

    /// What is served where while the keys are locked: no harness.
    pub(super) fn serving_locked(self, actions: Router) -> Vec<(Bound, Router)> {
        match self.http {
            Http::Off => Vec::new(),
            Http::Shared => vec![(self.ws, actions)],
            Http::Own(http) => vec![(*http, actions)],
        }
    }
}

fn address(host: &Host, port: u16) -> SocketAddr {
    // whoever wrote a name means this machine: there is one name
    let ip: IpAddr = host.as_str().parse().unwrap_or(Ipv4Addr::LOCALHOST.into());
    SocketAddr::new(ip, port)
}
