//! Welcomes: those that a member sends, and those that it gets.

use bytes::Bytes;
use chancery_base::ErrorCode as _;
use chancery_xmtp_client::{
    commit,
    join::{JoinError, JoinRule, Joining, check_join, check_welcome},
    network::{WelcomeBody, WelcomeToSend},
    storage::{StorageError, Tx},
    welcome::{Wrapped, open, seal},
};
use chancery_xmtp_wire::{
    mls::{ValidatedKeyPackage, key_package::WelcomeKey},
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use openmls::{
    framing::{MlsMessageBodyIn, MlsMessageIn, MlsMessageOut},
    group::{
        JoinBuilder, MlsGroup, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome, StagedWelcome,
    },
    key_packages::KeyPackage,
    messages::Welcome,
    prelude::{
        OpenMlsProvider as _, ProtocolVersion,
        tls_codec::{Deserialize as _, Serialize as _},
    },
};

use super::{Insider, now, storage};

/// What was wrapped is no welcome, or was wrapped for nobody.
pub const NO_WELCOME: &str = "no welcome";
/// openmls refuses it.
pub const OPENMLS: &str = "openmls";

impl Insider {
    /// Sends a welcome to those of whom `key_packages` are; whatever came to the group up to `cursor` is before their time.
    pub async fn welcome(&self, welcome: Welcome, key_packages: &[KeyPackage], cursor: u64) {
        let welcome = welcome_bytes(welcome);
        let sealed = key_packages.iter().map(|to| self.seal(&welcome, to, cursor));
        self.send_welcomes(sealed.collect()).await;
    }

    /// Wraps what may be a welcome for whoever made `key_package`.
    #[must_use]
    pub fn seal(&self, welcome: &[u8], key_package: &KeyPackage, cursor: u64) -> WelcomeToSend {
        let bytes = key_package.tls_serialize_detached().unwrap();
        let read = ValidatedKeyPackage::parse(&bytes, now()).unwrap();
        let sealed = seal(read.welcome_key(), welcome, cursor, &*self.rng).unwrap();
        WelcomeToSend {
            destination: *read.installation().as_bytes(),
            body: WelcomeBody::Welcome {
                data: sealed.data,
                hpke_public_key: Bytes::copy_from_slice(read.welcome_key().as_bytes()),
                algorithm: match read.welcome_key() {
                    WelcomeKey::XWing(_) => WelcomeWrapperAlgorithm::XwingMlkem768Draft6,
                    WelcomeKey::Curve25519(_) => WelcomeWrapperAlgorithm::Curve25519,
                },
                metadata: sealed.metadata,
            },
        }
    }

    /// Sends what is wrapped.
    pub async fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) {
        self.node.send_welcomes(welcomes).await.unwrap();
    }

    /// Enters every group to which it was welcomed and in which it is not, whatever they are.
    pub async fn join(&self) {
        for (data, wrapped) in self.welcomes().await {
            storage(self.db.transaction(|tx| {
                let processed = process(tx, &data, wrapped).unwrap();
                let group = processed.unverified_group_info().group_id();
                if MlsGroup::load(tx.provider().storage(), group)?.is_some() {
                    return Ok(());
                }
                let staged = stage(tx, processed).unwrap();
                staged.into_group(&tx.provider()).unwrap();
                Ok(())
            }));
        }
    }

    /// Judges the last welcome by our rules, reading what logs it takes. No group is entered.
    ///
    /// # Errors
    /// The code of the rule that it breaks, or of what is wrong with the wrapping; [`NO_WELCOME`] when there is none in it;
    /// [`OPENMLS`] when openmls refuses it.
    pub async fn consider(&self) -> Result<Joining, &'static str> {
        let (key, wrapped) = self.welcomes().await.pop().unwrap();
        loop {
            let mut judged = None;
            let _ = self.db.transaction(|tx| {
                judged = Some(process(tx, &key, wrapped.clone()).and_then(|processed| {
                    check_welcome(&processed).map_err(JoinRule::code)?;
                    let staged = stage(tx, processed)?;
                    Ok(check_join(&staged, self.inbox(), &self.directory, &commit::CLAIMED))
                }));
                // undoes it
                Err::<(), _>(StorageError::Format)
            });
            match judged.unwrap()? {
                Err(JoinError::NeedsLog(wanted)) => {
                    self.directory.at_least(&*self.node, &self.db, &wanted).await.unwrap();
                }
                Err(JoinError::Refused(rule)) => return Err(rule.code()),
                Ok(joining) => return Ok(joining),
            }
        }
    }

    async fn welcomes(&self) -> Vec<(Bytes, Wrapped)> {
        let page = self.node.welcomes(*self.key().as_bytes(), 0).await.unwrap();
        let classic = page.entries.into_iter().map(|envelope| match envelope.body {
            WelcomeBody::Welcome {
                data,
                hpke_public_key,
                metadata,
                ..
            } => (hpke_public_key, Wrapped { data, metadata }),
            WelcomeBody::Pointer { .. } => panic!("a pointer"),
        });
        classic.collect()
    }
}

/// The `MLSMessage` of a welcome.
pub(in super::super) fn welcome_bytes(welcome: Welcome) -> Vec<u8> {
    let welcome = MlsMessageOut::from_welcome(welcome, ProtocolVersion::Mls10);
    welcome.tls_serialize_detached().unwrap()
}

fn process(tx: &Tx<'_>, key: &[u8], wrapped: Wrapped) -> Result<ProcessedWelcome, &'static str> {
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .max_past_epochs(3)
        .build();
    let secret = tx.welcome_secret(key).unwrap().ok_or(NO_WELCOME)?;
    let opened = open(&secret, &wrapped).map_err(|error| error.code())?;
    let message = MlsMessageIn::tls_deserialize(&mut &opened.welcome[..]).map_err(|_| NO_WELCOME)?;
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
        return Err(NO_WELCOME);
    };
    ProcessedWelcome::new_from_welcome(&tx.provider(), &config, welcome).map_err(|_| OPENMLS)
}

fn stage(tx: &Tx<'_>, processed: ProcessedWelcome) -> Result<StagedWelcome, &'static str> {
    let provider = tx.provider();
    let builder = JoinBuilder::new(&provider, processed).skip_lifetime_validation();
    builder.build().map_err(|_| OPENMLS)
}
