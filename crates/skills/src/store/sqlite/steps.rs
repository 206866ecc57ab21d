//! The steps, in SQL.

use std::collections::BTreeSet;

use chancery_audit::Record;
use chancery_base::{Millis, Ulid, json};
use chancery_store::rusqlite::OptionalExtension as _;
use serde::Serialize;

use super::{Failure, OnSqlite, Writing};
use crate::{
    owner::Signed,
    store::{
        commands::{AcceptList, AddGrants, Decided, Install, Note, Remove, Revoke, RevokeGrants, Trust, Untrust, Use},
        model::Publisher,
    },
};

const REVOKE: &str = "UPDATE grants SET revoked_at = ?2, signature = NULL WHERE id = ?1 AND revoked_at IS NULL";

impl Writing<'_> {
    /// Whether a decision taken at `revision` still stands; it counts as the next one then.
    fn decide(&self, revision: u64) -> Result<bool, Failure> {
        Ok(self.write("UPDATE revision SET value = value + 1 WHERE value = ?1", [revision])? == 1)
    }

    fn count(&self) -> Result<(), Failure> {
        self.write("UPDATE revision SET value = value + 1", [])?;
        Ok(())
    }

    /// Grants of `skill_id` that are in force.
    fn grants_of(&self, skill_id: &str) -> Result<Vec<Ulid>, Failure> {
        let mut statement = self
            .tx
            .prepare_cached("SELECT id FROM grants WHERE skill_id = ?1 AND revoked_at IS NULL")?;
        let ids = statement
            .query_map([skill_id], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ids.into_iter().map(Ulid::from_bytes).collect())
    }

    fn put_publisher(&self, publisher: &Signed<Publisher>) -> Result<(), Failure> {
        self.write(
            "INSERT OR REPLACE INTO publishers (keyid, body, signature) VALUES (?1, ?2, ?3)",
            (&publisher.value.keyid, &publisher.body, publisher.signature.to_bytes()),
        )?;
        Ok(())
    }

    fn revoke(&self, ids: impl IntoIterator<Item = Ulid>, now: Millis) -> Result<usize, Failure> {
        ids.into_iter()
            .map(|id| self.write(REVOKE, (id.to_bytes(), now.0)))
            .sum()
    }
}

fn text<T: Serialize>(value: &T) -> Result<String, Failure> {
    json::canonical(value).map_err(|_| Failure::Row("a new row"))
}

impl OnSqlite for Install {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(Decided, Option<Record>), Failure> {
        if !tx.decide(self.revision)? {
            return Ok((Decided::Stale, None));
        }
        let skill = &self.skill.value;
        let kept: BTreeSet<Ulid> = self.grants.iter().map(|grant| grant.value.id).collect();
        let gone = tx.grants_of(&skill.id)?.into_iter().filter(|id| !kept.contains(id));
        tx.revoke(gone, self.now)?;
        for grant in &self.grants {
            tx.write(
                "INSERT INTO grants (id, skill_id, body, signature) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET body = excluded.body, signature = excluded.signature",
                (
                    grant.value.id.to_bytes(),
                    &grant.value.skill_id,
                    &grant.body,
                    grant.signature.to_bytes(),
                ),
            )?;
        }
        for publisher in &self.publishers {
            tx.put_publisher(publisher)?;
        }
        tx.write(
            "INSERT OR REPLACE INTO versions (skill_id, version, sha256) VALUES (?1, ?2, ?3)",
            (&skill.id, &skill.version, &skill.manifest),
        )?;
        tx.write(
            "INSERT OR REPLACE INTO pins (skill_id, body, signature) VALUES (?1, ?2, ?3)",
            (&skill.id, &self.pin.body, self.pin.signature.to_bytes()),
        )?;
        tx.write(
            "INSERT OR REPLACE INTO skills (id, body, signature) VALUES (?1, ?2, ?3)",
            (&skill.id, &self.skill.body, self.skill.signature.to_bytes()),
        )?;
        Ok((Decided::Done, Some(self.record)))
    }
}

impl OnSqlite for Remove {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(bool, Option<Record>), Failure> {
        if tx.write("DELETE FROM skills WHERE id = ?1", [&self.skill_id])? == 0 {
            return Ok((false, None));
        }
        tx.count()?;
        tx.revoke(tx.grants_of(&self.skill_id)?, self.now)?;
        Ok((true, Some(self.record)))
    }
}

impl OnSqlite for Trust {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(Decided, Option<Record>), Failure> {
        if !tx.decide(self.revision)? {
            return Ok((Decided::Stale, None));
        }
        tx.put_publisher(&self.publisher)?;
        Ok((Decided::Done, Some(self.record)))
    }
}

impl OnSqlite for Untrust {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(bool, Option<Record>), Failure> {
        let known = tx.write("DELETE FROM publishers WHERE keyid = ?1", [&self.keyid])? > 0;
        if known {
            tx.count()?;
        }
        Ok((known, known.then_some(self.record)))
    }
}

impl OnSqlite for AddGrants {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(Decided, Option<Record>), Failure> {
        if !tx.decide(self.revision)? {
            return Ok((Decided::Stale, None));
        }
        for grant in &self.grants {
            tx.write(
                "INSERT INTO grants (id, skill_id, body, signature) VALUES (?1, ?2, ?3, ?4)",
                (
                    grant.value.id.to_bytes(),
                    &grant.value.skill_id,
                    &grant.body,
                    grant.signature.to_bytes(),
                ),
            )?;
        }
        Ok((Decided::Done, Some(self.record)))
    }
}

impl OnSqlite for RevokeGrants {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(usize, Option<Record>), Failure> {
        let revoked = tx.revoke(self.ids, self.now)?;
        if revoked > 0 {
            tx.count()?;
        }
        Ok((revoked, (revoked > 0).then_some(self.record)))
    }
}

impl OnSqlite for Revoke {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<((), Option<Record>), Failure> {
        tx.count()?;
        tx.write(
            "INSERT INTO revocations (id, body) VALUES (?1, ?2)",
            (self.revocation.id.to_bytes(), text(&self.revocation)?),
        )?;
        Ok(((), Some(self.record)))
    }
}

impl OnSqlite for AcceptList {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(bool, Option<Record>), Failure> {
        let known: Option<u64> = tx
            .tx
            .prepare_cached("SELECT sequence FROM lists WHERE issuer = ?1")?
            .query_row([&self.list.issuer], |row| row.get(0))
            .optional()?;
        if known.is_some_and(|known| self.list.sequence <= known) {
            return Ok((false, None));
        }
        tx.count()?;
        tx.write(
            "INSERT OR REPLACE INTO lists (issuer, sequence, body) VALUES (?1, ?2, ?3)",
            (&self.list.issuer, self.list.sequence, text(&self.list)?),
        )?;
        Ok((true, Some(self.record)))
    }
}

impl OnSqlite for Use {
    fn on_sqlite(self, tx: &Writing<'_>) -> Result<(bool, Option<Record>), Failure> {
        let used = tx.write(
            "UPDATE grants SET used = used + 1 WHERE id = ?1 AND revoked_at IS NULL AND used < ?2",
            (self.id.to_bytes(), self.limit),
        )? == 1;
        Ok((used, used.then_some(self.record)))
    }
}

impl OnSqlite for Note {
    fn on_sqlite(self, _: &Writing<'_>) -> Result<((), Option<Record>), Failure> {
        Ok(((), Some(self.record)))
    }
}
