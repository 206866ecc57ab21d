//! The daemon's own codes; those of the parts that it runs are their own.

use std::path::PathBuf;

use chancery_base::{Category, ErrorCode};

/// Why the daemon does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody knows where files belong.
    #[error("{0}")]
    Home(#[from] chancery_signet_config::NoHome),
    /// The configuration that was named is not there.
    #[error("there is no file {}", .0.display())]
    ConfigMissing(PathBuf),
    /// The configuration cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Somebody else can change what limits are set.
    #[error("{} can be changed by other users of this machine", .0.display())]
    ConfigOpen(PathBuf),
    /// A setting that reaches nothing: going on would let its owner believe in it.
    #[error("{key}: this signet cannot do that: {why}")]
    Unserved {
        /// Its place.
        key: String,
        /// What is missing.
        why: &'static str,
    },
    /// The vault opens more easily than is configured.
    #[error("keys.vaultKeyPolicy: it asks for a passphrase, and {} opens with a file beside it", vault.display())]
    VaultOpensAlone {
        /// The vault.
        vault: PathBuf,
    },
    /// The database was opened and cannot be used.
    #[error("the database cannot be used: {0}")]
    Database(String),
    /// The network cannot be had as it is configured.
    #[error("{0}")]
    Network(String),
    /// Actions have no place on a surface, or two have the same.
    #[error("the table of actions cannot be served: {0}")]
    Actions(String),
    /// A part of the daemon ended by itself.
    #[error("{part} ended: {why}")]
    Ended {
        /// Which.
        part: &'static str,
        /// Why.
        why: String,
    },
}

impl Error {
    /// All codes of this enum.
    pub const CODES: &'static [&'static str] = &[
        "SIGNET_DAEMON_HOME_UNKNOWN",
        "SIGNET_DAEMON_CONFIG_MISSING",
        "SIGNET_DAEMON_CONFIG_UNREADABLE",
        "SIGNET_DAEMON_CONFIG_NOT_PRIVATE",
        "SIGNET_DAEMON_SETTING_UNSERVED",
        "SIGNET_DAEMON_VAULT_POLICY",
        "SIGNET_DAEMON_DATABASE",
        "SIGNET_DAEMON_NETWORK",
        "SIGNET_DAEMON_ACTIONS",
        "SIGNET_DAEMON_PART_ENDED",
    ];
}

impl ErrorCode for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Home(_) => "SIGNET_DAEMON_HOME_UNKNOWN",
            Self::ConfigMissing(_) => "SIGNET_DAEMON_CONFIG_MISSING",
            Self::ConfigUnreadable { .. } => "SIGNET_DAEMON_CONFIG_UNREADABLE",
            Self::ConfigOpen(_) => "SIGNET_DAEMON_CONFIG_NOT_PRIVATE",
            Self::Unserved { .. } => "SIGNET_DAEMON_SETTING_UNSERVED",
            Self::VaultOpensAlone { .. } => "SIGNET_DAEMON_VAULT_POLICY",
            Self::Database(_) => "SIGNET_DAEMON_DATABASE",
            Self::Network(_) => "SIGNET_DAEMON_NETWORK",
            Self::Actions(_) => "SIGNET_DAEMON_ACTIONS",
            Self::Ended { .. } => "SIGNET_DAEMON_PART_ENDED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Home(_)
            | Self::ConfigOpen(_)
            | Self::Unserved { .. }
            | Self::VaultOpensAlone { .. }
            | Self::Network(_) => Category::Input,
            Self::ConfigMissing(_) => Category::NotFound,
            Self::ConfigUnreadable { .. } | Self::Database(_) | Self::Actions(_) | Self::Ended { .. } => {
                Category::Internal
            }
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ConfigMissing(_) => "xs init writes one",
            Self::ConfigOpen(_) => "chmod go-w it, and look at what it says",
            Self::Unserved { .. } => "take the setting out, or set it to its default: xs config show",
            Self::VaultOpensAlone { .. } => "set keys.vaultKeyPolicy to open, or make the keys anew: xs reset, xs init",
            Self::Home(_)
            | Self::ConfigUnreadable { .. }
            | Self::Database(_)
            | Self::Network(_)
            | Self::Actions(_)
            | Self::Ended { .. } => return None,
        })
    }
}
