//! Keys and wallets: who may ask is judged here, and whoever keeps them answers (signet spec 8).

use chancery_signet_wire::{
    Failure, OperatorId, Reference,
    action::input::{ByKey, ByWallet, KeysExport, KeysInit, KeysRotate, WalletCreate},
    record::{
        key::{KeySummary, KeysInitialized, KeysVerified, PublicKeyExport, Rotated},
        wallet::{WalletDetails, WalletInfo},
    },
};

use crate::{
    core::Core,
    principal::Principal,
    records::{Root, operators},
};

impl Core {
    /// That `who` has everything here.
    async fn root(&self, who: Principal) -> Result<(), Failure> {
        self.records.look(who, Root).await
    }

    pub(crate) async fn init_keys(&self, who: Principal, input: KeysInit) -> Result<KeysInitialized, Failure> {
        let operator = self
            .records
            .look(who, operators::Administered(input.operator_id))
            .await?;
        let wallet = input.wallet_id.as_ref().map(operators::wallet).transpose()?;
        let made = async { Ok(self.keys.init(operator, wallet).await?) };
        self.effect(who, ("keys.init", &operator.to_string()), made).await
    }

    pub(crate) async fn list_keys(&self, who: Principal) -> Result<Vec<KeySummary>, Failure> {
        self.root(who).await?;
        Ok(self.keys.list().await?)
    }

    pub(crate) async fn key_info(&self, who: Principal, input: ByKey) -> Result<KeySummary, Failure> {
        let keys = self.list_keys(who).await?;
        find(keys, &input.key_id)
    }

    pub(crate) async fn export_key(&self, who: Principal, input: KeysExport) -> Result<PublicKeyExport, Failure> {
        let keys = self.list_keys(who).await?;
        let key = match &input.key_id {
            Some(reference) => find(keys, reference)?,
            None => keys
                .into_iter()
                .next()
                .ok_or_else(|| Failure::not_found("key", "default"))?,
        };
        Ok(PublicKeyExport {
            key_id: key.key_id,
            identity_id: key.identity_id,
            public_key: key.public_key,
            fingerprint: key.fingerprint,
            trust_tier: key.trust_tier,
        })
    }

    pub(crate) async fn rotate_keys(&self, who: Principal, input: KeysRotate) -> Result<Rotated, Failure> {
        self.root(who).await?;
        let operator: Option<OperatorId> = match input.operator_id {
            Some(reference) => Some(self.records.look(who, operators::Administered(reference)).await?),
            None => None,
        };
        let subject = operator.map_or_else(|| "all".to_owned(), |id| id.to_string());
        let rotated = async { Ok(self.keys.rotate(operator).await?) };
        self.effect(who, ("keys.rotate", &subject), rotated).await
    }

    pub(crate) async fn verify_keys(&self, who: Principal) -> Result<KeysVerified, Failure> {
        self.root(who).await?;
        Ok(self.keys.verify().await?)
    }

    pub(crate) async fn create_wallet(&self, who: Principal, input: WalletCreate) -> Result<WalletInfo, Failure> {
        self.root(who).await?;
        let subject = input.label.to_string();
        let made = async { Ok(self.keys.create_wallet(input.label).await?) };
        self.effect(who, ("wallet.create", &subject), made).await
    }

    pub(crate) async fn list_wallets(&self, who: Principal) -> Result<Vec<WalletInfo>, Failure> {
        self.root(who).await?;
        Ok(self.keys.wallets().await?)
    }

    pub(crate) async fn wallet_info(&self, who: Principal, input: ByWallet) -> Result<WalletDetails, Failure> {
        self.root(who).await?;
        let id = operators::wallet(&input.wallet_id)?;
        let found = self.keys.wallet(id).await?;
        found.ok_or_else(|| Failure::not_found("wallet", input.wallet_id.as_str()))
    }
}

/// The key that is named by its id, its identity or its operator, each whole.
fn find(keys: Vec<KeySummary>, reference: &Reference) -> Result<KeySummary, Failure> {
    let text = reference.as_str();
    let named = |key: &KeySummary| {
        key.key_id == text || key.identity_id == text || key.operator_id.is_some_and(|id| id.to_string() == text)
    };
    let found = keys.into_iter().find(named);
    found.ok_or_else(|| Failure::not_found("key", text))
}
