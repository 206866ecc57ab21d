//! What custody says of keys, as records of the wire.

use chancery_custody as custody;
use chancery_keys::{Chain, TrustTier as Tier};
use chancery_signet::keys::KeysError;
use chancery_signet_wire::{
    Uuid,
    record::{
        key::{KeySummary, KeyTier, TrustTier},
        operator::Provider,
        wallet::{AccountChain, WalletAccount, WalletDetails, WalletInfo},
    },
};

pub(super) fn key(key: custody::KeySummary) -> Result<KeySummary, KeysError> {
    let operator = key.operator_id.map(|holder| holder.as_str().parse());
    Ok(KeySummary {
        key_id: key.key_id,
        identity_id: key.identity_id.to_string(),
        group_id: key.group_id,
        public_key: key.public_key,
        fingerprint: key.fingerprint,
        created_at: key.created_at.into(),
        rotated_at: key.rotated_at.map(Into::into),
        operator_id: operator.transpose().map_err(|_| strange("operator"))?,
        tier: KeyTier::Operational,
        trust_tier: trust_tier(key.trust_tier),
        wallet_id: key.wallet_id.map(wallet_id).transpose()?,
        provider: Some(Provider::Internal),
    })
}

pub(super) fn trust_tier(tier: Tier) -> TrustTier {
    match tier {
        Tier::SourceVerified => TrustTier::SourceVerified,
        // one that is not known here vouches for nothing
        _ => TrustTier::Unverified,
    }
}

pub(super) fn wallet_id(id: custody::WalletId) -> Result<Uuid, KeysError> {
    id.to_string().parse().map_err(|_| strange("wallet"))
}

pub(super) fn wallet(info: custody::WalletInfo) -> Result<WalletInfo, KeysError> {
    Ok(WalletInfo {
        id: wallet_id(info.id)?,
        label: info.label.parse().map_err(|_| strange("label"))?,
        provider: Provider::Internal,
        account_count: info.account_count,
        created_at: info.created_at.into(),
    })
}

pub(super) fn wallet_details(found: custody::WalletDetails) -> Result<WalletDetails, KeysError> {
    let info = wallet(found.info)?;
    let accounts = found.accounts.into_iter().map(|account| WalletAccount {
        index: account.index.get(),
        address: account.address,
        chain: match account.chain {
            Chain::Evm => AccountChain::Evm,
            Chain::Ed25519 => AccountChain::Ed25519,
        },
        public_key: account.public_key,
    });
    Ok(WalletDetails {
        id: info.id,
        label: info.label,
        provider: info.provider,
        account_count: info.account_count,
        created_at: info.created_at,
        accounts: accounts.collect(),
    })
}

/// What is in the vault under a name that the wire does not have.
fn strange(what: &str) -> KeysError {
    KeysError::Failed(format!("the vault holds another kind of {what} than is served"))
}
