//! Where files are, and what `init` writes.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use std::path::Path;

use chancery_keys::{Gates, KeyPolicy, Preset};
use chancery_signet_config::{Environment, Loaded, New, NoHome, Paths, new_file};
use chancery_signet_wire::record::status::{IdentityMode, XmtpEnv};

fn paths(variables: &[(&str, &str)]) -> Result<Paths, NoHome> {
    Paths::of(&Environment::from_iter(variables.iter().copied()))
}

#[test]
fn below_home_where_no_base_directory_is_set() {
    let paths = paths(&[("HOME", "/h")]).unwrap();
    assert_eq!(paths.config_file(), Path::new("/h/.config/xmtp-signet/config.toml"));
    assert_eq!(paths.data().path(), Path::new("/h/.local/share/xmtp-signet"));
    assert_eq!(paths.admin_socket(), Path::new("/tmp/xmtp-signet/admin.sock"));
    assert_eq!(paths.pid_file(), Path::new("/tmp/xmtp-signet/signet.pid"));
    assert_eq!(paths.audit_log(), Path::new("/h/.local/state/xmtp-signet/audit.jsonl"));
    assert_eq!(paths.owner(), Path::new("/h/.local/share/xmtp-signet/owner"));
    assert!(!paths.socket_is_chosen());
}

#[test]
fn in_the_base_directories_that_are_absolute() {
    let set = [
        ("HOME", "/h"),
        ("XDG_CONFIG_HOME", "/c"),
        ("XDG_DATA_HOME", "/d"),
        ("XDG_RUNTIME_DIR", "/r"),
        ("XDG_STATE_HOME", "/s"),
    ];
    let paths_of_set = paths(&set).unwrap();
    assert_eq!(paths_of_set.config_file(), Path::new("/c/xmtp-signet/config.toml"));
    assert_eq!(paths_of_set.data().database(), Path::new("/d/xmtp-signet/signet.db"));
    assert_eq!(paths_of_set.admin_socket(), Path::new("/r/xmtp-signet/admin.sock"));
    assert_eq!(paths_of_set.audit_log(), Path::new("/s/xmtp-signet/audit.jsonl"));
    // XDG Base Directory Specification: a relative path is to be ignored
    let relative = paths(&[
        ("HOME", "/h"),
        ("XDG_DATA_HOME", "d"),
        ("XDG_RUNTIME_DIR", "r"),
        ("TMPDIR", "/t"),
    ])
    .unwrap();
    assert_eq!(relative.data().path(), Path::new("/h/.local/share/xmtp-signet"));
    assert_eq!(relative.admin_socket(), Path::new("/t/xmtp-signet/admin.sock"));
    assert_eq!(paths(&[]), Err(NoHome));
    assert_eq!(paths(&[("HOME", "h")]), Err(NoHome));
}

#[test]
fn the_configuration_can_put_them_elsewhere() {
    let file = "[signet]\ndataDir = \"~/mine\"\n[admin]\nsocketPath = \"/x/a.sock\"\n[logging]\nauditLogPath = \"~/a.jsonl\"\n[approver]\nownerDir = \"/o\"\n";
    let config = Loaded::read(Some(file), &Environment::empty()).unwrap().config;
    let paths = paths(&[("HOME", "/h")]).unwrap().configured(&config);
    assert_eq!(paths.data().path(), Path::new("/h/mine"));
    assert_eq!(paths.admin_socket(), Path::new("/x/a.sock"));
    assert!(paths.socket_is_chosen());
    assert_eq!(paths.audit_log(), Path::new("/h/a.jsonl"));
    assert_eq!(paths.owner(), Path::new("/o"));
}

fn written(existing: Option<&str>, new: &New<'_>) -> String {
    new_file(existing, new).unwrap().unwrap()
}

/// Signet spec 9.3, the table of presets.
#[test]
fn each_preset_writes_what_the_specification_says() {
    let table = [
        (
            Preset::Recommended,
            IdentityMode::PerGroup,
            KeyPolicy::Open,
            Gates {
                admin_read_elevation: true,
                ..Gates::default()
            },
            (3600, 3, 300),
        ),
        (
            Preset::TrustedLocal,
            IdentityMode::Shared,
            KeyPolicy::Open,
            Gates::default(),
            (43_200, 6, 1800),
        ),
        (
            Preset::Hardened,
            IdentityMode::PerGroup,
            KeyPolicy::Passcode,
            Gates::ALL,
            (900, 1, 120),
        ),
    ];
    for (preset, mode, vault, gates, (ttl, concurrent, expiry)) in table {
        let new = New {
            preset: Some(preset),
            env: Some(XmtpEnv::Local),
            label: Some(&"owner".parse().unwrap()),
        };
        let text = written(None, &new);
        let config = Loaded::read(Some(&text), &Environment::empty()).unwrap().config;
        assert_eq!(config.signet.identity_mode, mode);
        assert_eq!(config.signet.env, XmtpEnv::Local);
        assert_eq!(config.keys.root_key_policy, KeyPolicy::Biometric);
        assert_eq!(config.keys.operational_key_policy, KeyPolicy::Open);
        assert_eq!(config.keys.vault_key_policy, vault);
        assert_eq!(config.biometric_gating, gates);
        assert_eq!(config.credentials.default_ttl.0, ttl);
        assert_eq!(config.credentials.max_concurrent, concurrent);
        assert_eq!(config.credentials.action_expiry.0, expiry);
        assert_eq!(config.defaults.profile_name.unwrap().as_str(), "owner");
    }
}

#[test]
fn without_file_and_preset_it_is_the_recommended_one() {
    let recommended = New {
        preset: Some(Preset::Recommended),
        ..New::default()
    };
    assert_eq!(written(None, &New::default()), written(None, &recommended));
}

#[test]
fn a_file_that_is_there_changes_only_with_a_preset_and_keeps_the_rest() {
    let mine = "# mine\n[ws]\nport = 9000 # free here\n\n[defaults]\nprofileName = \"Ada\"\n\n[signet]\nenv = \"production\"\n";
    let label = "owner".parse().unwrap();
    let new = New {
        label: Some(&label),
        env: Some(XmtpEnv::Dev),
        preset: None,
    };
    assert_eq!(new_file(Some(mine), &new).unwrap(), None);
    let text = written(
        Some(mine),
        &New {
            preset: Some(Preset::TrustedLocal),
            env: None,
            label: Some(&label),
        },
    );
    assert!(text.starts_with("# mine\n[ws]\nport = 9000 # free here\n"), "{text}");
    let config = Loaded::read(Some(&text), &Environment::empty()).unwrap().config;
    assert_eq!(config.ws.port, 9000);
    assert_eq!(config.signet.env, XmtpEnv::Production);
    assert_eq!(config.signet.identity_mode, IdentityMode::Shared);
    assert_eq!(config.defaults.profile_name.unwrap().as_str(), "Ada");
}

#[test]
fn a_file_that_is_unsound_is_not_written_over() {
    let new = New {
        preset: Some(Preset::Hardened),
        ..New::default()
    };
    assert!(new_file(Some("[ws]\nport = 99999\n"), &new).is_err());
}
