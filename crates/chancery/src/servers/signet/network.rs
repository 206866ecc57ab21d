//! XMTP, as it is configured.

use std::sync::Arc;

use chancery_base::{Clock, Rng};
use chancery_networks::xmtp::XmtpNetwork;
use chancery_xmtp_client::network::Endpoint;

use super::{configuration::Configuration, error::Error};

/// The network behind the node that `signet.nodeUrl` names, else the one that `signet.env` stands for. Asks nobody.
///
/// # Errors
/// [`Error::Network`] when the address is none.
pub(super) fn network(
    configuration: &Configuration,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<XmtpNetwork, Error> {
    let signet = &configuration.config().signet;
    let env = signet.env.as_str();
    let named = signet.node_url.as_deref().unwrap_or(env).parse::<Endpoint>();
    let endpoint = named.map_err(|error| Error::Network(format!("signet.nodeUrl: {error}")))?;
    let data = configuration.paths.data();
    XmtpNetwork::new(endpoint, data.path(), env, clock, rng).map_err(|error| Error::Network(error.to_string()))
}
