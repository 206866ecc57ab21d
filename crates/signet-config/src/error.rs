//! What is wrong with a configuration.

use chancery_base::{Category, ErrorCode};
use chancery_signet_wire::{Class, Failure};

/// Why a configuration is refused. What it quotes is the owner's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file is longer than anybody writes by hand.
    #[error("the file is longer than {max} bytes")]
    Long {
        /// The most that is read.
        max: usize,
    },
    /// A setting in the file.
    #[error("{key}: {reason}")]
    Setting {
        /// Its place.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable.
    #[error("{variable}: {reason}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn setting(key: impl Into<String>, reason: impl ToString) -> Self {
        Self::Setting {
            key: key.into(),
            reason: reason.to_string(),
        }
    }
}

impl ErrorCode for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "SIGNET_CONFIG_SYNTAX",
            Self::Long { .. } => "SIGNET_CONFIG_LONG",
            Self::Setting { .. } => "SIGNET_CONFIG_SETTING",
            Self::Variable { .. } => "SIGNET_CONFIG_VARIABLE",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }

    fn hint(&self) -> Option<&'static str> {
        Some("`xs config path` says which file it is, `xs config show` what can be set")
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match &error {
            ConfigError::Setting { key, reason } => Self::validation(key, reason),
            ConfigError::Variable { variable, reason } => Self::validation(variable, reason),
            ConfigError::Syntax { .. } | ConfigError::Long { .. } => {
                let reason = error.to_string();
                Self::new(Class::Validation, format!("Validation failed on 'config': {reason}"))
                    .with("field", "config")
                    .with("reason", reason)
            }
        }
    }
}
