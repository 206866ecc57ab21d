//! Updates and the text that their signers sign.

use super::{Identifier, InboxId, MemberIdentifier, MemberKind, Nonce, Signature, VerifiedSignature};

/// Actions on one inbox that take effect together or not at all. `S` says how far their signatures have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<S> {
    /// The inbox that the sender means.
    pub inbox_id: InboxId,
    /// The sender's clock, nanoseconds since the Unix epoch. Signed, and checked by nobody; members remember it as the
    /// time when they were added.
    pub client_timestamp_ns: u64,
    /// What is to be done, in this order.
    pub actions: Vec<Action<S>>,
}

/// One change of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<S> {
    /// Opens the inbox; its owner becomes its first member and its recovery identifier.
    CreateInbox {
        /// Who opens it.
        owner: Identifier,
        /// Which of the owner's inboxes it is.
        nonce: Nonce,
        /// By the owner.
        signature: S,
    },
    /// Adds a member, with the consent of both sides.
    Add {
        /// Who is added.
        member: MemberIdentifier,
        /// By a member or the recovery identifier.
        existing: S,
        /// By the one who is added.
        new: S,
    },
    /// Removes a member, and the installations that it added.
    Revoke {
        /// Who is removed; need not be a member.
        member: MemberIdentifier,
        /// By the recovery identifier.
        signature: S,
    },
    /// Hands the recovery role on.
    ChangeRecovery {
        /// To whom; need not be a member, and does not sign.
        identifier: Identifier,
        /// By the present recovery identifier.
        signature: S,
    },
}

/// An update before anybody signed it.
pub type UnsignedUpdate = Update<()>;

/// An update as it travels: signed, they say.
pub type IdentityUpdate = Update<Signature>;

/// An update whose every signature was verified against its own text. Only [`IdentityUpdate::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedUpdate(pub(super) Update<VerifiedSignature>);

/// Whose signature an action wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerRole<'a> {
    /// The owner who opens the inbox.
    Owner(&'a Identifier),
    /// Any member, or the recovery identifier.
    ExistingMember,
    /// The one who is added.
    NewMember(&'a MemberIdentifier),
    /// The recovery identifier.
    Recovery,
}

impl VerifiedUpdate {
    /// The update.
    #[must_use]
    pub const fn update(&self) -> &Update<VerifiedSignature> {
        &self.0
    }

    /// The inbox that the update names.
    #[must_use]
    pub const fn inbox_id(&self) -> InboxId {
        self.0.inbox_id
    }
}

impl<S> Update<S> {
    /// The one text that every signer of the update signs (IDENT-020): UTF-8, lines that end with a line feed, none after
    /// the last.
    #[must_use]
    pub fn signing_text(&self) -> String {
        let actions: Vec<_> = self.actions.iter().map(Action::signing_text).collect();
        format!(
            "XMTP : Authenticate to inbox\n\nInbox ID: {}\nCurrent time: {}\n\n{}\n\nFor more info: https://xmtp.org/signatures",
            self.inbox_id,
            rfc3339_seconds(self.client_timestamp_ns),
            actions.join("\n"),
        )
    }

    /// The same update with each signature replaced by what `map` makes of it. Signatures come in the order of the
    /// actions, an existing member's before the new one's.
    ///
    /// # Errors
    /// The first of `map`.
    pub fn try_map<T, E>(&self, mut map: impl FnMut(SignerRole<'_>, &S) -> Result<T, E>) -> Result<Update<T>, E> {
        let actions = self
            .actions
            .iter()
            .map(|action| action.try_map(&mut map))
            .collect::<Result<_, E>>()?;
        Ok(Update {
            inbox_id: self.inbox_id,
            client_timestamp_ns: self.client_timestamp_ns,
            actions,
        })
    }

    /// All signatures, in the order of the actions.
    pub fn signatures(&self) -> impl Iterator<Item = &S> {
        self.actions.iter().flat_map(Action::signatures)
    }
}

impl UnsignedUpdate {
    /// Signs: `sign` is handed each role and the text, and answers with that signer's signature.
    ///
    /// # Errors
    /// The first of `sign`.
    pub fn sign<E>(
        &self,
        mut sign: impl FnMut(SignerRole<'_>, &str) -> Result<Signature, E>,
    ) -> Result<IdentityUpdate, E> {
        let text = self.signing_text();
        self.try_map(|role, ()| sign(role, &text))
    }
}

impl<S> Action<S> {
    fn signing_text(&self) -> String {
        let (line, label, who): (_, _, &dyn std::fmt::Display) = match self {
            Self::CreateInbox { owner, .. } => ("Create inbox", "Owner", owner),
            Self::Add { member, .. } => {
                let line = match member.kind() {
                    MemberKind::Installation => "Grant messaging access to app",
                    MemberKind::Ethereum => "Link address to inbox",
                    MemberKind::Passkey => "Link passkey to inbox",
                };
                (line, label(member.kind()), member)
            }
            Self::Revoke { member, .. } => {
                let line = match member.kind() {
                    MemberKind::Installation => "Revoke messaging access from app",
                    MemberKind::Ethereum => "Unlink address from inbox",
                    MemberKind::Passkey => "Unlink passkey from inbox",
                };
                (line, label(member.kind()), member)
            }
            // "Address" also before a passkey
            Self::ChangeRecovery { identifier, .. } => ("Change inbox recovery address", "Address", identifier),
        };
        format!("- {line}\n  ({label}: {who})")
    }

    fn signatures(&self) -> impl Iterator<Item = &S> {
        let (first, second) = match self {
            Self::CreateInbox { signature, .. }
            | Self::Revoke { signature, .. }
            | Self::ChangeRecovery { signature, .. } => (signature, None),
            Self::Add { existing, new, .. } => (existing, Some(new)),
        };
        std::iter::once(first).chain(second)
    }

    fn try_map<T, E>(&self, map: &mut impl FnMut(SignerRole<'_>, &S) -> Result<T, E>) -> Result<Action<T>, E> {
        Ok(match self {
            Self::CreateInbox {
                owner,
                nonce,
                signature,
            } => Action::CreateInbox {
                signature: map(SignerRole::Owner(owner), signature)?,
                owner: owner.clone(),
                nonce: *nonce,
            },
            Self::Add { member, existing, new } => Action::Add {
                existing: map(SignerRole::ExistingMember, existing)?,
                new: map(SignerRole::NewMember(member), new)?,
                member: member.clone(),
            },
            Self::Revoke { member, signature } => Action::Revoke {
                signature: map(SignerRole::Recovery, signature)?,
                member: member.clone(),
            },
            Self::ChangeRecovery { identifier, signature } => Action::ChangeRecovery {
                signature: map(SignerRole::Recovery, signature)?,
                identifier: identifier.clone(),
            },
        })
    }
}

const fn label(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::Installation => "ID",
        MemberKind::Ethereum => "Address",
        MemberKind::Passkey => "Passkey",
    }
}

/// Whole seconds, rounded down, `Z`. The original reads the count as signed: from 2^63 on it is a time before 1970.
fn rfc3339_seconds(ns: u64) -> String {
    let seconds = ns.cast_signed().div_euclid(1_000_000_000);
    // 64 bits of nanoseconds end in the year 2262, within what the calendar knows
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}
