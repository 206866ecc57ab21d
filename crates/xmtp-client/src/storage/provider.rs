//! What openmls is handed.

use openmls::prelude::OpenMlsProvider;

use super::Tx;
use crate::crypto::Crypto;

/// openmls' storage in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct MlsStorage<'a> {
    pub(super) tx: &'a Tx<'a>,
}

/// Storage, cryptography and randomness for openmls, for the time of one transaction.
#[derive(Debug)]
pub struct Provider<'a> {
    storage: MlsStorage<'a>,
    crypto: &'a Crypto,
}

impl<'a> Provider<'a> {
    pub(super) fn new(tx: &'a Tx<'_>, crypto: &'a Crypto) -> Self {
        Self {
            storage: MlsStorage { tx },
            crypto,
        }
    }
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = Crypto;
    type RandProvider = Crypto;
    type StorageProvider = MlsStorage<'a>;

    fn storage(&self) -> &MlsStorage<'a> {
        &self.storage
    }

    fn crypto(&self) -> &Crypto {
        self.crypto
    }

    fn rand(&self) -> &Crypto {
        self.crypto
    }
}
