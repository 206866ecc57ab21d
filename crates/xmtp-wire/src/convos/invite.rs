//! Invites (signet spec 10.2 and 10.3).

use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use chancery_base::Millis;

use super::{ConversationToken, ConvosError, slug, wire};
use crate::identity::{EthereumAddress, InboxId, WalletKey, wallet_address};

/// The length of a signature in bytes: r, s, and which of the possible keys made it.
pub const SIGNATURE: usize = 65;

/// What an invite says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Which group, for its maker alone.
    pub token: ConversationToken,
    /// Whom to ask.
    pub creator: InboxId,
    /// Tells invites apart. Not empty.
    pub tag: String,
    /// What the group is called.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Its picture.
    pub image_url: Option<String>,
    /// When the group ends, in seconds since the epoch.
    pub conversation_expires_at: Option<i64>,
    /// When the invite ends, in seconds since the epoch.
    pub expires_at: Option<i64>,
    /// Whether it is good for one.
    pub expires_after_use: bool,
}

/// An invite with its signature, over the bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedInvite {
    invite: Invite,
    payload: Vec<u8>,
    signature: [u8; SIGNATURE],
}

/// Who signed an invite. Whether they may speak for its creator, the creator's identity log tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Signer(VerifyingKey);

impl Signer {
    /// The public key, uncompressed: 65 bytes, the first of which is 4.
    #[must_use]
    pub fn to_uncompressed(&self) -> Vec<u8> {
        self.0.to_sec1_point(false).as_bytes().to_vec()
    }

    /// The account of that key.
    #[must_use]
    pub fn address(&self) -> EthereumAddress {
        wallet_address(&self.0)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.address())
    }
}

impl Invite {
    /// Signs it with the creator's wallet. The signature is deterministic (RFC 6979).
    ///
    /// # Errors
    /// [`ConvosError::NoTag`], or [`ConvosError::Signature`], which does not happen.
    pub fn sign(self, wallet: &WalletKey) -> Result<SignedInvite, ConvosError> {
        if self.tag.is_empty() {
            return Err(ConvosError::NoTag);
        }
        let payload = wire::InvitePayload {
            conversation_token: self.token.0.clone(),
            creator_inbox_id: self.creator.to_bytes().to_vec(),
            tag: self.tag.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            image_url: self.image_url.clone(),
            conversation_expires_at_unix: self.conversation_expires_at,
            expires_at_unix: self.expires_at,
            // the original writes a false, too
            expires_after_use: Some(self.expires_after_use),
        }
        .encode_to_vec();
        let key = SigningKey::from_slice(wallet.to_bytes().as_slice()).map_err(|_| ConvosError::Signature)?;
        let (rs, recovery) = key.sign_prehash_recoverable(&Sha256::digest(&payload));
        let mut signature = [0; SIGNATURE];
        let (head, tail) = signature.split_at_mut(64);
        head.copy_from_slice(&rs.to_bytes());
        tail.fill(recovery.to_byte());
        Ok(SignedInvite {
            invite: self,
            payload,
            signature,
        })
    }

    /// Whether it has ended at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end < now.secs())
    }

    /// Whether the group has ended at `now`.
    #[must_use]
    pub fn is_conversation_expired(&self, now: Millis) -> bool {
        self.conversation_expires_at.is_some_and(|end| end < now.secs())
    }

    fn parse(payload: &[u8]) -> Result<Self, ConvosError> {
        let wire = wire::InvitePayload::decode(payload).map_err(|_| ConvosError::Malformed("invite"))?;
        let creator = wire.creator_inbox_id.try_into().map_err(|_| ConvosError::Creator)?;
        if wire.tag.is_empty() {
            return Err(ConvosError::NoTag);
        }
        // what is empty is not there, and an end of zero is none
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let end = |end: Option<i64>| end.filter(|end| *end != 0);
        Ok(Self {
            token: ConversationToken(wire.conversation_token),
            creator: InboxId::from_bytes(creator),
            tag: wire.tag,
            name: text(wire.name),
            description: text(wire.description),
            image_url: text(wire.image_url),
            conversation_expires_at: end(wire.conversation_expires_at_unix),
            expires_at: end(wire.expires_at_unix),
            expires_after_use: wire.expires_after_use.unwrap_or_default(),
        })
    }
}

impl SignedInvite {
    /// Reads an invite from a link or slug.
    ///
    /// # Errors
    /// Any [`ConvosError`] but those of tokens and JSON.
    pub fn parse(text: &str) -> Result<Self, ConvosError> {
        Self::from_bytes(&slug::decode(&slug::find(text)?)?)
    }

    /// Reads the protobuf message that is in a slug.
    ///
    /// # Errors
    /// [`ConvosError::Malformed`], `Creator`, `NoTag` or `Signature`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ConvosError> {
        let wire = wire::SignedInvite::decode(bytes).map_err(|_| ConvosError::Malformed("signed invite"))?;
        Ok(Self {
            invite: Invite::parse(&wire.payload)?,
            payload: wire.payload,
            signature: wire.signature.try_into().map_err(|_| ConvosError::Signature)?,
        })
    }

    /// The protobuf message that is in a slug.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::SignedInvite {
            payload: self.payload.clone(),
            signature: self.signature.to_vec(),
        }
        .encode_to_vec()
    }

    /// The slug.
    ///
    /// # Errors
    /// [`ConvosError::TooLarge`].
    pub fn slug(&self) -> Result<String, ConvosError> {
        slug::encode(&self.to_bytes())
    }

    /// What the invite says. That its creator says so, [`signer`](Self::signer) and the identity log tell together.
    #[must_use]
    pub fn claims(&self) -> &Invite {
        &self.invite
    }

    /// The bytes that were signed, as they came.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8; SIGNATURE] {
        &self.signature
    }

    /// Who signed exactly these bytes. Bytes that were changed yield somebody else.
    ///
    /// # Errors
    /// [`ConvosError::Signature`] if nobody did: also for an s in the upper half, for which there would be a second
    /// signature of the same bytes.
    pub fn signer(&self) -> Result<Signer, ConvosError> {
        let [rs @ .., recovery] = &self.signature;
        let signature = Signature::from_slice(rs).map_err(|_| ConvosError::Signature)?;
        if signature.normalize_s() != signature {
            return Err(ConvosError::Signature);
        }
        let recovery = RecoveryId::from_byte(*recovery).ok_or(ConvosError::Signature)?;
        VerifyingKey::recover_from_prehash(&Sha256::digest(&self.payload), &signature, recovery)
            .map(Signer)
            .map_err(|_| ConvosError::Signature)
    }
}
