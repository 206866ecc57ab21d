//! Internal services.

use chancery_relay_wire::registry::Status;
use chancery_store::{
    StoreError,
    rusqlite::{self, Connection, OptionalExtension as _, params},
};

use super::{
    FindInSqlite, OnSqlite,
    rows::{Columns, SERVICE, status_text},
};
use crate::store::{
    Failure,
    commands::{AlreadyExists, CreateService, EnsureService, Never, RotateRefusal, RotateService, TouchService},
    model::Service,
    queries::{ServiceById, Services},
    rules,
};

/// Inserts `service` unless its id is there. When only its name is taken, its id is made part of the name.
pub(super) fn ensure(tx: &Connection, mut service: Service) -> rusqlite::Result<()> {
    if find(tx, &service.id)?.is_some() {
        return Ok(());
    }
    if tx
        .prepare_cached("SELECT 1 FROM internal_services WHERE name = ?1")?
        .exists([&service.name])?
    {
        service.name = rules::distinct_name(&service);
    }
    insert(tx, &service)
}

fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Service>> {
    connection
        .prepare_cached(&format!("SELECT {SERVICE} FROM internal_services WHERE id = ?1"))?
        .query_row([id], |row| Columns::new(row).service())
        .optional()
}

fn insert(tx: &Connection, service: &Service) -> rusqlite::Result<()> {
    tx.prepare_cached(&format!(
        "INSERT INTO internal_services ({SERVICE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    ))?
    .execute(params![
        service.id,
        service.name,
        service.secret.prefix,
        service.secret.hash,
        serde_json::Value::from(service.scopes.clone()).to_string(),
        status_text(service.status),
        service.created_by.to_string(),
        service.rotated_at.map(|at| at.0),
        service.last_used_at.map(|at| at.0),
        service.created_at.0,
        service.updated_at.0,
    ])?;
    Ok(())
}

impl OnSqlite for EnsureService {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<Never>> {
        Ok(ensure(tx, self.service)?)
    }
}

impl OnSqlite for CreateService {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<AlreadyExists>> {
        let service = &self.service;
        let mut taken = tx.prepare_cached("SELECT 1 FROM internal_services WHERE id = ?1 OR name = ?2")?;
        if taken.exists(params![service.id, service.name])? {
            return Err(Failure::Refused(AlreadyExists));
        }
        Ok(insert(tx, service)?)
    }
}

impl OnSqlite for RotateService {
    fn on_sqlite(self, tx: &Connection) -> Result<Service, Failure<RotateRefusal>> {
        let mut service = find(tx, &self.id)?.ok_or(Failure::Refused(RotateRefusal::NotFound))?;
        if service.status != Status::Active {
            return Err(Failure::Refused(RotateRefusal::InvalidState));
        }
        tx.prepare_cached(
            "UPDATE internal_services
             SET secret_prefix = ?2, secret_hash = ?3, rotated_at_ms = ?4, updated_at_ms = ?4 WHERE id = ?1",
        )?
        .execute(params![self.id, self.secret.prefix, self.secret.hash, self.now.0])?;
        service.secret = self.secret;
        service.rotated_at = Some(self.now);
        service.updated_at = self.now;
        Ok(service)
    }
}

impl OnSqlite for TouchService {
    fn on_sqlite(self, tx: &Connection) -> Result<(), Failure<Never>> {
        tx.prepare_cached("UPDATE internal_services SET last_used_at_ms = ?2 WHERE id = ?1")?
            .execute(params![self.id, self.now.0])?;
        Ok(())
    }
}

impl FindInSqlite for ServiceById {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Option<Service>, StoreError> {
        Ok(find(connection, &self.id)?)
    }
}

impl FindInSqlite for Services {
    fn find_in_sqlite(&self, connection: &Connection) -> Result<Vec<Service>, StoreError> {
        let sql = format!("SELECT {SERVICE} FROM internal_services ORDER BY created_at_ms DESC, id DESC");
        let found = connection
            .prepare_cached(&sql)?
            .query_map([], |row| Columns::new(row).service())?
            .collect::<rusqlite::Result<_>>()?;
        Ok(found)
    }
}
