//! Inputs about the daemon, its log, keys, wallets and seals.

use crate::{Label, Positive, Reference, Text, Timestamp};

shape! {
    /// No input.
    #[derive(Default)]
    input Nothing {}
}

shape! {
    /// `signet.stop`.
    #[derive(Default)]
    input Stop {
        /// Without waiting for what is under way.
        force?: bool,
    }
}

shape! {
    /// `admin.logs`.
    #[derive(Default)]
    input Logs {
        /// The newest so many; 50 when absent.
        limit?: Positive,
        /// Only those from this time on.
        since?: Timestamp,
    }
}

shape! {
    /// `admin.token`.
    #[derive(Default)]
    input AdminToken {
        /// How long it is good, seconds; 120 when absent, and an hour at most.
        ttl_seconds?: Positive,
    }
}

shape! {
    /// `lookup.resolve`.
    input LookupResolve {
        /// An id, the beginning of one, a label, or an id of the network's.
        query: Reference,
    }
}

shape! {
    /// What names a key.
    input ByKey {
        /// The key, or the identity that it signs for.
        key_id: Reference,
    }
}

shape! {
    /// `keys.export-public`.
    #[derive(Default)]
    input KeysExport {
        /// The key, or the identity that it signs for; the first key when absent.
        key_id?: Reference,
    }
}

shape! {
    /// `keys.init`.
    input KeysInit {
        /// Whose key.
        operator_id: Reference,
        /// Its wallet; a new one when absent.
        wallet_id?: Reference,
    }
}

shape! {
    /// `keys.rotate`.
    #[derive(Default)]
    input KeysRotate {
        /// Whose keys; everybody's when absent.
        operator_id?: Reference,
    }
}

shape! {
    /// `wallet.create`.
    input WalletCreate {
        /// Its name.
        label: Label,
    }
}

shape! {
    /// What names a wallet.
    input ByWallet {
        /// The wallet.
        wallet_id: Reference,
    }
}

shape! {
    /// `wallet.provider-set`.
    input WalletProviderSet {
        /// Its name.
        name: Label,
        /// The program.
        path: Text,
    }
}

shape! {
    /// What names a seal.
    input BySeal {
        /// The seal.
        seal_id: Reference,
    }
}

shape! {
    /// `seal.list`.
    #[derive(Default)]
    input SealList {
        /// Only those of this chat.
        chat_id?: Reference,
        /// Only those of this credential.
        credential_id?: Reference,
    }
}

shape! {
    /// `seal.history`.
    input SealHistory {
        /// The credential.
        credential_id: Reference,
        /// The chat.
        chat_id: Reference,
    }
}
