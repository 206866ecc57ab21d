//! The file, the variables, and which of them counts (signet spec 9.7).

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use std::collections::BTreeSet;

use chancery_base::ErrorCode as _;
use chancery_keys::{Gates, KeyPolicy};
use chancery_signet_config::{
    Adapter, Config, ConfigError, Environment, Kind, Loaded, MAX_FILE_BYTES, Scheme, Seconds, Source, settings,
};
use chancery_signet_wire::{
    Category, Failure,
    record::status::{IdentityMode, XmtpEnv},
};
use proptest::prelude::*;

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    Loaded::read(Some(file), &Environment::from_iter(variables.iter().copied()))
}

/// The place that is refused.
#[track_caller]
fn place(file: &str, variables: &[(&str, &str)]) -> String {
    match read(file, variables).unwrap_err() {
        ConfigError::Setting { key, .. } => key,
        ConfigError::Variable { variable, .. } => variable.to_owned(),
        ConfigError::Syntax { line, .. } => format!("line {line}"),
        other => other.to_string(),
    }
}

#[test]
fn without_a_file_everything_has_the_defaults_of_the_specification() {
    let loaded = Loaded::read(None, &Environment::empty()).unwrap();
    let config = &loaded.config;
    assert_eq!(config.onboarding.scheme, Scheme::Convos);
    assert_eq!(config.signet.env, XmtpEnv::Dev);
    assert_eq!(config.signet.identity_mode, IdentityMode::PerGroup);
    assert_eq!((&config.signet.data_dir, &config.defaults.profile_name), (&None, &None));
    let keys = &config.keys;
    assert_eq!(
        (keys.root_key_policy, keys.operational_key_policy, keys.vault_key_policy),
        (KeyPolicy::Biometric, KeyPolicy::Open, KeyPolicy::Open)
    );
    assert_eq!(config.biometric_gating, Gates::default());
    assert_eq!((config.ws.port, config.ws.host.as_str()), (8393, "127.0.0.1"));
    assert_eq!(
        (config.http.enabled, config.http.port, config.http.host.as_str()),
        (false, 8081, "127.0.0.1")
    );
    assert_eq!(config.credentials.default_ttl, Seconds(3600));
    assert_eq!(config.credentials.max_concurrent, 3);
    assert_eq!(config.credentials.action_expiry, Seconds(300));
    assert_eq!(config.logging.level.to_string(), "info");
    // signet spec 5.1
    let ws = &config.ws;
    assert_eq!((ws.heartbeat_interval.0, ws.missed_heartbeats), (30_000, 3));
    assert_eq!((ws.auth_timeout.0, ws.request_timeout.0), (5_000, 30_000));
    assert_eq!((ws.replay_buffer, ws.soft_limit, ws.hard_limit), (1000, 64, 256));
    assert_eq!((ws.drain_timeout.0, ws.max_frame_bytes), (5_000, 1_048_576));
    assert_eq!((ws.rate_window.0, ws.rate_max), (1000, None));
    let types: Vec<_> = config.content_types.allow.iter().map(|id| id.as_str()).collect();
    assert_eq!(
        types,
        [
            "xmtp.org/text:1.0",
            "xmtp.org/reaction:1.0",
            "xmtp.org/reply:1.0",
            "xmtp.org/readReceipt:1.0",
            "xmtp.org/groupUpdated:1.0"
        ]
    );
    assert_eq!(config, &Config::default());
}

#[test]
fn a_file_with_every_section_of_the_original_is_read() {
    let file = r#"
        [onboarding]
        scheme = "convos"
        [signet]
        env = "production"
        identityMode = "shared"
        dataDir = "~/signet"
        [defaults]
        profileName = "Ada"
        [keys]
        rootKeyPolicy = "passcode"
        operationalKeyPolicy = "biometric"
        vaultKeyPolicy = "passcode"
        [biometricGating]
        rootKeyCreation = true
        adminReadElevation = true
        [ws]
        port = 1
        host = "::1"
        [http]
        enabled = true
        port = 2
        host = "localhost"
        [admin]
        authMode = "admin-key"
        socketPath = "/run/s.sock"
        [credentials]
        defaultTtlSeconds = 10
        maxConcurrentPerOperator = 2
        actionExpirySeconds = 3
        [logging]
        level = "debug"
        auditLogPath = "/var/log/a.jsonl"
        [agent.adapters.openclaw]
        source = "builtin"
        [agent.adapters.mine]
        source = "external"
        manifest = "mine.toml"
        command = ["/bin/mine", "--x"]
    "#;
    let config = read(file, &[]).unwrap().config;
    assert_eq!(config.signet.env, XmtpEnv::Production);
    assert_eq!(config.defaults.profile_name.unwrap().as_str(), "Ada");
    assert!(config.biometric_gating.root_key_creation && !config.biometric_gating.scope_expansion);
    assert_eq!(config.ws.host.as_str(), "::1");
    let adapters: Vec<_> = config.agent.adapters.iter().collect();
    assert_eq!(adapters[0].0.to_string(), "mine");
    assert!(matches!(adapters[0].1, Adapter::External { command, .. } if command.len() == 2));
    assert!(matches!(adapters[1].1, Adapter::Builtin {}));
}

#[test]
fn what_is_unknown_is_refused_with_its_place() {
    for (file, at) in [
        ("[nonsense]\n", "nonsense"),
        ("[ws]\nprot = 1\n", "ws.prot"),
        ("top = 1\n", "top"),
        ("[biometricGating]\nfoo = true\n", "biometricGating.foo"),
        (
            "[agent.adapters.openclaw]\nsource = \"builtin\"\ncommand = []\n",
            "agent.adapters.openclaw",
        ),
        (
            "[agent.adapters.openclaw]\nsource = \"elsewhere\"\n",
            "agent.adapters.openclaw.source",
        ),
        ("[agent.adapters.Open]\nsource = \"builtin\"\n", "agent.adapters.Open"),
        ("[signet]\nenv = \"main\"\n", "signet.env"),
        ("[signet]\ndataDir = \"here\"\n", "signet.dataDir"),
        ("[signet]\ndataDir = \"~//etc\"\n", "signet.dataDir"),
        ("[ws]\nhost = \"example.org\"\n", "ws.host"),
        ("[ws]\nport = \"8393\"\n", "ws.port"),
        ("[ws]\nport = 65536\n", "ws.port"),
        ("[ws]\nport = -1\n", "ws.port"),
        ("[ws]\nsendBufferSoftLimit = 256\n", "ws.sendBufferSoftLimit"),
        (
            "[credentials]\ndefaultTtlSeconds = 0\n",
            "credentials.defaultTtlSeconds",
        ),
        ("[admin]\nauthMode = \"none\"\n", "admin.authMode"),
        ("[contentTypes]\nallow = []\n", "contentTypes.allow"),
        ("[contentTypes]\nallow = [\"text\"]\n", "contentTypes.allow[0]"),
        ("[seals]\nrenewAt = 1.5\n", "seals.renewAt"),
        ("[defaults]\nprofileName = \"\"\n", "defaults.profileName"),
        ("\n\n[ws\n", "line 3"),
        ("[ws]\nport = 1\nport = 2\n", "line 3"),
    ] {
        assert_eq!(place(file, &[]), at, "{file}");
    }
}

#[test]
fn a_file_without_end_is_refused_unread() {
    let file = "#".repeat(MAX_FILE_BYTES + 1);
    let error = read(&file, &[]).unwrap_err();
    assert_eq!(error.code(), "SIGNET_CONFIG_LONG");
}

#[test]
fn a_refusal_is_a_validation_failure_that_names_its_field() {
    let failure = Failure::from(read("[ws]\nport = 65536\n", &[]).unwrap_err());
    assert_eq!(failure.kind(), Category::Validation);
    assert_eq!(
        failure.message,
        "Validation failed on 'ws.port': expected a whole number from 0 to 65535"
    );
    let failure = Failure::from(read("[ws", &[]).unwrap_err());
    assert_eq!((failure.kind(), failure.kind().exit_code()), (Category::Validation, 1));
    assert!(
        failure.message.starts_with("Validation failed on 'config': line 1"),
        "{failure}"
    );
}

#[test]
fn a_variable_counts_more_than_the_file_and_the_file_more_than_the_default() {
    let file = "[ws]\nport = 9000\n[http]\nport = 9001\n";
    let loaded = read(
        file,
        &[
            ("XMTP_SIGNET_WS_PORT", "9100"),
            ("XMTP_SIGNET_ENV", "local"),
            ("XMTP_SIGNET_LOG_LEVEL", ""),
        ],
    )
    .unwrap();
    let config = &loaded.config;
    assert_eq!((config.ws.port, loaded.source("ws.port")), (9100, Source::Environment));
    assert_eq!((config.http.port, loaded.source("http.port")), (9001, Source::File));
    assert_eq!(
        (config.signet.env, loaded.source("signet.env")),
        (XmtpEnv::Local, Source::Environment)
    );
    assert_eq!(loaded.source("logging.level"), Source::Default);
    let shown = loaded.shown();
    let port = shown.iter().find(|shown| shown.key == "ws.port").unwrap();
    assert_eq!((port.value.clone(), port.source), (9100.into(), Source::Environment));
    let profile = shown.iter().find(|shown| shown.key == "defaults.profileName").unwrap();
    assert!(profile.value.is_null());
}

#[test]
fn the_variables_of_the_original_are_read() {
    let variables = [
        ("XMTP_SIGNET_ENV", "production"),
        ("XMTP_SIGNET_DATA_DIR", "/d"),
        ("XMTP_SIGNET_WS_PORT", "1"),
        ("XMTP_SIGNET_WS_HOST", "0.0.0.0"),
        ("XMTP_SIGNET_HTTP_ENABLED", "1"),
        ("XMTP_SIGNET_HTTP_PORT", "2"),
        ("XMTP_SIGNET_HTTP_HOST", "::"),
        ("XMTP_SIGNET_LOG_LEVEL", "error"),
    ];
    let config = read("", &variables).unwrap().config;
    assert_eq!(config.signet.env, XmtpEnv::Production);
    assert_eq!(config.signet.data_dir.unwrap().as_str(), "/d");
    assert_eq!((config.ws.port, config.http.port, config.http.enabled), (1, 2, true));
    assert!(!config.ws.host.is_loopback() && !config.http.host.is_loopback());
    assert_eq!(config.logging.level.to_string(), "error");
}

#[test]
fn a_variable_that_does_not_fit_is_refused_by_name() {
    for (variable, value) in [
        ("XMTP_SIGNET_WS_PORT", "many"),
        ("XMTP_SIGNET_WS_PORT", "65536"),
        ("XMTP_SIGNET_HTTP_ENABLED", "yes"),
        ("XMTP_SIGNET_ENV", "main"),
        ("XMTP_SIGNET_DATA_DIR", "relative"),
        ("XMTP_SIGNET_CONTENT_TYPES", "text"),
        ("XMTP_SIGNET_CONFIRMATION_SCOPES", "send,fly"),
        ("XMTP_SIGNET_SEAL_RENEW_AT", "soon"),
    ] {
        assert_eq!(place("", &[(variable, value)]), variable, "{value}");
    }
    // across settings the place is the file's, whoever set it
    let variables = [("XMTP_SIGNET_WS_SEND_BUFFER_SOFT_LIMIT", "300")];
    assert_eq!(place("", &variables), "ws.sendBufferSoftLimit");
    // what is wrong in the file stays wrong, even if a variable would mend it
    let variables = [("XMTP_SIGNET_WS_PORT", "1")];
    assert_eq!(place("[ws]\nport = 70000\n", &variables), "ws.port");
}

#[test]
fn lists_come_with_commas_and_scopes_by_either_name() {
    let config = read(
        "",
        &[
            ("XMTP_SIGNET_CONTENT_TYPES", "xmtp.org/text:1.0, xmtp.org/reply:1.0,"),
            ("XMTP_SIGNET_CONFIRMATION_SCOPES", "send,view-permissions"),
        ],
    )
    .unwrap()
    .config;
    assert_eq!(config.content_types.allow.len(), 2);
    assert_eq!(config.confirmations.scopes.to_string(), "send, read-permissions");
}

#[test]
fn every_setting_is_in_the_table_once_with_its_reason() {
    let settings = settings();
    let keys: BTreeSet<_> = settings.iter().map(|setting| setting.key).collect();
    let variables: BTreeSet<_> = settings.iter().map(|setting| setting.variable).collect();
    assert_eq!((keys.len(), variables.len()), (settings.len(), settings.len()));
    for setting in &settings {
        assert!(setting.about.len() > 7 && setting.about.ends_with('.'), "{setting:?}");
        assert_eq!(
            setting.kind == Kind::Integer,
            setting.range.is_some(),
            "a number has bounds: {}",
            setting.key
        );
    }
    // and nothing in the configuration is missing there
    let all = serde_json::to_value(Config::default()).unwrap();
    for (section, members) in all.as_object().unwrap() {
        for name in members.as_object().unwrap().keys() {
            let key = format!("{section}.{name}");
            let is_map = key == "agent.adapters" || key == "wallet.providers";
            assert!(is_map || keys.contains(key.as_str()), "{key}");
        }
    }
}

#[test]
fn every_number_is_held_to_its_bounds_and_its_default_is_inside() {
    let defaults = Loaded::read(None, &Environment::empty()).unwrap().shown();
    for setting in settings() {
        let Some(range) = setting.range else { continue };
        let default = defaults.iter().find(|shown| shown.key == setting.key).unwrap();
        let inside = default.value.as_u64().is_none_or(|number| range.contains(&number));
        assert!(inside, "{}", setting.key);
        let above = (range.end() + 1).to_string();
        assert_eq!(place("", &[(setting.variable, &above)]), setting.variable);
        if let Some(below) = range.start().checked_sub(1) {
            assert_eq!(place("", &[(setting.variable, &below.to_string())]), setting.variable);
        }
        let (section, name) = setting.key.split_once('.').unwrap();
        assert_eq!(place(&format!("[{section}]\n{name} = {above}\n"), &[]), setting.key);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(file in ".{0,200}", value in ".{0,50}") {
        let _ = read(&file, &[("XMTP_SIGNET_WS_PORT", &value), ("XMTP_SIGNET_CONTENT_TYPES", &value)]);
    }
}
