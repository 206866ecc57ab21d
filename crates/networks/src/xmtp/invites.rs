//! Convos links (signet spec 10.1 to 10.4): made and read back with the wallet of the inbox, and verified for who gets one.

use std::sync::Arc;

use chancery_base::{Millis, Rng};
use chancery_signet::network::{ConversationName, InboxName, Invitation, InviteTerms, NetworkError, Returned};
use chancery_xmtp_client::network::{LoggedUpdate, NodeApi};
use chancery_xmtp_wire::{
    convos::{ConvosError, Invite, InviteHost, InviteKey, SignedInvite},
    identity::{EthereumAddress, IdentityLog, InboxId, NoChain, WalletKey},
};

use super::error::node_error;

/// What makes the links of one inbox, and knows its own.
pub(super) struct Inviter {
    wallet: WalletKey,
    inbox: InboxId,
    key: InviteKey,
    host: InviteHost,
    rng: Arc<dyn Rng>,
}

impl Inviter {
    /// For the inbox of `wallet`, on the network `env`.
    pub(super) fn new(wallet: WalletKey, inbox: InboxId, env: &str, rng: Arc<dyn Rng>) -> Result<Self, NetworkError> {
        Ok(Self {
            key: InviteKey::derive(&wallet, inbox).map_err(|error| NetworkError::Local(error.to_string()))?,
            wallet,
            inbox,
            host: match env {
                "production" => InviteHost::Production,
                _ => InviteHost::Dev,
            },
            rng,
        })
    }

    /// A link of these terms.
    pub(super) fn make(&self, terms: &InviteTerms) -> Result<String, NetworkError> {
        let conversation = &terms.conversation.0;
        let invite = Invite {
            token: self.key.seal(conversation, &self.rng).map_err(invalid)?,
            creator: self.inbox,
            tag: terms.tag.clone(),
            name: terms.title.clone(),
            description: terms.description.clone(),
            image_url: None,
            conversation_expires_at: None,
            expires_at: terms.expires_at.map(Millis::secs),
            expires_after_use: terms.single_use,
        };
        let slug = invite.sign(&self.wallet).and_then(|signed| signed.slug());
        Ok(self.host.link(&slug.map_err(invalid)?))
    }

    /// Where a link of ours leads.
    pub(super) fn returned(&self, text: &str) -> Result<Returned, NetworkError> {
        let signed = SignedInvite::parse(text).map_err(invalid)?;
        let claims = signed.claims();
        let ours = claims.creator == self.inbox
            && signed
                .signer()
                .is_ok_and(|signer| signer.address() == self.wallet.address());
        if !ours {
            let reason = "this inbox did not make the invite, or it was changed since";
            return Err(NetworkError::Forbidden(reason.to_owned()));
        }
        let opened = self.key.open(&claims.token);
        Ok(Returned {
            tag: claims.tag.clone(),
            conversation: ConversationName(opened.map_err(|error| NetworkError::Forbidden(error.to_string()))?),
            expires_at: claims.expires_at.map(at),
            conversation_expires_at: claims.conversation_expires_at.map(at),
        })
    }
}

/// What a link says to whoever holds it, once the identity log of the inbox that it names says that its signer is, or was,
/// of that inbox.
pub(super) async fn read(node: &dyn NodeApi, text: &str) -> Result<Invitation, NetworkError> {
    let signed = SignedInvite::parse(text).map_err(invalid)?;
    let claims = signed.claims();
    let signer = signed.signer().map_err(invalid)?.address();
    let logs = node
        .identity_updates(&[(claims.creator, 0)])
        .await
        .map_err(node_error)?;
    let log = logs.into_iter().next().unwrap_or_default();
    if !is_of(claims.creator, signer, log) {
        let reason = "the invite was not signed by the inbox that it names";
        return Err(NetworkError::Invalid(reason.to_owned()));
    }
    Ok(Invitation {
        slug: signed.slug().map_err(invalid)?,
        maker: InboxName(claims.creator.to_string()),
        tag: claims.tag.clone(),
        title: claims.name.clone(),
        expires_at: claims.expires_at.map(at),
        conversation_expires_at: claims.conversation_expires_at.map(at),
    })
}

/// Whether `signer` is, or was, of `inbox`, by as much of its log as keeps the rules and can be verified here.
fn is_of(inbox: InboxId, signer: EthereumAddress, entries: Vec<LoggedUpdate>) -> bool {
    let member = signer.into();
    let mut log = IdentityLog::new(inbox);
    for LoggedUpdate {
        sequence_id, update, ..
    } in entries
    {
        if update.within_limits().is_err() {
            return false;
        }
        let Ok(verified) = update.verify(&NoChain) else {
            return false;
        };
        match log.append(sequence_id, verified) {
            Ok(state) if state.member(&member).is_some() => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

fn at(seconds: i64) -> Millis {
    Millis(seconds.saturating_mul(1000))
}

fn invalid(error: ConvosError) -> NetworkError {
    NetworkError::Invalid(error.to_string())
}
