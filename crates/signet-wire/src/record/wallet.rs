//! Wallets (signet spec 1.10).

use crate::{Label, Timestamp, Uuid, record::operator::Provider};

words! {
    /// The curve and form of an account's key.
    pub enum AccountChain {
        /// secp256k1, and an address of Ethereum's.
        Evm = "evm",
        /// Ed25519.
        Ed25519 = "ed25519",
    }
}

shape! {
    /// A wallet.
    record WalletInfo {
        /// Its id.
        id: Uuid,
        /// Its name.
        label: Label,
        /// Who holds its keys.
        provider: Provider,
        /// How many accounts were derived.
        account_count: u32,
        /// Since when there is one.
        created_at: Timestamp,
    }
}

shape! {
    /// One account of a wallet: public parts only.
    record WalletAccount {
        /// Its place in the derivation path.
        index: u32,
        /// `0x` and 40 hex digits, or the public key.
        address: String,
        /// Which kind of key.
        chain: AccountChain,
        /// The public key in hex.
        public_key: String,
    }
}

shape! {
    /// A wallet and its accounts.
    record WalletDetails {
        /// Its id.
        id: Uuid,
        /// Its name.
        label: Label,
        /// Who holds its keys.
        provider: Provider,
        /// How many accounts were derived.
        account_count: u32,
        /// Since when there is one.
        created_at: Timestamp,
        /// The accounts.
        accounts: Vec<WalletAccount>,
    }
}

shape! {
    /// A provider of wallets.
    record WalletProvider {
        /// Its name.
        name: Label,
        /// The program; absent for the signet's own.
        path?: String,
    }
}
