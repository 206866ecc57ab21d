//! Joining and leaving an inbox (xmtp spec 3.2).

use chancery_base::Millis;
use chancery_xmtp_wire::identity::{
    Action, Identifier, IdentityUpdate, InboxId, InstallationKey, Nonce, SignatureError, SignerRole, UnsignedUpdate,
    Update, WalletKey, sign_as_installation,
};

use super::Installation;

impl Installation {
    /// The update by which `wallet` opens its inbox `nonce` and lets this installation in. The wallet signs once.
    ///
    /// # Errors
    /// [`SignatureError`], which does not happen.
    pub fn registration(
        &self,
        wallet: &WalletKey,
        nonce: Nonce,
        now: Millis,
    ) -> Result<IdentityUpdate, SignatureError> {
        let create = Action::CreateInbox {
            owner: wallet.address().into(),
            nonce,
            signature: (),
        };
        self.signed(wallet, vec![create, self.add()], now)
    }

    /// The update by which `wallet`, a member of the inbox, lets this installation in too.
    ///
    /// # Errors
    /// [`SignatureError`], which does not happen.
    pub fn addition(&self, wallet: &WalletKey, now: Millis) -> Result<IdentityUpdate, SignatureError> {
        self.signed(wallet, vec![self.add()], now)
    }

    fn add(&self) -> Action<()> {
        Action::Add {
            member: self.public().into(),
            existing: (),
            new: (),
        }
    }

    fn signed(
        &self,
        wallet: &WalletKey,
        actions: Vec<Action<()>>,
        now: Millis,
    ) -> Result<IdentityUpdate, SignatureError> {
        unsigned(self.inbox(), actions, now).sign(|role, text| match role {
            SignerRole::NewMember(_) => sign_as_installation(self.key(), text),
            _ => Ok(wallet.sign(text)),
        })
    }
}

/// The inbox that `wallet` opens with `nonce`.
#[must_use]
pub fn inbox_of(wallet: &WalletKey, nonce: Nonce) -> InboxId {
    InboxId::derive(&Identifier::from(wallet.address()), nonce)
}

/// The update by which `wallet`, who recovers the inbox, shuts installations out.
///
/// # Errors
/// [`SignatureError`], which does not happen.
pub fn revocation(
    wallet: &WalletKey,
    inbox: InboxId,
    installations: &[InstallationKey],
    now: Millis,
) -> Result<IdentityUpdate, SignatureError> {
    let revoke = |key: &InstallationKey| Action::Revoke {
        member: (*key).into(),
        signature: (),
    };
    unsigned(inbox, installations.iter().map(revoke).collect(), now).sign(|_, text| Ok(wallet.sign(text)))
}

fn unsigned(inbox_id: InboxId, actions: Vec<Action<()>>, now: Millis) -> UnsignedUpdate {
    // a clock before 1970 signs as if it were 1970: nobody checks it
    let ms = u64::try_from(now.0).unwrap_or(0);
    Update {
        inbox_id,
        client_timestamp_ns: ms.saturating_mul(1_000_000),
        actions,
    }
}
