//! Wallets, installations and contracts that sign what a test asks them to.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part, and stops at what it did not expect"
)]

use std::convert::Infallible;

use chancery_base::ed25519::SecretKey;
use chancery_xmtp_wire::identity::{
    AccountId, Action, AssociationState, ContractWallets, EthereumAddress, Identifier, IdentityLog, IdentityUpdate,
    InboxId, InstallationKey, MemberIdentifier, Nonce, Signature, UnsignedUpdate, Update, Verdict, VerifiedUpdate,
    WalletKey, sign_as_installation,
};

/// Somebody who signs.
pub(crate) enum Signer {
    Wallet(WalletKey),
    Installation(SecretKey),
    /// A contract; it accepts the address of its own text, see [`Chains`].
    Contract(AccountId),
}

/// The wallet whose secret key ends with `number`.
pub(crate) fn wallet(number: u64) -> Signer {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    Signer::Wallet(WalletKey::from_bytes(&bytes).unwrap())
}

/// The installation whose seed is this byte.
pub(crate) fn installation(number: u8) -> Signer {
    Signer::Installation(SecretKey::from_seed(&[number; 32]))
}

/// A contract on a chain.
pub(crate) fn contract(chain_id: u64, number: u8) -> Signer {
    let address = EthereumAddress::from_bytes([number; 20]);
    Signer::Contract(AccountId { chain_id, address })
}

impl Signer {
    pub(crate) fn member(&self) -> MemberIdentifier {
        match self {
            Self::Wallet(key) => key.address().into(),
            Self::Installation(key) => InstallationKey::from_bytes(key.public().to_bytes()).into(),
            Self::Contract(account) => account.address.into(),
        }
    }

    pub(crate) fn identifier(&self) -> Identifier {
        match self.member() {
            MemberIdentifier::Ethereum(address) => address.into(),
            other => panic!("{other:?} is no identifier"),
        }
    }

    pub(crate) fn key(&self) -> InstallationKey {
        self.member().installation().unwrap()
    }

    pub(crate) fn sign(&self, text: &str) -> Signature {
        match self {
            Self::Wallet(key) => key.sign(text),
            Self::Installation(key) => sign_as_installation(key, text).unwrap(),
            Self::Contract(account) => Signature::Erc6492 {
                account: *account,
                block_number: 7,
                signature: text.as_bytes().to_vec(),
            },
        }
    }
}

/// Chains on which a contract accepts what its signer made with [`Signer::sign`], whatever the text.
pub(crate) struct Chains;

impl ContractWallets for Chains {
    fn judge(&self, _: &AccountId, _: &[u8; 32], signature: &[u8], block_number: u64) -> Verdict {
        if block_number == 7 && signature.starts_with(b"XMTP") {
            Verdict::Valid
        } else {
            Verdict::Refused
        }
    }
}

/// An action and its signers, in the order of its signatures.
pub(crate) type Signed<'a> = (Action<()>, Vec<&'a Signer>);

pub(crate) fn create(owner: &Signer) -> Signed<'_> {
    let action = Action::CreateInbox {
        owner: owner.identifier(),
        nonce: Nonce(1),
        signature: (),
    };
    (action, vec![owner])
}

pub(crate) fn add<'a>(existing: &'a Signer, new: &'a Signer) -> Signed<'a> {
    let action = Action::Add {
        member: new.member(),
        existing: (),
        new: (),
    };
    (action, vec![existing, new])
}

pub(crate) fn revoke<'a>(by: &'a Signer, member: &Signer) -> Signed<'a> {
    let action = Action::Revoke {
        member: member.member(),
        signature: (),
    };
    (action, vec![by])
}

pub(crate) fn change_recovery<'a>(by: &'a Signer, to: &Signer) -> Signed<'a> {
    let action = Action::ChangeRecovery {
        identifier: to.identifier(),
        signature: (),
    };
    (action, vec![by])
}

/// The inbox that `owner` opens with nonce 1.
pub(crate) fn inbox_of(owner: &Signer) -> InboxId {
    InboxId::derive(&owner.identifier(), Nonce(1))
}

/// An update whose signers are those of its actions. `at` is its time; another time makes other signatures.
pub(crate) fn signed(inbox_id: InboxId, at: u64, actions: &[Signed<'_>]) -> IdentityUpdate {
    let unsigned: UnsignedUpdate = Update {
        inbox_id,
        client_timestamp_ns: at * 1_000_000_000,
        actions: actions.iter().map(|(action, _)| action.clone()).collect(),
    };
    let mut signers = actions.iter().flat_map(|(_, signers)| signers);
    unsigned
        .sign(|_, text| Ok::<_, Infallible>(signers.next().unwrap().sign(text)))
        .unwrap()
}

/// The same, verified.
pub(crate) fn verified(inbox_id: InboxId, at: u64, actions: &[Signed<'_>]) -> VerifiedUpdate {
    signed(inbox_id, at, actions).verify(&Chains).unwrap()
}

/// The log that `owner` opened, at time and sequence id 1.
pub(crate) fn opened_by(owner: &Signer) -> IdentityLog {
    let mut log = IdentityLog::new(inbox_of(owner));
    log.append(1, verified(inbox_of(owner), 1, &[create(owner)])).unwrap();
    log
}

/// Adds an update that must be admitted; returns its sequence id, which is its time, too.
pub(crate) fn then(log: &mut IdentityLog, actions: &[Signed<'_>]) -> u64 {
    let at = log.last_sequence_id() + 1;
    let update = verified(log.inbox_id(), at, actions);
    let admitted = log.admit(&update).unwrap();
    assert_eq!(log.append(at, update).unwrap(), &admitted);
    at
}

/// The members after the last entry.
pub(crate) fn members(log: &IdentityLog) -> Vec<MemberIdentifier> {
    members_of(log.state().unwrap())
}

pub(crate) fn members_of(state: &AssociationState) -> Vec<MemberIdentifier> {
    state.members().map(|(member, _)| member.clone()).collect()
}

/// These, in the order that states keep.
pub(crate) fn these(signers: &[&Signer]) -> Vec<MemberIdentifier> {
    let mut members: Vec<_> = signers.iter().map(|signer| signer.member()).collect();
    members.sort();
    members
}
