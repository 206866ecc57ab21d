//! What the daemon says of itself, and what its owner should know.

use chancery_signet::About;
use serde_json::Value;

use super::configuration::Configuration;

/// What `status` says. `insecure`: whether others on the network can read along.
pub(super) fn about(configuration: &Configuration, insecure: bool) -> About {
    let config = configuration.config();
    About {
        env: config.signet.env,
        identity_mode: config.signet.identity_mode,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        warnings: warnings(configuration, insecure),
        config: serde_json::to_value(configuration.loaded.shown()).unwrap_or(Value::Null),
    }
}

fn warnings(configuration: &Configuration, insecure: bool) -> Vec<String> {
    let config = configuration.config();
    let uid = rustix::process::geteuid().as_raw();
    let mut warnings = vec![format!(
        "isolation: limits are advisory for a harness that runs as this daemon's user (uid {uid}): it can do what an admin \
         can. Give the daemon a user of its own, or the harness"
    )];
    if !config.biometric_gating.admin_read_elevation {
        warnings.push(
            "biometricGating.adminReadElevation is off: an admin reads messages without the owner being asked"
                .to_owned(),
        );
    }
    if insecure {
        warnings.push(format!(
            "harnesses connect to {} without TLS: whoever is on the way reads tokens and messages",
            config.ws.host.as_str()
        ));
    }
    warnings
}
