//! The identity log: who is in an inbox, and who may speak for it.
//!
//! An inbox is a chain of signed updates ([`Update`]). Whoever reads it verifies each signature against one text that is
//! built from the update itself ([`Update::signing_text`]) and applies the actions in order ([`AssociationState`]); all
//! who read the same log arrive at the same members. Three types tell the stages apart: [`UnsignedUpdate`],
//! [`IdentityUpdate`] (parsed, believed by nobody) and [`VerifiedUpdate`].
//!
//! The rules are those of github.com/xmtp/libxmtp, `xmtp_id/src/associations`, and of its draft "Identity updates"; the
//! numbers IDENT-… in these pages are that draft's. Clients that are in use accept a little more than the draft: an update
//! without actions, a second add of a member, an installation key of small order. To refuse what all others accept would
//! fork us off, so [`IdentityLog::append`] takes such entries of a log, and [`IdentityLog::admit`], by which a node
//! decides what enters one, does not. Three leniencies are refused everywhere, because they help only an attacker or
//! cannot be written down in our types: one signature in two encodings, addresses that are not 20 bytes in lower-case
//! hex, installation keys that are not 32 bytes.

mod error;
mod identifier;
mod installation;
mod log;
mod passkey;
mod signature;
mod state;
mod update;
mod wallet;
mod wire;

pub use error::{AdmissionError, AssociationError, ParseError, SignatureError};
pub use identifier::{
    EthereumAddress, Identifier, InboxId, InstallationKey, MemberIdentifier, MemberKind, Nonce, Passkey,
};
pub use installation::{INSTALLATION_CONTEXT, sign_as_installation};
pub use log::{IdentityLog, MAX_ACTIONS, MAX_INSTALLATIONS, MAX_UPDATES};
pub use passkey::PasskeyAssertion;
pub use signature::{AccountId, ContractWallets, NoChain, ReplayKey, Signature, Verdict, VerifiedSignature};
pub use state::{AssociationState, Member, MembershipDiff};
pub use update::{Action, IdentityUpdate, SignerRole, UnsignedUpdate, Update, VerifiedUpdate};
pub use wallet::{WalletKey, WalletKeyError, eip191_digest};
