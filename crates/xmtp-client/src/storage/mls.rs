//! openmls' storage (version 1 of its trait) on two tables: single values, and lists.

use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, named_params};
use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{MlsStorage, StorageError, codec};

/// What a row holds. The numbers are in files: a released one never changes.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    KeyPackage = 1,
    Psk = 2,
    EncryptionKeyPair = 3,
    SignatureKeyPair = 4,
    EpochKeyPairs = 5,
    Tree = 6,
    GroupContext = 7,
    InterimTranscriptHash = 8,
    ConfirmationTag = 9,
    JoinConfig = 10,
    GroupState = 11,
    OwnLeafIndex = 12,
    EpochSecrets = 13,
    ResumptionPsks = 14,
    MessageSecrets = 15,
}

/// What a list holds. The numbers are in files: a released one never changes.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum List {
    OwnLeafNodes = 1,
    QueuedProposals = 2,
}

/// The kind under which key packages are kept, with their private keys.
pub(super) const KEY_PACKAGE: u8 = Kind::KeyPackage as u8;

type Done = Result<(), StorageError>;
type Item = (Option<Vec<u8>>, Zeroizing<Vec<u8>>);

impl MlsStorage<'_> {
    fn put(&self, kind: Kind, key: &impl Serialize, value: &(impl Serialize + ?Sized)) -> Done {
        self.tx.with(|db| {
            let (key, value) = (codec::key(key)?, codec::encode(&value)?);
            run(
                db,
                "INSERT INTO mls_values (kind, key, value) VALUES (:kind, :key, :value)
                 ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
                named_params! { ":kind": kind as u8, ":key": key, ":value": value.as_slice() },
            )
        })
    }

    fn get<T: DeserializeOwned>(&self, kind: Kind, key: &impl Serialize) -> Result<Option<T>, StorageError> {
        self.tx.with(|db| {
            let key = codec::key(key)?;
            let mut statement = db.prepare_cached("SELECT value FROM mls_values WHERE kind = :kind AND key = :key")?;
            let found: Option<Zeroizing<Vec<u8>>> = statement
                .query_row(named_params! { ":kind": kind as u8, ":key": key }, |row| {
                    row.get(0).map(Zeroizing::new)
                })
                .optional()?;
            found.map(|bytes| codec::decode(&bytes)).transpose()
        })
    }

    fn delete(&self, kind: Kind, key: &impl Serialize) -> Done {
        self.tx.with(|db| {
            run(
                db,
                "DELETE FROM mls_values WHERE kind = :kind AND key = :key",
                named_params! { ":kind": kind as u8, ":key": codec::key(key)? },
            )
        })
    }

    fn push(&self, list: List, key: &impl Serialize, item: Option<Vec<u8>>, value: &impl Serialize) -> Done {
        self.tx.with(|db| {
            let (key, value) = (codec::key(key)?, codec::encode(value)?);
            run(
                db,
                "INSERT INTO mls_items (kind, key, item, value) VALUES (:kind, :key, :item, :value)
                 ON CONFLICT (kind, key, item) DO UPDATE SET value = excluded.value",
                named_params! { ":kind": list as u8, ":key": key, ":item": item, ":value": value.as_slice() },
            )
        })
    }

    fn items(&self, list: List, key: &impl Serialize) -> Result<Vec<Item>, StorageError> {
        self.tx.with(|db| {
            let key = codec::key(key)?;
            let mut statement = db.prepare_cached(
                "SELECT item, value FROM mls_items WHERE kind = :kind AND key = :key ORDER BY position",
            )?;
            let items = statement
                .query_map(named_params! { ":kind": list as u8, ":key": key }, |row| {
                    Ok((row.get(0)?, Zeroizing::new(row.get(1)?)))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(items)
        })
    }

    fn delete_items(&self, list: List, key: &impl Serialize) -> Done {
        self.tx.with(|db| {
            run(
                db,
                "DELETE FROM mls_items WHERE kind = :kind AND key = :key",
                named_params! { ":kind": list as u8, ":key": codec::key(key)? },
            )
        })
    }
}

/// Values that a group has one of.
macro_rules! one_a_group {
    ($($kind:ident: $Value:ident, $write:ident, $read:ident, $delete:ident;)*) => { $(
        fn $write<Group: traits::GroupId<CURRENT_VERSION>, Value: traits::$Value<CURRENT_VERSION>>(
            &self,
            group: &Group,
            value: &Value,
        ) -> Done {
            self.put(Kind::$kind, group, value)
        }

        fn $read<Group: traits::GroupId<CURRENT_VERSION>, Value: traits::$Value<CURRENT_VERSION>>(
            &self,
            group: &Group,
        ) -> Result<Option<Value>, StorageError> {
            self.get(Kind::$kind, group)
        }

        fn $delete<Group: traits::GroupId<CURRENT_VERSION>>(&self, group: &Group) -> Done {
            self.delete(Kind::$kind, group)
        }
    )* };
}

impl StorageProvider<CURRENT_VERSION> for MlsStorage<'_> {
    type Error = StorageError;

    one_a_group! {
        Tree: TreeSync, write_tree, tree, delete_tree;
        GroupContext: GroupContext, write_context, group_context, delete_context;
        InterimTranscriptHash: InterimTranscriptHash,
            write_interim_transcript_hash, interim_transcript_hash, delete_interim_transcript_hash;
        ConfirmationTag: ConfirmationTag, write_confirmation_tag, confirmation_tag, delete_confirmation_tag;
        JoinConfig: MlsGroupJoinConfig, write_mls_join_config, mls_group_join_config, delete_group_config;
        OwnLeafIndex: LeafNodeIndex, write_own_leaf_index, own_leaf_index, delete_own_leaf_index;
        EpochSecrets: GroupEpochSecrets, write_group_epoch_secrets, group_epoch_secrets, delete_group_epoch_secrets;
        ResumptionPsks: ResumptionPskStore,
            write_resumption_psk_store, resumption_psk_store, delete_all_resumption_psk_secrets;
        MessageSecrets: MessageSecrets, write_message_secrets, message_secrets, delete_message_secrets;
    }

    fn write_group_state<State: traits::GroupState<CURRENT_VERSION>, Group: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &Group,
        state: &State,
    ) -> Done {
        self.put(Kind::GroupState, group, state)
    }

    fn group_state<State: traits::GroupState<CURRENT_VERSION>, Group: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group: &Group,
    ) -> Result<Option<State>, StorageError> {
        self.get(Kind::GroupState, group)
    }

    fn delete_group_state<Group: traits::GroupId<CURRENT_VERSION>>(&self, group: &Group) -> Done {
        self.delete(Kind::GroupState, group)
    }

    fn append_own_leaf_node<Group: traits::GroupId<CURRENT_VERSION>, Leaf: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group: &Group,
        leaf: &Leaf,
    ) -> Done {
        self.push(List::OwnLeafNodes, group, None, leaf)
    }

    fn own_leaf_nodes<Group: traits::GroupId<CURRENT_VERSION>, Leaf: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group: &Group,
    ) -> Result<Vec<Leaf>, StorageError> {
        let items = self.items(List::OwnLeafNodes, group)?;
        self.tx
            .noting(items.iter().map(|(_, value)| codec::decode(value)).collect())
    }

    fn delete_own_leaf_nodes<Group: traits::GroupId<CURRENT_VERSION>>(&self, group: &Group) -> Done {
        self.delete_items(List::OwnLeafNodes, group)
    }

    fn queue_proposal<
        Group: traits::GroupId<CURRENT_VERSION>,
        Ref: traits::ProposalRef<CURRENT_VERSION>,
        Proposal: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group: &Group,
        reference: &Ref,
        proposal: &Proposal,
    ) -> Done {
        let item = self.tx.noting(codec::encode(reference))?;
        self.push(List::QueuedProposals, group, Some(item.to_vec()), proposal)
    }

    fn queued_proposal_refs<Group: traits::GroupId<CURRENT_VERSION>, Ref: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &Group,
    ) -> Result<Vec<Ref>, StorageError> {
        let items = self.items(List::QueuedProposals, group)?;
        self.tx
            .noting(items.iter().map(|(item, _)| reference(item.as_deref())).collect())
    }

    fn queued_proposals<
        Group: traits::GroupId<CURRENT_VERSION>,
        Ref: traits::ProposalRef<CURRENT_VERSION>,
        Proposal: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group: &Group,
    ) -> Result<Vec<(Ref, Proposal)>, StorageError> {
        let items = self.items(List::QueuedProposals, group)?;
        let pair = |(item, value): &Item| Ok((reference(item.as_deref())?, codec::decode(value)?));
        self.tx.noting(items.iter().map(pair).collect())
    }

    fn remove_proposal<Group: traits::GroupId<CURRENT_VERSION>, Ref: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &Group,
        reference: &Ref,
    ) -> Done {
        self.tx.with(|db| {
            let (key, item) = (codec::key(group)?, codec::encode(reference)?);
            run(
                db,
                "DELETE FROM mls_items WHERE kind = :kind AND key = :key AND item = :item",
                named_params! { ":kind": List::QueuedProposals as u8, ":key": key, ":item": item.as_slice() },
            )
        })
    }

    fn clear_proposal_queue<Group: traits::GroupId<CURRENT_VERSION>, Ref: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group: &Group,
    ) -> Done {
        self.delete_items(List::QueuedProposals, group)
    }

    fn write_signature_key_pair<
        Public: traits::SignaturePublicKey<CURRENT_VERSION>,
        Pair: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        public: &Public,
        pair: &Pair,
    ) -> Done {
        self.put(Kind::SignatureKeyPair, public, pair)
    }

    fn signature_key_pair<
        Public: traits::SignaturePublicKey<CURRENT_VERSION>,
        Pair: traits::SignatureKeyPair<CURRENT_VERSION>,
    >(
        &self,
        public: &Public,
    ) -> Result<Option<Pair>, StorageError> {
        self.get(Kind::SignatureKeyPair, public)
    }

    fn delete_signature_key_pair<Public: traits::SignaturePublicKey<CURRENT_VERSION>>(&self, public: &Public) -> Done {
        self.delete(Kind::SignatureKeyPair, public)
    }

    fn write_encryption_key_pair<
        Public: traits::EncryptionKey<CURRENT_VERSION>,
        Pair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        public: &Public,
        pair: &Pair,
    ) -> Done {
        self.put(Kind::EncryptionKeyPair, public, pair)
    }

    fn encryption_key_pair<
        Pair: traits::HpkeKeyPair<CURRENT_VERSION>,
        Public: traits::EncryptionKey<CURRENT_VERSION>,
    >(
        &self,
        public: &Public,
    ) -> Result<Option<Pair>, StorageError> {
        self.get(Kind::EncryptionKeyPair, public)
    }

    fn delete_encryption_key_pair<Public: traits::EncryptionKey<CURRENT_VERSION>>(&self, public: &Public) -> Done {
        self.delete(Kind::EncryptionKeyPair, public)
    }

    fn write_encryption_epoch_key_pairs<
        Group: traits::GroupId<CURRENT_VERSION>,
        Epoch: traits::EpochKey<CURRENT_VERSION>,
        Pair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &Group,
        epoch: &Epoch,
        leaf_index: u32,
        pairs: &[Pair],
    ) -> Done {
        self.put(Kind::EpochKeyPairs, &(group, epoch, leaf_index), pairs)
    }

    fn encryption_epoch_key_pairs<
        Group: traits::GroupId<CURRENT_VERSION>,
        Epoch: traits::EpochKey<CURRENT_VERSION>,
        Pair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group: &Group,
        epoch: &Epoch,
        leaf_index: u32,
    ) -> Result<Vec<Pair>, StorageError> {
        let found = self.get(Kind::EpochKeyPairs, &(group, epoch, leaf_index))?;
        Ok(found.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<
        Group: traits::GroupId<CURRENT_VERSION>,
        Epoch: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group: &Group,
        epoch: &Epoch,
        leaf_index: u32,
    ) -> Done {
        self.delete(Kind::EpochKeyPairs, &(group, epoch, leaf_index))
    }

    fn write_key_package<
        Ref: traits::HashReference<CURRENT_VERSION>,
        KeyPackage: traits::KeyPackage<CURRENT_VERSION>,
    >(
        &self,
        reference: &Ref,
        key_package: &KeyPackage,
    ) -> Done {
        self.put(Kind::KeyPackage, reference, key_package)
    }

    fn key_package<Ref: traits::HashReference<CURRENT_VERSION>, KeyPackage: traits::KeyPackage<CURRENT_VERSION>>(
        &self,
        reference: &Ref,
    ) -> Result<Option<KeyPackage>, StorageError> {
        self.get(Kind::KeyPackage, reference)
    }

    fn delete_key_package<Ref: traits::HashReference<CURRENT_VERSION>>(&self, reference: &Ref) -> Done {
        self.delete(Kind::KeyPackage, reference)
    }

    fn write_psk<Id: traits::PskId<CURRENT_VERSION>, Psk: traits::PskBundle<CURRENT_VERSION>>(
        &self,
        id: &Id,
        psk: &Psk,
    ) -> Done {
        self.put(Kind::Psk, id, psk)
    }

    fn psk<Psk: traits::PskBundle<CURRENT_VERSION>, Id: traits::PskId<CURRENT_VERSION>>(
        &self,
        id: &Id,
    ) -> Result<Option<Psk>, StorageError> {
        self.get(Kind::Psk, id)
    }

    fn delete_psk<Id: traits::PskId<CURRENT_VERSION>>(&self, id: &Id) -> Done {
        self.delete(Kind::Psk, id)
    }
}

fn reference<Ref: DeserializeOwned>(item: Option<&[u8]>) -> Result<Ref, StorageError> {
    codec::decode(item.ok_or(StorageError::Format)?)
}

fn run(db: &Connection, sql: &str, values: &[(&str, &dyn rusqlite::ToSql)]) -> Done {
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
