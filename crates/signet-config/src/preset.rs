//! Writing the file: what `init` puts into it.

use chancery_keys::{Gates, KeyPolicy, Preset};
use chancery_signet_wire::{
    Label,
    record::status::{IdentityMode, XmtpEnv},
};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::{ConfigError, Environment, Loaded};

/// What a new file begins with.
const HEADER: &str = "# The signet's configuration. `xs config show` lists everything that can be set.\n";

/// What is to be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct New<'a> {
    /// The preset; `recommended` where there is neither one nor a file.
    pub preset: Option<Preset>,
    /// Which network.
    pub env: Option<XmtpEnv>,
    /// The name that groups see, unless one is set already.
    pub label: Option<&'a Label>,
}

/// The text of the file that `new` makes of `existing`; comments and other settings stay. `None` when nothing is to be written:
/// a file that is there changes only with a preset.
///
/// # Errors
/// [`ConfigError`] of a file that is there and unsound.
pub fn new_file(existing: Option<&str>, new: &New<'_>) -> Result<Option<String>, ConfigError> {
    if existing.is_some() && new.preset.is_none() {
        return Ok(None);
    }
    let known = Loaded::read(existing, &Environment::empty())?;
    let text = existing.unwrap_or(HEADER);
    let mut document: DocumentMut = text.parse().map_err(|_| ConfigError::Syntax {
        line: 1,
        reason: "not TOML that can be edited".to_owned(),
    })?;
    let mut set = |section: &str, key: &str, item: Item| {
        let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
        if let Some(table) = table.as_table_like_mut() {
            table.insert(key, item);
        }
    };
    let values = new.preset.unwrap_or(Preset::Recommended).values();
    if let Some(env) = new.env {
        set("signet", "env", value(env.as_str()));
    }
    let mode = if values.shared_identity {
        IdentityMode::Shared
    } else {
        IdentityMode::PerGroup
    };
    set("signet", "identityMode", value(mode.as_str()));
    if let (Some(label), None) = (new.label, &known.config.defaults.profile_name) {
        set("defaults", "profileName", value(label.as_str()));
    }
    set("keys", "rootKeyPolicy", value(word(values.root_key)));
    set("keys", "operationalKeyPolicy", value(word(values.operational_key)));
    set("keys", "vaultKeyPolicy", value(word(values.vault_key)));
    for (key, on) in gates(&values.gates) {
        set("biometricGating", key, value(on));
    }
    let seconds = i64::from(values.default_ttl_secs);
    set("credentials", "defaultTtlSeconds", value(seconds));
    let concurrent = i64::from(values.max_concurrent);
    set("credentials", "maxConcurrentPerOperator", value(concurrent));
    let expiry = i64::from(values.action_expiry_secs);
    set("credentials", "actionExpirySeconds", value(expiry));
    Ok(Some(document.to_string()))
}

fn word(policy: KeyPolicy) -> &'static str {
    match policy {
        KeyPolicy::Biometric => "biometric",
        KeyPolicy::Passcode => "passcode",
        KeyPolicy::Open => "open",
    }
}

fn gates(gates: &Gates) -> [(&'static str, bool); 6] {
    [
        ("rootKeyCreation", gates.root_key_creation),
        ("operationalKeyRotation", gates.operational_key_rotation),
        ("scopeExpansion", gates.scope_expansion),
        ("egressExpansion", gates.egress_expansion),
        ("agentCreation", gates.agent_creation),
        ("adminReadElevation", gates.admin_read_elevation),
    ]
}
