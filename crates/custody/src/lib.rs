//! The signet's keys at rest: root, admin, operational keys, wallets and what belongs to inboxes.
//!
//! Two vaults. The **owner's** has nothing in it: the root key is derived from it, and only the owner's passphrase opens it, so
//! that a process of the same user cannot say yes in the owner's place. The **daemon's** holds everything else, opens once at
//! start by what the host has (passphrase file, systemd credential, keyring, key file), and knows the root's public half. With
//! an external signer there is no owner's vault: the root key stays in that program.
//!
//! [`Custody`] signs and derives inside. What it gives out is public, but for four things: the words of a wallet, once and with
//! the owner's approval; the two keys of an inbox, for whoever opens it; the key of the audit log's checkpoints, for whoever
//! writes that log; and signers that hold a key and do not show it.
//!
//! # Entries of the daemon's vault
//!
//! `signet.root`, `signet.admin`, `signet.operator/HOLDER`, `signet.wallet/UUID`, `signet.inbox/INBOX`, each one JSON object.
//! One change of ours is one save of the vault, so a crash leaves the old or the new. Beside it `history/HOLDER.jsonl` has the
//! rotation statements of each holder: public, signed, and repeated from the vault when a crash came between.

pub mod approve;
mod custody;
mod entry;
mod error;
mod history;
mod inbox;
mod init;
mod name;
mod operational;
mod owner;
mod places;
mod unlock;
mod wallet;

pub use custody::{Custody, MAX_OVERLAP_MS, RootRecord};
pub use error::CustodyError;
pub use inbox::InboxSigner;
pub use init::{Initialized, Plan, RootPlan, init};
pub use name::{InboxName, KeyHolder};
pub use operational::{KeySummary, OperatorKeys, PublicKeyExport, RetiredKey, Rotated, Signed};
pub use places::Places;
pub use unlock::{CREDENTIAL, KEYRING_APPLICATION, Locked, PASSPHRASE_FILE, Sources, Unlocked, unlock};
pub use wallet::{MAX_LISTED, WalletDetails, WalletId, WalletInfo};

#[cfg(test)]
mod tests;
