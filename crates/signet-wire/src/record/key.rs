//! Public halves of keys (signet spec 8.2).

use crate::{BearerToken, OperatorId, Timestamp, Uuid, record::operator::Provider};

words! {
    /// How much stands behind a key.
    pub enum TrustTier {
        /// Software.
        Unverified = "unverified",
        /// Hardware that does not give it away.
        SourceVerified = "source-verified",
        /// A build that others made the same.
        ReproduciblyVerified = "reproducibly-verified",
        /// A running program that hardware vouches for.
        RuntimeAttested = "runtime-attested",
    }
}

words! {
    /// What a key is for.
    pub enum KeyTier {
        /// Signs seals and bindings of one identity.
        Operational = "operational",
    }
}

words! {
    /// Whether a key can be used.
    pub enum KeyStatus {
        /// It can.
        Ok = "ok",
        /// It is not there.
        Missing = "missing",
        /// It cannot be read.
        Error = "error",
    }
}

shape! {
    /// An operational key.
    record KeySummary {
        /// Its id. Old ones are `op-` and 16 hex digits, which is no resource id.
        key_id: String,
        /// The identity that it signs for.
        identity_id: String,
        /// The group that the identity was made for.
        group_id|null: String,
        /// The public key in hex.
        public_key: String,
        /// SHA-256 of the raw public key in hex.
        fingerprint: String,
        /// Since when there is one.
        created_at: Timestamp,
        /// When it was replaced.
        rotated_at|null: Timestamp,
        /// Whose it is.
        operator_id?: OperatorId,
        /// What it is for.
        tier: KeyTier,
        /// What stands behind it.
        trust_tier: TrustTier,
        /// The wallet of its operator.
        wallet_id?: Uuid,
        /// Who holds that.
        provider?: Provider,
    }
}

shape! {
    /// An operator's key material is there.
    record KeysInitialized {
        /// Whose it is.
        operator_id: OperatorId,
        /// Its wallet.
        wallet_id: Uuid,
        /// Who holds that.
        provider: Provider,
        /// What stands behind it.
        trust_tier: TrustTier,
        /// Whether the wallet is new.
        created_wallet: bool,
        /// Whether the key is new.
        created_operational_key: bool,
        /// `xmtp-identity-key:` and the operator.
        identity_key_ref: String,
        /// The key.
        operational_key: KeySummary,
    }
}

shape! {
    /// What may be given to anybody.
    record PublicKeyExport {
        /// Its id.
        key_id: String,
        /// The identity that it signs for.
        identity_id: String,
        /// The public key in hex.
        public_key: String,
        /// SHA-256 of the raw public key in hex.
        fingerprint: String,
        /// What stands behind it.
        trust_tier: TrustTier,
    }
}

shape! {
    /// How many keys were replaced.
    record Rotated {
        /// How many.
        rotated: u32,
    }
}

shape! {
    /// The state of one key of the hierarchy.
    record KeyState {
        /// Whether it can be used.
        status: KeyStatus,
        /// The public key in hex.
        public_key?: String,
        /// SHA-256 of the raw public key in hex.
        fingerprint?: String,
        /// Why it cannot.
        error?: String,
    }
}

shape! {
    /// The state of one operational key.
    record OperationalKeyState {
        /// Its id.
        key_id: String,
        /// The identity that it signs for.
        identity_id: String,
        /// Whether it can be used.
        status: KeyStatus,
        /// SHA-256 of the raw public key in hex.
        fingerprint: String,
    }
}

shape! {
    /// All keys, looked at.
    record KeysVerified {
        /// Where keys are kept.
        platform: String,
        /// What stands behind them.
        trust_tier: TrustTier,
        /// The root key.
        root_key: KeyState,
        /// The admin key.
        admin_key: KeyState,
        /// The operational keys.
        operational_keys: Vec<OperationalKeyState>,
    }
}

shape! {
    /// A token of the admin key.
    record TokenIssued {
        /// The token.
        token: BearerToken,
        /// Until when it is good.
        expires_at: Timestamp,
    }
}
