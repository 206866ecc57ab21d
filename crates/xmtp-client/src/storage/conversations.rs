//! Which groups are conversations, and what is known of them beside what MLS keeps.

use chancery_store::rusqlite::{self, OptionalExtension as _, Row};
use chancery_xmtp_wire::{group::Disappearing, identity::InboxId};
use openmls::group::GroupId;

use super::{Position, StorageError, Tx};
use crate::client::Consent;

/// A conversation that we made or joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConversation {
    /// Its group.
    pub group: GroupId,
    /// The other inbox of a DM; `None` for a group.
    pub peer: Option<InboxId>,
    /// When we made or joined it, nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// Whether we want it.
    pub consent: Consent,
}

/// A conversation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its place in the order in which we came to know them.
    pub position: Position,
    /// What it was made with.
    pub new: NewConversation,
    /// Its name.
    pub name: String,
    /// When the network took its latest message, nanoseconds since the Unix epoch; 0 when there is none.
    pub last_ns: u64,
    /// Whether we are a member.
    pub active: bool,
    /// The version that it waits for.
    pub paused_for: Option<String>,
    /// A commit could not be processed.
    pub maybe_forked: bool,
    /// From when and after how long messages disappear.
    pub disappearing: Option<Disappearing>,
    /// Our keys in it.
    pub keys: Keys,
}

/// Our keys in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// When we came to have them, by our own clock, nanoseconds since the Unix epoch; or when the group would not have new
    /// ones.
    pub since_ns: u64,
    /// Whether they are those of a key package, which the group has not been asked to replace yet.
    pub of_key_package: bool,
}

const COLUMNS: &str = "position, group_id, peer, created_ns, consent, name, last_ns, active, paused_for, maybe_forked, \
     disappear_from_ns, disappear_in_ns, keys_ns, keys_ours";

impl Tx<'_> {
    /// Records a conversation in which our keys are these. One that is there already becomes active again, and keeps its
    /// place.
    ///
    /// # Errors
    /// Those of every write.
    pub fn record_conversation(&self, new: &NewConversation, keys: Keys) -> Result<(), StorageError> {
        let Position(last) = self.last_position()?;
        self.with(|db| {
            db.prepare_cached(
                "INSERT INTO conversations (position, group_id, peer, created_ns, consent, keys_ns, keys_ours)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (group_id) DO UPDATE
                     SET active = 1, maybe_forked = 0, keys_ns = excluded.keys_ns, keys_ours = excluded.keys_ours",
            )?
            .execute((
                last + 1,
                new.group.as_slice(),
                new.peer.map(InboxId::to_bytes),
                new.created_ns,
                consent_number(new.consent),
                keys.since_ns,
                !keys.of_key_package,
            ))?;
            Ok(())
        })
    }

    /// All conversations after `after`, in order; from `Position(0)` on it is all of them.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn conversations_after(&self, after: Position) -> Result<Vec<ConversationRow>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM conversations WHERE position > ?1 ORDER BY position"
            ))?;
            let found = statement.query_map([after.0], conversation)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The conversation of this group.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn conversation(&self, group: &GroupId) -> Result<Option<ConversationRow>, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM conversations WHERE group_id = ?1"))?
                .query_row([group.as_slice()], conversation)
                .optional()?)
        })
    }

    /// The groups that stand for the DM with `peer`: the one in which we write first. That is the one that we are in and
    /// where something was said last.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn dms_with(&self, peer: InboxId) -> Result<Vec<ConversationRow>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM conversations WHERE peer = ?1
                 ORDER BY active DESC, last_ns DESC, created_ns DESC, position"
            ))?;
            let found = statement.query_map([peer.to_bytes()], conversation)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Records what a group is called now, and when its messages disappear.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_settings(
        &self,
        group: &GroupId,
        name: &str,
        disappearing: Option<Disappearing>,
    ) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached(
                "UPDATE conversations SET name = ?2, disappear_from_ns = ?3, disappear_in_ns = ?4 WHERE group_id = ?1",
            )?
            .execute((
                group.as_slice(),
                name,
                disappearing.map(|it| it.from_ns),
                disappearing.map(|it| it.in_ns),
            ))?;
            Ok(())
        })
    }

    /// Records that the network took a message of the group at this time.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_spoke(&self, group: &GroupId, at_ns: u64) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE conversations SET last_ns = max(last_ns, ?2) WHERE group_id = ?1")?
                .execute((group.as_slice(), at_ns))?;
            Ok(())
        })
    }

    /// Records that we are a member no more.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_left(&self, group: &GroupId) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE conversations SET active = 0 WHERE group_id = ?1")?
                .execute([group.as_slice()])?;
            Ok(())
        })
    }

    /// Records the version that the conversation waits for, or that it waits for none.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_pauses(&self, group: &GroupId, version: Option<&str>) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE conversations SET paused_for = ?2 WHERE group_id = ?1")?
                .execute((group.as_slice(), version))?;
            Ok(())
        })
    }

    /// Records that a commit could not be processed: we may have parted from the others. Or that nothing speaks for that any
    /// more.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_may_fork(&self, group: &GroupId, may: bool) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE conversations SET maybe_forked = ?2 WHERE group_id = ?1")?
                .execute((group.as_slice(), may))?;
            Ok(())
        })
    }

    /// Records that a commit of ours renewed our keys at this time, or that the group would not have it: either way that is
    /// not due again before they are old.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_keys(&self, group: &GroupId, at_ns: u64) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE conversations SET keys_ns = ?2, keys_ours = 1 WHERE group_id = ?1")?
                .execute((group.as_slice(), at_ns))?;
            Ok(())
        })
    }

    /// Records whether we want the conversation. Says whether there is one.
    ///
    /// # Errors
    /// Those of every write.
    pub fn conversation_consent(&self, group: &GroupId, consent: Consent) -> Result<bool, StorageError> {
        self.with(|db| {
            let changed = db
                .prepare_cached("UPDATE conversations SET consent = ?2 WHERE group_id = ?1")?
                .execute((group.as_slice(), consent_number(consent)))?;
            Ok(changed > 0)
        })
    }

    /// Records whether we want to hear from an inbox.
    ///
    /// # Errors
    /// Those of every write.
    pub fn inbox_consents(&self, inbox: InboxId, consent: Consent) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("INSERT OR REPLACE INTO consents (inbox, consent) VALUES (?1, ?2)")?
                .execute((inbox.to_bytes(), consent_number(consent)))?;
            Ok(())
        })
    }

    /// Whether we want to hear from an inbox.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn inbox_consent(&self, inbox: InboxId) -> Result<Consent, StorageError> {
        self.with(|db| {
            let found = db
                .prepare_cached("SELECT consent FROM consents WHERE inbox = ?1")?
                .query_row([inbox.to_bytes()], |row| row.get(0))
                .optional()?;
            Ok(found.map_or(Consent::Unknown, consent_of))
        })
    }

    /// Records that a member asked to be removed.
    ///
    /// # Errors
    /// Those of every write.
    pub fn member_asks_to_leave(&self, group: &GroupId, inbox: InboxId) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("INSERT OR IGNORE INTO leaving (group_id, inbox) VALUES (?1, ?2)")?
                .execute((group.as_slice(), inbox.to_bytes()))?;
            Ok(())
        })
    }

    /// Who asked to be removed.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn leaving(&self, group: &GroupId) -> Result<Vec<InboxId>, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached("SELECT inbox FROM leaving WHERE group_id = ?1")?;
            let found = statement.query_map([group.as_slice()], |row| Ok(InboxId::from_bytes(row.get(0)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Records that these are members no more, and so ask for nothing.
    ///
    /// # Errors
    /// Those of every write.
    pub fn members_gone(&self, group: &GroupId, inboxes: &[InboxId]) -> Result<(), StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached("DELETE FROM leaving WHERE group_id = ?1 AND inbox = ?2")?;
            for inbox in inboxes {
                statement.execute((group.as_slice(), inbox.to_bytes()))?;
            }
            Ok(())
        })
    }
}

/// The numbers are in files: a released one never changes.
const fn consent_number(consent: Consent) -> u8 {
    match consent {
        Consent::Unknown => 0,
        Consent::Allowed => 1,
        Consent::Denied => 2,
    }
}

const fn consent_of(number: u8) -> Consent {
    match number {
        1 => Consent::Allowed,
        2 => Consent::Denied,
        _ => Consent::Unknown,
    }
}

fn conversation(row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    let peer: Option<[u8; 32]> = row.get(2)?;
    let from_ns: Option<i64> = row.get(10)?;
    let in_ns: Option<i64> = row.get(11)?;
    Ok(ConversationRow {
        position: Position(row.get(0)?),
        new: NewConversation {
            group: GroupId::from_slice(row.get_ref(1)?.as_blob()?),
            peer: peer.map(InboxId::from_bytes),
            created_ns: row.get(3)?,
            consent: consent_of(row.get(4)?),
        },
        name: row.get(5)?,
        last_ns: row.get(6)?,
        active: row.get(7)?,
        paused_for: row.get(8)?,
        maybe_forked: row.get(9)?,
        disappearing: from_ns
            .zip(in_ns)
            .map(|(from_ns, in_ns)| Disappearing { from_ns, in_ns }),
        keys: Keys {
            since_ns: row.get(12)?,
            of_key_package: !row.get::<_, bool>(13)?,
        },
    })
}
