//! From what is configured to what the engine and its servers are told.

use chancery_admin as admin;
use chancery_harness as harness;
use chancery_policy::messaging::HiddenMode;
use chancery_signet::{Rate, SendBuffer, TrafficSettings, settings::CredentialSettings};
use chancery_signet_config::{Config, Hidden};

pub(super) fn credentials(config: &Config) -> CredentialSettings {
    let credentials = &config.credentials;
    CredentialSettings {
        default_ttl: credentials.default_ttl.into(),
        max_concurrent: credentials.max_concurrent,
        renewal_window: credentials.renewal_window.into(),
        content_types: Some(config.content_types.allow.iter().cloned().collect()),
    }
}

pub(super) fn traffic(config: &Config) -> TrafficSettings {
    let (ws, limits) = (&config.ws, &config.limits);
    TrafficSettings {
        hidden_mode: match config.projection.hidden {
            Hidden::Drop => HiddenMode::Drop,
            Hidden::Redact => HiddenMode::Redact,
        },
        replay_buffer: ws.replay_buffer.into(),
        send_buffer: SendBuffer {
            soft: size(ws.soft_limit),
            hard: size(ws.hard_limit),
        },
        connections_per_credential: size(limits.connections_per_credential),
        connections: size(limits.connections),
        request_timeout: ws.request_timeout.into(),
        action_expiry: config.credentials.action_expiry.into(),
        sends: Rate {
            per_minute: limits.sends_per_minute,
            burst: limits.send_burst,
        },
        reveals: Rate {
            per_minute: limits.reveals_per_minute,
            // there is no setting for it: the engine's
            burst: TrafficSettings::default().reveals.burst,
        },
    }
}

pub(super) fn harnesses(config: &Config) -> harness::Settings {
    let ws = &config.ws;
    harness::Settings {
        heartbeat: ws.heartbeat_interval.into(),
        missed_heartbeats: ws.missed_heartbeats,
        auth_timeout: ws.auth_timeout.into(),
        drain: ws.drain_timeout.into(),
        max_frame_bytes: size(ws.max_frame_bytes),
        rate: ws.rate_max.map(|frames| harness::FrameRate {
            frames,
            window: ws.rate_window.into(),
        }),
        origins: ws.allowed_origins.clone(),
        ..harness::Settings::default()
    }
}

pub(super) fn admin(config: &Config) -> admin::Settings {
    admin::Settings {
        gates: config.biometric_gating,
        approval_life: config.approver.timeout.into(),
        peer_credentials: config.admin.peer_credentials,
        max_connections: size(config.admin.max_connections),
        max_body_bytes: size(config.http.max_body_bytes),
        request_timeout: config.http.request_timeout.into(),
        auth_failures_per_minute: config.limits.auth_failures_per_minute,
    }
}

/// A count of the file, where counts are of the machine's size.
pub(super) fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use std::time::Duration;

    use chancery_signet_config::{Environment, Loaded};

    use super::*;

    #[test]
    fn the_engines_defaults_are_those_of_the_file() {
        let config = Config::default();
        let of_file = credentials(&config);
        let baseline = chancery_policy::messaging::WellKnown::BASELINE.map(Into::into);
        let engines = CredentialSettings {
            content_types: Some(baseline.into()),
            ..CredentialSettings::default()
        };
        assert_eq!(of_file, engines);
        assert_eq!(traffic(&config), TrafficSettings::default());
    }

    #[test]
    fn what_is_set_is_what_the_engine_is_told() {
        let file = r#"
            [credentials]
            defaultTtlSeconds = 60
            maxConcurrentPerOperator = 7
            renewalWindowSeconds = 5
            actionExpirySeconds = 9
            [contentTypes]
            allow = ["xmtp.org/text:1.0"]
            [projection]
            hidden = "redact"
            [ws]
            requestTimeoutMs = 1500
            replayBufferSize = 11
            sendBufferSoftLimit = 12
            sendBufferHardLimit = 13
            [limits]
            sendsPerMinute = 14
            sendBurst = 15
            revealsPerMinute = 16
            connectionsPerCredential = 17
            connections = 18
        "#;
        let config = Loaded::read(Some(file), &Environment::empty()).unwrap().config;
        let told = credentials(&config);
        assert_eq!(told.default_ttl, Duration::from_secs(60));
        assert_eq!((told.max_concurrent, told.renewal_window), (7, Duration::from_secs(5)));
        assert_eq!(told.content_types.unwrap().len(), 1);
        let told = traffic(&config);
        let expected = TrafficSettings {
            hidden_mode: HiddenMode::Redact,
            replay_buffer: 11,
            send_buffer: SendBuffer { soft: 12, hard: 13 },
            connections_per_credential: 17,
            connections: 18,
            request_timeout: Duration::from_millis(1500),
            action_expiry: Duration::from_secs(9),
            sends: Rate {
                per_minute: 14,
                burst: 15,
            },
            reveals: Rate {
                per_minute: 16,
                burst: 10,
            },
        };
        assert_eq!(told, expected);
    }
}
