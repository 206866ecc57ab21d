//! People, their keys and invites.

use chancery_relay_wire::registry::{HumanStatus, Role, Status};
use chancery_store::{
    StoreError,
    rusqlite::{self, Connection, OptionalExtension as _, params},
};

use super::{
    FindInSqlite, OnSqlite,
    rows::{API_KEY, Columns, HUMAN, INVITE, status_text},
    services,
};
use crate::store::{
    Failure,
    commands::{
        Bootstrap, BootstrapRefusal, CreateApiKey, CreateInvite, Never, NotFound, Redeem, RedeemRefusal, RevokeApiKey,
        SetHumanStatus, TouchApiKey,
    },
    model::{ApiKey, Human},
    queries::{ApiKeysByPrefix, ApiKeysOf},
};

fn insert_human(tx: &Connection, human: &Human) -> rusqlite::Result<()> {
    let role = match human.role {
        Role::Admin => "admin",
        Role::User => "user",
    };
    tx.prepare_cached(&format!(
        "INSERT INTO humans (id, {HUMAN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    ))?
    .execute(params![
        human.did.ulid().to_string(),
        human.did.as_str(),
        human.display_name.as_str(),
        role,
        human_status(human.status),
        human.created_at.0,
        human.updated_at.0,
    ])?;
    Ok(())
}

fn insert_key(tx: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO api_keys (id, human_id, key_prefix, key_hash, name, status, created_at_ms, last_used_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        key.id.to_string(),
        key.human.to_string(),
        key.token.prefix,
        key.token.hash,
        key.name.as_str(),
        status_text(key.status),
        key.created_at.0,
        key.last_used_at.map(|at| at.0),
    ])?;
    Ok(())
}

fn human_status(status: HumanStatus) -> &'static str {
    match status {
        HumanStatus::Active => "active",
        HumanStatus::Suspended => "suspended",
    }
}

impl OnSqlite for Bootstrap {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<BootstrapRefusal>> {
        if tx
            .prepare_cached("SELECT 1 FROM humans WHERE role = 'admin' LIMIT 1")?
            .exists([])?
        {
            return Err(Failure::Refused(BootstrapRefusal::AlreadyCompleted));
        }
        insert_human(tx, &self.human)?;
        insert_key(tx, &self.key)?;
        services::ensure(tx, self.service)?;
        Ok(())
    }
}

impl OnSqlite for CreateInvite {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<Never>> {
        let invite = self.invite;
        tx.prepare_cached(&format!(
            "INSERT INTO invites ({INVITE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ))?
        .execute(params![
            invite.id.to_string(),
            invite.code_hash,
            invite.created_by.to_string(),
            invite.redeemed_by.map(|id| id.to_string()),
            invite.expires_at.map(|at| at.0),
            invite.created_at.0,
        ])?;
        Ok(())
    }
}

impl OnSqlite for Redeem {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<RedeemRefusal>> {
        let found = tx
            .prepare_cached(&format!("SELECT {INVITE} FROM invites WHERE code_hash = ?1"))?
            .query_row([&self.code_hash], |row| Columns::new(row).invite())
            .optional()?;
        let invite = found.ok_or(Failure::Refused(RedeemRefusal::Unknown))?;
        if invite.redeemed_by.is_some() {
            return Err(Failure::Refused(RedeemRefusal::AlreadyUsed));
        }
        if invite.expires_at.is_some_and(|at| self.now >= at) {
            return Err(Failure::Refused(RedeemRefusal::Expired));
        }
        insert_human(tx, &self.human)?;
        insert_key(tx, &self.key)?;
        tx.prepare_cached("UPDATE invites SET redeemed_by = ?2 WHERE id = ?1 AND redeemed_by IS NULL")?
            .execute(params![invite.id.to_string(), self.human.did.ulid().to_string()])?;
        Ok(())
    }
}

impl OnSqlite for CreateApiKey {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<Never>> {
        Ok(insert_key(tx, &self.key)?)
    }
}

impl OnSqlite for RevokeApiKey {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<NotFound>> {
        let changed = tx
            .prepare_cached("UPDATE api_keys SET status = ?3 WHERE id = ?1 AND human_id = ?2")?
            .execute(params![
                self.id.to_string(),
                self.human.to_string(),
                status_text(Status::Revoked)
            ])?;
        if changed == 0 {
            Err(Failure::Refused(NotFound))
        } else {
            Ok(())
        }
    }
}

impl OnSqlite for TouchApiKey {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<Never>> {
        tx.prepare_cached("UPDATE api_keys SET last_used_at_ms = ?2 WHERE id = ?1")?
            .execute(params![self.id.to_string(), self.now.0])?;
        Ok(())
    }
}

impl OnSqlite for SetHumanStatus {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<NotFound>> {
        let changed = tx
            .prepare_cached("UPDATE humans SET status = ?2, updated_at_ms = ?3 WHERE id = ?1")?
            .execute(params![self.human.to_string(), human_status(self.status), self.now.0])?;
        if changed == 0 {
            Err(Failure::Refused(NotFound))
        } else {
            Ok(())
        }
    }
}

impl FindInSqlite for ApiKeysByPrefix {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Vec<(ApiKey, Human)>, StoreError> {
        let human = HUMAN
            .split(", ")
            .map(|column| format!("h.{column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let sql = format!(
            "SELECT {API_KEY}, {human} FROM api_keys k JOIN humans h ON h.id = k.human_id
             WHERE k.key_prefix = ?1 ORDER BY k.id"
        );
        let found = connection
            .prepare_cached(&sql)?
            .query_map([&self.prefix], |row| {
                Ok((Columns::new(row).api_key()?, Columns::from(row, 8).human()?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }
}

impl FindInSqlite for ApiKeysOf {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Vec<ApiKey>, StoreError> {
        let sql = format!("SELECT {API_KEY} FROM api_keys k WHERE k.human_id = ?1 ORDER BY k.id DESC");
        let found = connection
            .prepare_cached(&sql)?
            .query_map([self.human.to_string()], |row| Columns::new(row).api_key())?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }
}
