//! The steps.

use std::sync::Arc;

use chancery_base::digest::blake3;
use chancery_store::rusqlite::{Connection, Result, params};

use super::{
    OnSqlite,
    recent::{MessageHash, Recent, Sequence},
};
use crate::store::{
    Failure,
    commands::{
        AppendCommitEntries, AppendGroupMessages, AppendIdentityUpdate, AppendWelcomes, Never, Overtaken,
        PutKeyPackage, Superseded,
    },
    model::{GroupMessage, Welcome},
};

impl OnSqlite for AppendGroupMessages {
    fn on_sqlite(self, tx: &Connection, recent: &Recent) -> Result<Self::Done, Failure<Never>> {
        let mut appending = recent.append(tx)?;
        let mut insert = tx.prepare_cached(
            "INSERT INTO group_messages
                 (id, created_ns, group_id, data_hash, is_commit, should_push, sender_hmac, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut appended = Vec::with_capacity(self.messages.len());
        for message in self.messages {
            let data_hash = blake3([&*message.data]);
            let hash = MessageHash::of(&message.group, &data_hash);
            if appending.has(&hash)? {
                continue;
            }
            let next = appending.next(self.now_ns);
            insert.execute(params![
                next.id,
                next.created_ns,
                &*message.group,
                data_hash,
                message.is_commit,
                message.should_push,
                &*message.sender_hmac,
                &*message.data,
            ])?;
            appending.add(next, &message.group, hash);
            appended.push(Arc::new(GroupMessage {
                id: next.id,
                created_ns: next.created_ns,
                message,
            }));
        }
        Ok(appended)
    }
}

impl OnSqlite for AppendWelcomes {
    fn on_sqlite(self, tx: &Connection, _: &Recent) -> Result<Self::Done, Failure<Never>> {
        let mut last = Sequence::of(tx, "SELECT id, created_ns FROM welcomes ORDER BY id DESC LIMIT 1")?;
        let mut insert = tx.prepare_cached(
            "INSERT INTO welcomes
                 (id, created_ns, installation, data_hash, kind, wrapper_algorithm, hpke_public_key, metadata, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (installation, data_hash) DO NOTHING",
        )?;
        let mut appended = Vec::with_capacity(self.welcomes.len());
        for welcome in self.welcomes {
            let next = last.next(self.now_ns);
            let inserted = insert.execute(params![
                next.id,
                next.created_ns,
                welcome.installation.0,
                blake3([&*welcome.data]),
                welcome.kind as u8,
                welcome.wrapper_algorithm,
                &*welcome.hpke_public_key,
                &*welcome.metadata,
                &*welcome.data,
            ])?;
            if inserted == 0 {
                continue;
            }
            last = next;
            appended.push(Arc::new(Welcome {
                id: next.id,
                created_ns: next.created_ns,
                welcome,
            }));
        }
        Ok(appended)
    }
}

impl OnSqlite for PutKeyPackage {
    fn on_sqlite(self, tx: &Connection, _: &Recent) -> Result<(), Failure<Superseded>> {
        let key = params![self.installation.0, self.init_key];
        let superseded = tx
            .prepare_cached(
                "SELECT 1 FROM init_keys WHERE installation = ?1 AND init_key = ?2 AND NOT EXISTS
                     (SELECT 1 FROM key_packages WHERE installation = ?1 AND init_key = ?2)",
            )?
            .exists(key)?;
        if superseded {
            return Err(Failure::Refused(Superseded));
        }
        tx.prepare_cached("INSERT INTO init_keys (installation, init_key) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(key)?;
        tx.prepare_cached(
            "INSERT INTO key_packages (installation, inbox_id, updated_ns, key_package, init_key)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (installation) DO UPDATE SET
                 inbox_id = excluded.inbox_id, updated_ns = excluded.updated_ns, key_package = excluded.key_package,
                 init_key = excluded.init_key",
        )?
        .execute(params![
            self.installation.0,
            self.inbox,
            self.now_ns,
            &*self.key_package,
            self.init_key
        ])?;
        Ok(())
    }
}

impl OnSqlite for AppendIdentityUpdate {
    fn on_sqlite(self, tx: &Connection, _: &Recent) -> Result<u64, Failure<Overtaken>> {
        let last: Option<u64> = tx
            .prepare_cached("SELECT max(sequence_id) FROM inbox_log WHERE inbox_id = ?1")?
            .query_row([&self.inbox], |row| row.get(0))?;
        if last.unwrap_or(0) != self.after {
            return Err(Failure::Refused(Overtaken));
        }
        let last = "SELECT sequence_id, server_timestamp_ns FROM inbox_log ORDER BY sequence_id DESC LIMIT 1";
        let next = Sequence::of(tx, last)?.next(self.now_ns);
        tx.prepare_cached(
            "INSERT INTO inbox_log (sequence_id, inbox_id, server_timestamp_ns, identity_update)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![next.id, self.inbox, next.created_ns, &*self.update])?;

        let mut leave = tx.prepare_cached(
            "UPDATE address_log SET revocation_sequence_id = ?4
             WHERE kind = ?1 AND identifier = ?2 AND inbox_id = ?3 AND revocation_sequence_id IS NULL",
        )?;
        for identifier in &self.membership.identifiers_removed {
            leave.execute(params![identifier.kind as u8, identifier.text, self.inbox, next.id])?;
        }
        let mut join = tx.prepare_cached(
            "INSERT INTO address_log (kind, identifier, association_sequence_id, inbox_id) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for identifier in &self.membership.identifiers_added {
            join.execute(params![identifier.kind as u8, identifier.text, next.id, self.inbox])?;
        }
        let mut revoke =
            tx.prepare_cached("UPDATE installations SET revoked = 1 WHERE installation = ?1 AND inbox_id = ?2")?;
        for installation in &self.membership.installations_removed {
            revoke.execute(params![installation.0, self.inbox])?;
        }
        let mut add = tx.prepare_cached(
            "INSERT INTO installations (installation, inbox_id, revoked) VALUES (?1, ?2, 0)
             ON CONFLICT (installation) DO UPDATE SET inbox_id = excluded.inbox_id, revoked = 0",
        )?;
        for installation in &self.membership.installations_added {
            add.execute(params![installation.0, self.inbox])?;
        }
        Ok(next.id)
    }
}

impl OnSqlite for AppendCommitEntries {
    fn on_sqlite(self, tx: &Connection, _: &Recent) -> Result<(), Failure<Never>> {
        let mut insert =
            tx.prepare_cached("INSERT INTO commit_log (group_id, signature, entry) VALUES (?1, ?2, ?3)")?;
        for entry in &self.entries {
            insert.execute(params![&*entry.group, &*entry.signature, &*entry.entry])?;
        }
        Ok(())
    }
}
