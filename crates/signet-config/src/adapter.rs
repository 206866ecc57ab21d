//! Programs that are named in the file: adapters for harnesses, and providers of wallets.

use serde::{Deserialize, Serialize};

use crate::UserPath;

/// What sets a harness up and looks after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase", deny_unknown_fields)]
pub enum Adapter {
    /// Ours.
    Builtin {},
    /// A program of somebody else's.
    External {
        /// Its manifest: a path, relative to the folder of the configuration.
        manifest: String,
        /// The program and its first arguments; the first word is the program.
        command: Vec<String>,
    },
}

/// A program that keeps wallets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletProgram {
    /// The program.
    pub path: UserPath,
}
