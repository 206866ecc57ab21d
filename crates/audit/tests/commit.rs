//! Records and the effects they record, in one transaction of the store.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use std::sync::Arc;

use chancery_audit::{AuditError, Chain, Expect, Head, MIGRATION, Query, Record};
use chancery_base::ed25519::{PublicKey, SecretKey, Signature};
use chancery_store::rusqlite::Connection;
use chancery_store::{Command, Database, Migration, Options, StoreError};
use common::{key, record, trusting, ulid};

const EFFECTS: Migration = Migration {
    name: "effects",
    sql: "CREATE TABLE effects (number INTEGER PRIMARY KEY NOT NULL) STRICT",
};

struct Begin(Chain);

impl Command for Begin {
    type Output = ();
    type Error = AuditError;

    fn apply(self, tx: &Connection) -> Result<(), AuditError> {
        self.0.begin(tx, ulid(1)).map(|_| ())
    }
}

/// Does something and records it, in one of two orders, and may refuse after both.
struct Effect {
    chain: Chain,
    number: i64,
    record: Record,
    record_first: bool,
    refuse: bool,
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Refused {
    Audit(#[from] AuditError),
    Store(#[from] StoreError),
    #[error("refused")]
    Late,
}

impl Command for Effect {
    type Output = u64;
    type Error = Refused;

    fn apply(self, tx: &Connection) -> Result<u64, Refused> {
        let effect = || -> Result<(), Refused> {
            tx.execute("INSERT INTO effects VALUES (?1)", [self.number])
                .map_err(StoreError::from)?;
            Ok(())
        };
        if !self.record_first {
            effect()?;
        }
        let seq = self.chain.append(tx, self.record)?.seq;
        if self.record_first {
            effect()?;
        }
        if self.refuse { Err(Refused::Late) } else { Ok(seq) }
    }
}

fn effect(chain: &Chain, number: i64) -> Effect {
    Effect {
        chain: chain.clone(),
        number,
        record: record(number),
        record_first: number % 2 == 0,
        refuse: false,
    }
}

fn open(dir: &tempfile::TempDir) -> Database {
    Database::open(&dir.path().join("a.sqlite3"), &[EFFECTS, MIGRATION], Options::default()).unwrap()
}

fn effects(database: &Database) -> Vec<i64> {
    let read = |connection: &Connection| -> Result<Vec<i64>, StoreError> {
        let mut statement = connection.prepare("SELECT number FROM effects ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    database.reader().unwrap().read(read).unwrap()
}

/// The numbers in the details of the records that are no checkpoints.
fn recorded(database: &Database) -> Vec<i64> {
    let reader = database.reader().unwrap();
    let entries = reader
        .read(|connection| chancery_audit::read(connection, &Query::default()))
        .unwrap();
    let mut numbers: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.is_checkpoint())
        .map(|entry| entry.detail["number"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn every_effect_has_its_record_and_every_record_its_effect_whatever_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir);
    let chain = Chain::new().with_notary(4, Arc::new(key(1)));
    database.run(Begin(chain.clone())).unwrap();
    let outcomes: Vec<_> = (0..60)
        .map(|number| {
            let mut effect = effect(&chain, number);
            match number % 5 {
                1 => effect.refuse = true,
                // cannot be recorded, so it is not done
                2 => effect.record.kind.clear(),
                // cannot be done: the number is taken
                3 => effect.number = 0,
                _ => {}
            }
            // many share a commit
            database.submit(effect)
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let accepted = outcomes.into_iter().map(|outcome| runtime.block_on(outcome).is_ok());
    let expected: Vec<i64> = (0..60).filter(|number| [0, 4].contains(&(number % 5))).collect();
    assert_eq!(accepted.filter(|accepted| *accepted).count(), expected.len());
    assert_eq!(effects(&database), expected);
    assert_eq!(recorded(&database), expected);
    let verify = |connection: &Connection| chancery_audit::verify(connection, &trusting(&key(1)));
    let report = database.reader().unwrap().read(verify).unwrap();
    assert!(report.is_whole());
    assert_eq!(report.checkpoints, expected.len() as u64 / 4);
}

#[test]
fn a_chain_goes_on_after_the_database_was_closed() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::new();
    for run in 0..3 {
        let database = open(&dir);
        database.run(Begin(chain.clone())).unwrap();
        for number in 0..3 {
            let seq = database.run(effect(&chain, run * 3 + number)).unwrap();
            assert_eq!(seq as i64, run * 3 + number + 1);
        }
    }
    let report = open(&dir)
        .reader()
        .unwrap()
        .read(|connection| chancery_audit::verify(connection, &Expect::default()))
        .unwrap();
    assert!(report.is_whole());
    assert_eq!(report.records, 9);
}

#[test]
fn nothing_is_recorded_in_a_chain_that_has_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir);
    let error = database.run(effect(&Chain::new(), 1)).unwrap_err();
    assert!(matches!(error, Refused::Audit(AuditError::NotBegun)));
    assert!(effects(&database).is_empty());
}

/// A notary whose key is not the one it signs with.
struct Liar(SecretKey, PublicKey);

impl chancery_audit::Notary for Liar {
    fn key(&self) -> PublicKey {
        self.1
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }

    fn others(&self) -> Vec<Head> {
        Vec::new()
    }
}

#[test]
fn a_checkpoint_that_its_key_did_not_sign_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir);
    let chain = Chain::new().with_notary(1, Arc::new(Liar(key(2), key(1).public())));
    database.run(Begin(chain.clone())).unwrap();
    database.run(effect(&chain, 1)).unwrap();
    let verify = |connection: &Connection| chancery_audit::verify(connection, &trusting(&key(1)));
    let report = database.reader().unwrap().read(verify).unwrap();
    let broken = report.broken.unwrap();
    assert_eq!(broken.seq, 2);
    assert_eq!(
        broken.fault.to_string(),
        "the checkpoint is not to be believed: the signature of the checkpoint does not verify"
    );
}
