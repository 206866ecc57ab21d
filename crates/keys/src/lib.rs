//! What is true of a signet's keys without a disk, a clock or a person: how wallets are derived, what an admin token and a
//! rotation say, and what an approval binds.
//!
//! Levels of keys (signet spec 8.1):
//!
//! | key | curve | is for |
//! |---|---|---|
//! | root | P-256 | the owner's word: it signs [approvals](approval) and nothing else |
//! | admin | Ed25519 | signs [admin tokens](admin_token) |
//! | operational | Ed25519, one for each operator | signs seals and bindings; [rotates](rotation) |
//! | wallet | BIP-39 [mnemonic] | every [account] of an operator is derived from it, the identities of its inboxes too |
//!
//! Private keys are values here, never files: whoever holds them at rest is the crate `custody`.

pub mod account;
pub mod admin_token;
pub mod approval;
mod error;
pub mod fingerprint;
pub mod gates;
pub mod mnemonic;
pub mod platform;
mod public;
mod root;
pub mod rotation;
mod slip10;

pub use account::{Account, AccountIndex, Chain};
pub use admin_token::{AdminTokenError, TokenIds};
pub use approval::{Approval, ApprovalError, Approvals, Asked, Clearance, Evidence, Request, RequestId, What};
pub use error::{DerivationError, RootKeyError};
pub use gates::{ApproverKind, Gates, Infeasible, KeyPolicy, Operation, Preset, Readiness};
pub use mnemonic::{Mnemonic, MnemonicError, Seed};
pub use platform::{Platform, TrustTier};
pub use root::{RootKey, RootSecret, RootSignature};
pub use rotation::{RotationError, RotationStatement};
