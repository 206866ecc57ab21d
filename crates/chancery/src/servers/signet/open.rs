//! Opening the keys, once, at the start.

use std::sync::{Arc, Mutex};

use chancery_audit::{Chain, limits::CHECKPOINT_EVERY};
use chancery_custody::{Custody, Locked, Places, Sources, Unlocked, unlock};
use chancery_keys::KeyPolicy;
use chancery_vault::SourceKind;

use super::{configuration::Configuration, error::Error, keys::Open, problem::Problem};

/// What the keys come to.
pub(super) enum Keys {
    /// They are open.
    Open(Opened),
    /// Nothing here opens them.
    Locked(Locked),
}

/// Keys that are open.
pub(super) struct Opened {
    pub(super) custody: Open,
    /// How the audit log is chained: its checkpoints are signed with a key of the vault's own.
    pub(super) chain: Chain,
}

/// Opens the daemon's vault by what this host has; asks at the terminal only when `prompt`. Takes some tenths of a second with
/// a passphrase, and as long as a person does with a prompt.
///
/// # Errors
/// Those of [`unlock`]; [`Error::VaultOpensAlone`].
pub(super) async fn open(configuration: &Configuration, prompt: bool) -> Result<Keys, Problem> {
    let config = configuration.config();
    let paths = &configuration.paths;
    let places = Places::in_dir(paths.data().path()).with_owner(paths.owner());
    let (policy, gates) = (config.keys.vault_key_policy, config.biometric_gating);
    let opening = tokio::task::spawn_blocking(move || {
        let unlocked = unlock(&places, &Sources::of_process(prompt), gates)?;
        match unlocked {
            Unlocked::Open(custody) if policy != KeyPolicy::Open && opens_alone(&custody) => {
                Err(Error::VaultOpensAlone { vault: places.vault() }.into())
            }
            Unlocked::Open(custody) => opened(*custody).map(Keys::Open),
            Unlocked::Locked(locked) => Ok(Keys::Locked(locked)),
        }
    });
    opening.await.unwrap_or_else(|error| {
        Err(Error::Ended {
            part: "opening the keys",
            why: error.to_string(),
        }
        .into())
    })
}

fn opens_alone(custody: &Custody) -> bool {
    custody.source() == SourceKind::KeyFile
}

fn opened(custody: Custody) -> Result<Opened, Problem> {
    let notary = custody.audit_key()?;
    Ok(Opened {
        custody: Arc::new(Mutex::new(custody)),
        chain: Chain::new().with_notary(CHECKPOINT_EVERY, Arc::new(notary)),
    })
}
