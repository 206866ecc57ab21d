//! What a signet says of itself.

use chancery_signet_wire::record::status::{IdentityMode, XmtpEnv};
use serde_json::Value;

/// What a signet says of itself, beyond what it knows.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Which network it is on.
    pub env: XmtpEnv,
    /// Whether each group has an identity of its own, unless an operator says otherwise.
    pub identity_mode: IdentityMode,
    /// Version of the program.
    pub version: String,
    /// What the owner should know, such as limits that are advisory for a harness.
    pub warnings: Vec<String>,
    /// The settings in force and where each comes from.
    pub config: Value,
}
