//! Entries by which an installation would come into an inbox that does not have it.

use std::convert::Infallible;

use chancery_base::ed25519::SecretKey;
use chancery_xmtp_wire::identity::{
    Action, IdentityUpdate, InboxId, InstallationKey, Nonce, Signature, Update, WalletKey, sign_as_installation,
};

/// Who signs.
#[derive(Clone, Copy)]
enum Signer<'a> {
    Wallet(&'a WalletKey),
    Installation(&'a SecretKey),
}

impl Signer<'_> {
    fn sign(self, text: &str) -> Signature {
        match self {
            Self::Wallet(wallet) => wallet.sign(text),
            Self::Installation(key) => sign_as_installation(key, text).unwrap(),
        }
    }
}

/// Everybody who has to do with it.
pub struct Burglary<'a> {
    /// The inbox.
    pub inbox: InboxId,
    /// Whose it is.
    pub owner: &'a WalletKey,
    /// An installation that it has.
    pub installation: &'a SecretKey,
    /// The installation that comes.
    pub intruder: &'a SecretKey,
    /// A wallet that it does not have.
    pub stranger: &'a WalletKey,
    /// Another inbox.
    pub elsewhere: InboxId,
}

/// An entry that breaks a rule.
pub struct Lie {
    /// What is wrong with it.
    pub name: &'static str,
    /// The rule, as the error of ours is called that says so.
    pub rule: &'static str,
    /// The entry.
    pub entry: fn(&Burglary<'_>) -> IdentityUpdate,
}

/// An action and who signs it.
type Signed<'a> = (Action<()>, Vec<Signer<'a>>);

fn member(key: &SecretKey) -> InstallationKey {
    InstallationKey::from_bytes(key.public().to_bytes())
}

impl<'a> Burglary<'a> {
    fn owner(&self) -> Signer<'a> {
        Signer::Wallet(self.owner)
    }

    /// The intruder comes, by the word of `existing`, and by that of `new`, who should be the intruder.
    fn added(&self, existing: Signer<'a>, new: Signer<'a>) -> Signed<'a> {
        let action = Action::Add {
            member: member(self.intruder).into(),
            existing: (),
            new: (),
        };
        (action, vec![existing, new])
    }

    /// The intruder comes as any installation does.
    fn comes(&self) -> Signed<'a> {
        self.added(self.owner(), Signer::Installation(self.intruder))
    }

    /// The entry without fault.
    #[must_use]
    pub fn honest(&self) -> IdentityUpdate {
        self.signed(vec![self.comes()])
    }

    fn signed(&self, actions: Vec<Signed<'a>>) -> IdentityUpdate {
        entry_of(self.inbox, actions)
    }
}

fn entry_of(inbox_id: InboxId, signed: Vec<Signed<'_>>) -> IdentityUpdate {
    let (actions, signers): (Vec<_>, Vec<_>) = signed.into_iter().unzip();
    let mut signers = signers.into_iter().flatten();
    let update = Update {
        inbox_id,
        client_timestamp_ns: 1_700_000_000_000_000_000,
        actions,
    };
    update
        .sign(|_, text| Ok::<_, Infallible>(signers.next().unwrap().sign(text)))
        .unwrap()
}

/// The entry with each signature changed.
fn resigned(entry: &IdentityUpdate, change: impl Fn(&mut Signature)) -> IdentityUpdate {
    let changed = entry.try_map(|_, signature| {
        let mut signature = signature.clone();
        change(&mut signature);
        Ok::<_, Infallible>(signature)
    });
    changed.unwrap()
}

/// All of them, one a rule.
#[must_use]
pub fn lies() -> Vec<Lie> {
    let mut all = signatures();
    all.extend(associations());
    all
}

fn signatures() -> Vec<Lie> {
    vec![
        Lie {
            name: "a bit of the owner's signature is another",
            // another key would have made it
            rule: "NotAMember",
            entry: |who| {
                resigned(&who.honest(), |signature| {
                    if let Signature::Erc191(bytes) = signature {
                        bytes[40] ^= 1;
                    }
                })
            },
        },
        Lie {
            name: "the owner's signature says nothing of its key",
            rule: "Invalid",
            entry: |who| {
                resigned(&who.honest(), |signature| {
                    if let Signature::Erc191(bytes) = signature {
                        bytes[64] = 29;
                    }
                })
            },
        },
        Lie {
            name: "a bit of the installation's signature is another",
            rule: "Invalid",
            entry: |who| {
                resigned(&who.honest(), |signature| {
                    if let Signature::Installation { signature, .. } = signature {
                        signature[40] ^= 1;
                    }
                })
            },
        },
        Lie {
            name: "another time than the one that was signed",
            rule: "Invalid",
            entry: |who| {
                let mut entry = who.honest();
                entry.client_timestamp_ns += 1_000_000_000;
                entry
            },
        },
    ]
}

fn associations() -> Vec<Lie> {
    vec![
        Lie {
            name: "the installation did not sign, another one did",
            rule: "NewMemberMismatch",
            entry: |who| who.signed(vec![who.added(who.owner(), Signer::Installation(who.installation))]),
        },
        Lie {
            name: "a stranger vouches",
            rule: "NotAMember",
            entry: |who| {
                who.signed(vec![
                    who.added(Signer::Wallet(who.stranger), Signer::Installation(who.intruder)),
                ])
            },
        },
        Lie {
            name: "an installation vouches for an installation",
            rule: "InstallationAddsInstallation",
            entry: |who| {
                who.signed(vec![who.added(
                    Signer::Installation(who.installation),
                    Signer::Installation(who.intruder),
                )])
            },
        },
        Lie {
            name: "it is an entry of another inbox",
            rule: "WrongInbox",
            entry: |who| entry_of(who.elsewhere, vec![who.comes()]),
        },
        Lie {
            name: "the inbox is opened again",
            rule: "AlreadyCreated",
            entry: |who| {
                let create = Action::CreateInbox {
                    owner: who.owner.address().into(),
                    nonce: Nonce(1),
                    signature: (),
                };
                who.signed(vec![(create, vec![who.owner()]), who.comes()])
            },
        },
        Lie {
            name: "the owner adds itself as well",
            rule: "AddsItself",
            entry: |who| {
                let add = Action::Add {
                    member: who.owner.address().into(),
                    existing: (),
                    new: (),
                };
                who.signed(vec![(add, vec![who.owner(), who.owner()]), who.comes()])
            },
        },
        Lie {
            name: "a stranger revokes as well",
            rule: "NotRecovery",
            entry: |who| {
                let revoke = Action::Revoke {
                    member: member(who.installation).into(),
                    signature: (),
                };
                who.signed(vec![(revoke, vec![Signer::Wallet(who.stranger)]), who.comes()])
            },
        },
        Lie {
            name: "a stranger takes over recovery as well",
            rule: "NotRecovery",
            entry: |who| {
                let change = Action::ChangeRecovery {
                    identifier: who.stranger.address().into(),
                    signature: (),
                };
                who.signed(vec![(change, vec![Signer::Wallet(who.stranger)]), who.comes()])
            },
        },
    ]
}
