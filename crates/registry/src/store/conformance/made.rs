//! Rows to put into commands.

use chancery_base::Ulid;
use chancery_identity::{HumanDid, token::StoredToken};
use chancery_relay_wire::registry::{HumanStatus, Role, Status};

use super::driver::Driver;
use crate::store::model::{ApiKey, Human, Service, SessionTokens};

impl Driver {
    pub(super) fn ulid(&mut self) -> Ulid {
        self.next += 1;
        // not in the order of time, as real ones within one millisecond are not
        let mut bytes = [0; 16];
        bytes[8] = (self.next as u8).reverse_bits();
        bytes[9..].copy_from_slice(&self.next.to_be_bytes()[1..]);
        Ulid::from_bytes(bytes)
    }

    pub(super) fn token(&mut self) -> StoredToken {
        self.next += 1;
        StoredToken {
            prefix: format!("p{}", self.next % 3),
            hash: format!("h{}", self.next),
        }
    }

    pub(super) fn human(&mut self, id: Ulid, role: Role) -> (Human, ApiKey) {
        let human = Human {
            did: HumanDid::new(&self.authority, id),
            display_name: "Somebody".parse().unwrap(),
            role,
            status: HumanStatus::Active,
            created_at: self.now,
            updated_at: self.now,
        };
        (human, self.key(id))
    }

    pub(super) fn key(&mut self, human: Ulid) -> ApiKey {
        ApiKey {
            id: self.ulid(),
            human,
            token: self.token(),
            name: "key".parse().unwrap(),
            status: Status::Active,
            created_at: self.now,
            last_used_at: None,
        }
    }

    pub(super) fn service(&mut self, id: usize, name: usize) -> Service {
        Service {
            id: format!("service-{id}"),
            name: format!("{}{name}", if name.is_multiple_of(2) { "Name" } else { "name" }),
            secret: self.token(),
            scopes: vec!["identity.read".to_owned()],
            status: Status::Active,
            created_by: Ulid::NIL,
            rotated_at: None,
            last_used_at: None,
            created_at: self.now,
            updated_at: self.now,
        }
    }

    pub(super) fn session_tokens(&mut self) -> SessionTokens {
        SessionTokens {
            refresh: self.token(),
            access: self.token(),
            issued_at: self.now,
            refresh_expires_at: self.now.plus(30 * 24 * 3_600_000),
            access_expires_at: self.now.plus(900_000),
        }
    }
}
