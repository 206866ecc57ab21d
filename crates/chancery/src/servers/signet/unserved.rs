//! Settings that reach nothing yet. One that is set otherwise than it is by default is refused: its owner would believe in
//! a limit that nobody holds.

use chancery_signet_config::{Config, Loaded};

use super::error::Error;

const NO_SEALS: &str = "no seals are issued yet";
const ENGINE: &str = "the default is what the engine holds";

/// The settings, and what is missing for each.
const UNSERVED: [(&str, &str); 16] = [
    (
        "keys.operationalKeyPolicy",
        "operational keys are in the daemon's vault, and protected as that is",
    ),
    ("credentials.idleRevocationSeconds", "silence revokes nothing yet"),
    (
        "logging.auditLogPath",
        "the audit log is in the database; xs logs export writes it",
    ),
    (
        "reveals.autoApprove",
        "each reveal is the owner's or an admin's to grant",
    ),
    ("reveals.maxPending", ENGINE),
    ("confirmations.scopes", "policies say what is confirmed"),
    ("confirmations.selfConfirm", "no harness approves its own actions"),
    ("confirmations.maxPending", ENGINE),
    ("confirmations.maxPayloadBytes", ENGINE),
    ("seals.ttlHours", NO_SEALS),
    ("seals.renewAt", NO_SEALS),
    ("seals.livenessSeconds", NO_SEALS),
    ("seals.publish", NO_SEALS),
    ("limits.chatSendsPerMinute", "sends are counted by credential"),
    ("limits.readsPerMinute", "reads are not counted yet"),
    ("limits.idempotencyHours", ENGINE),
];

/// Refuses what reaches nothing.
///
/// # Errors
/// [`Error::Unserved`] with the first such setting.
pub(super) fn check(loaded: &Loaded) -> Result<(), Error> {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    for setting in loaded.shown() {
        let default = defaults.pointer(&format!("/{}", setting.key.replace('.', "/")));
        let unserved = UNSERVED.iter().find(|(key, _)| *key == setting.key);
        if let Some((key, why)) = unserved
            && default != Some(&setting.value)
        {
            return Err(refused(key, why));
        }
    }
    match loaded.config.wallet.providers.keys().next() {
        Some(name) => Err(refused(
            &format!("wallet.providers.{name}"),
            "only the signet's own wallets are there",
        )),
        None => Ok(()),
    }
}

fn refused(key: &str, why: &'static str) -> Error {
    Error::Unserved {
        key: key.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use chancery_signet_config::Environment;

    use super::*;

    #[test]
    fn every_name_is_a_setting() {
        let all: Vec<&str> = chancery_signet_config::settings()
            .iter()
            .map(|setting| setting.key)
            .collect();
        for (key, _) in UNSERVED {
            assert!(all.contains(&key), "{key}");
        }
    }

    #[test]
    fn what_nobody_holds_is_refused_and_its_default_is_not() {
        let read = |text: &str| check(&Loaded::read(Some(text), &Environment::empty()).unwrap());
        assert_eq!(read(""), Ok(()));
        assert_eq!(read("[reveals]\nautoApprove = false\n[seals]\nttlHours = 24\n"), Ok(()));
        let refused = read("[confirmations]\nscopes = [\"send\"]\n").unwrap_err();
        assert!(matches!(refused, Error::Unserved { key, .. } if key == "confirmations.scopes"));
        let refused = read("[wallet.providers.mine]\npath = \"/opt/wallet\"\n").unwrap_err();
        assert!(matches!(refused, Error::Unserved { key, .. } if key == "wallet.providers.mine"));
    }
}
