//! Rows to structs.

use std::str::FromStr;

use chancery_base::{Millis, Ulid, ed25519::PublicKey};
use chancery_identity::{revocation::Scope, token::StoredToken};
use chancery_relay_wire::registry::{HumanStatus, Role, Status};
use chancery_store::rusqlite::{self, Row, types::Type};

use crate::store::model::{
    Agent, ApiKey, Challenge, Human, Invite, Previous, Revocation, Service, Session, SessionTokens,
};

pub(super) const HUMAN: &str = "did, display_name, role, status, created_at_ms, updated_at_ms";
pub(super) const API_KEY: &str =
    "k.id, k.human_id, k.key_prefix, k.key_hash, k.name, k.status, k.created_at_ms, k.last_used_at_ms";
pub(super) const INVITE: &str = "id, code_hash, created_by, redeemed_by, expires_at_ms, created_at_ms";
pub(super) const CHALLENGE: &str = "id, owner_id, public_key, nonce, expires_at_ms, used_at_ms, created_at_ms";
pub(super) const AGENT: &str = "did, owner_did, name, framework, public_key, current_jti, ttl_days, status, \
                                expires_at_ms, created_at_ms, updated_at_ms";
pub(super) const SESSION: &str = "id, agent_id, refresh_prefix, refresh_hash, access_prefix, access_hash, issued_at_ms, \
                                  refresh_expires_at_ms, access_expires_at_ms, access_last_used_at_ms, previous_hash, \
                                  previous_until_ms, sealed_successor, status, revoked_at_ms, created_at_ms, \
                                  updated_at_ms";
pub(super) const REVOCATION: &str = "seq, agent_did, jti, scope, reason, revoked_at_ms, token_expires_at_ms";
pub(super) const SERVICE: &str = "id, name, secret_prefix, secret_hash, scopes_json, status, created_by, rotated_at_ms, \
                                  last_used_at_ms, created_at_ms, updated_at_ms";

/// Reads the columns of a row from left to right.
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn new(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// Begins at column `at`.
    pub(super) fn from(row: &'a Row<'a>, at: usize) -> Self {
        Self { row, next: at }
    }

    pub(super) fn get<T: rusqlite::types::FromSql>(&mut self) -> rusqlite::Result<T> {
        let at = self.next;
        self.next += 1;
        self.row.get(at)
    }

    /// A text that is read as `T`.
    fn parsed<T>(&mut self) -> rusqlite::Result<T>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let at = self.next;
        let text: String = self.get()?;
        text.parse().map_err(|error| broken(at, error))
    }

    fn choice<T>(&mut self, choose: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
        let at = self.next;
        let text: String = self.get()?;
        choose(&text).ok_or_else(|| broken(at, UnknownChoice(text)))
    }

    fn millis(&mut self) -> rusqlite::Result<Millis> {
        self.get().map(Millis)
    }

    fn maybe_millis(&mut self) -> rusqlite::Result<Option<Millis>> {
        self.get::<Option<i64>>().map(|at| at.map(Millis))
    }

    fn maybe_ulid(&mut self) -> rusqlite::Result<Option<Ulid>> {
        let at = self.next;
        let text: Option<String> = self.get()?;
        text.map(|text| text.parse().map_err(|error| broken(at, error)))
            .transpose()
    }

    fn token(&mut self) -> rusqlite::Result<StoredToken> {
        Ok(StoredToken {
            prefix: self.get()?,
            hash: self.get()?,
        })
    }

    fn status(&mut self) -> rusqlite::Result<Status> {
        self.choice(|text| match text {
            "active" => Some(Status::Active),
            "revoked" => Some(Status::Revoked),
            _ => None,
        })
    }

    fn public_key(&mut self) -> rusqlite::Result<PublicKey> {
        let at = self.next;
        let text: String = self.get()?;
        PublicKey::from_b64(&text).map_err(|error| broken(at, error))
    }

    fn unsigned<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(&mut self) -> rusqlite::Result<T> {
        let at = self.next;
        T::try_from(self.get::<i64>()?).map_err(|error| broken(at, error))
    }

    pub(super) fn human(&mut self) -> rusqlite::Result<Human> {
        Ok(Human {
            did: self.parsed()?,
            display_name: self.parsed()?,
            role: self.choice(|text| match text {
                "admin" => Some(Role::Admin),
                "user" => Some(Role::User),
                _ => None,
            })?,
            status: self.choice(|text| match text {
                "active" => Some(HumanStatus::Active),
                "suspended" => Some(HumanStatus::Suspended),
                _ => None,
            })?,
            created_at: self.millis()?,
            updated_at: self.millis()?,
        })
    }

    pub(super) fn api_key(&mut self) -> rusqlite::Result<ApiKey> {
        Ok(ApiKey {
            id: self.parsed()?,
            human: self.parsed()?,
            token: self.token()?,
            name: self.parsed()?,
            status: self.status()?,
            created_at: self.millis()?,
            last_used_at: self.maybe_millis()?,
        })
    }

    pub(super) fn invite(&mut self) -> rusqlite::Result<Invite> {
        Ok(Invite {
            id: self.parsed()?,
            code_hash: self.get()?,
            created_by: self.parsed()?,
            redeemed_by: self.maybe_ulid()?,
            expires_at: self.maybe_millis()?,
            created_at: self.millis()?,
        })
    }

    pub(super) fn challenge(&mut self) -> rusqlite::Result<Challenge> {
        Ok(Challenge {
            id: self.parsed()?,
            owner: self.parsed()?,
            public_key: self.public_key()?,
            nonce: self.get()?,
            expires_at: self.millis()?,
            used_at: self.maybe_millis()?,
            created_at: self.millis()?,
        })
    }

    pub(super) fn agent(&mut self) -> rusqlite::Result<Agent> {
        Ok(Agent {
            did: self.parsed()?,
            owner: self.parsed()?,
            name: self.parsed()?,
            framework: self.parsed()?,
            public_key: self.public_key()?,
            current_jti: self.parsed()?,
            ttl_days: self.unsigned()?,
            status: self.status()?,
            expires_at: self.millis()?,
            created_at: self.millis()?,
            updated_at: self.millis()?,
        })
    }

    pub(super) fn session(&mut self) -> rusqlite::Result<Session> {
        Ok(Session {
            id: self.parsed()?,
            agent: self.parsed()?,
            tokens: SessionTokens {
                refresh: self.token()?,
                access: self.token()?,
                issued_at: self.millis()?,
                refresh_expires_at: self.millis()?,
                access_expires_at: self.millis()?,
            },
            access_last_used_at: self.maybe_millis()?,
            previous: {
                let (hash, until, successor): (Option<String>, _, _) = (self.get()?, self.maybe_millis()?, self.get()?);
                hash.zip(until).map(|(hash, until)| Previous { hash, until, successor })
            },
            status: self.status()?,
            revoked_at: self.maybe_millis()?,
            created_at: self.millis()?,
            updated_at: self.millis()?,
        })
    }

    pub(super) fn revocation(&mut self) -> rusqlite::Result<Revocation> {
        Ok(Revocation {
            seq: self.unsigned()?,
            agent: self.parsed()?,
            jti: self.parsed()?,
            scope: self.choice(|text| match text {
                "agent" => Some(Scope::Agent),
                "token" => Some(Scope::Token),
                "session" => Some(Scope::Session),
                _ => None,
            })?,
            reason: self.get()?,
            revoked_at: self.millis()?,
            token_expires_at: self.millis()?,
        })
    }

    pub(super) fn service(&mut self) -> rusqlite::Result<Service> {
        Ok(Service {
            id: self.get()?,
            name: self.get()?,
            secret: self.token()?,
            scopes: {
                let at = self.next;
                let text: String = self.get()?;
                serde_json::from_str(&text).map_err(|error| broken(at, error))?
            },
            status: self.status()?,
            created_by: self.parsed()?,
            rotated_at: self.maybe_millis()?,
            last_used_at: self.maybe_millis()?,
            created_at: self.millis()?,
            updated_at: self.millis()?,
        })
    }
}

/// A text that is none of those that the column may hold.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a value of this column")]
struct UnknownChoice(String);

fn broken(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

pub(super) fn status_text(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Revoked => "revoked",
    }
}

pub(super) fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::Token => "token",
        Scope::Session => "session",
        // a scope that is not known here takes back the most
        _ => "agent",
    }
}
