//! The identity log: who is in an inbox, and who may speak for it.
//!
//! An inbox is a chain of signed updates ([`Update`]). Whoever reads it verifies each signature against one text that is
//! built from the update itself ([`Update::signing_text`]) and applies the actions in order ([`AssociationState`]); all
//! who read the same log arrive at the same members. Three types tell the stages apart: [`UnsignedUpdate`],
//! [`IdentityUpdate`] (parsed, believed by nobody) and [`VerifiedUpdate`].
//!
//! The rules are those of github.com/xmtp/libxmtp 1.6 to 1.11, `xmtp_id/src/associations`, which
//! `tests/identity_cases.rs` compares with ours log by log. Numbers IDENT-… are those of its draft "Identity updates", which
//! forbids a little more: updates without actions, a second add of a member. To refuse what all others accept would fork us
//! off, so [`IdentityLog::append`] takes such entries of a log, and [`IdentityLog::admit`], by which a node decides what
//! enters one, does not. Refused everywhere, because they help only an attacker or are nothing that our types can say, are:
//! a signature used before in another encoding, an address that is not 20 bytes in lower-case hex, an installation key that
//! is not 32 bytes.

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
pub use log::{IdentityLog, MAX_ACTIONS, MAX_INSTALLATIONS, MAX_LOG_ACTIONS, MAX_UPDATES};
pub use passkey::PasskeyAssertion;
pub use signature::{AccountId, ContractWallets, NoChain, ReplayKey, Signature, Verdict, VerifiedSignature};
pub use state::{AssociationState, Member, MembershipDiff};
pub use update::{Action, IdentityUpdate, SignerRole, UnsignedUpdate, Update, VerifiedUpdate};
pub(crate) use wallet::address as wallet_address;
pub use wallet::{WalletKey, WalletKeyError, eip191_digest};
