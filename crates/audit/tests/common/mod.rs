//! What the tests of the chain share.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chancery_audit::{
    AuditError, Chain, Checkpoint, Entry, Expect, Head, MIGRATION, Memory, Notary, Outcome, Query, Record, Report,
};
use chancery_base::ed25519::{PublicKey, SecretKey, Signature};
use chancery_base::{Millis, Ulid};
use chancery_store::rusqlite::Connection;
use serde_json::{Value, json};

pub(crate) fn ulid(byte: u8) -> Ulid {
    Ulid::from_bytes([byte; 16])
}

pub(crate) fn key(byte: u8) -> SecretKey {
    SecretKey::from_seed(&[byte; 32])
}

/// A notary that knows the heads of others.
pub(crate) struct Informed(pub(crate) SecretKey, pub(crate) Vec<Head>);

impl Notary for Informed {
    fn key(&self) -> PublicKey {
        self.0.public()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }

    fn others(&self) -> Vec<Head> {
        self.1.clone()
    }
}

pub(crate) fn record(number: i64) -> Record {
    Record {
        at: Millis(1_700_000_000_000 + number),
        kind: if number % 3 == 0 {
            "skill.install"
        } else {
            "capability.check"
        }
        .to_owned(),
        outcome: [Outcome::Allowed, Outcome::Denied, Outcome::Done, Outcome::Failed][number.rem_euclid(4) as usize],
        actor: format!("skill-{}", number % 5),
        subject: format!("/home/ü/{number} \"✓\""),
        detail: json!({"number": number, "half": number as f64 / 2.0, "list": [null, true, "a\u{1F600}b"], "ä": {"z": 1, "a": 2}}),
    }
}

/// Both implementations, behind one face.
pub(crate) trait Log {
    fn open(chain: Ulid, notary: Option<(u64, Arc<dyn Notary>)>) -> Self;
    fn append(&mut self, record: Record) -> Result<Entry, AuditError>;
    fn checkpoint(&mut self, at: Millis) -> Result<Checkpoint, AuditError>;
    fn head(&self) -> Head;
    fn read(&self, query: &Query) -> Vec<Entry>;
    fn verify(&self, expect: &Expect) -> Report;
    fn export(&self, after: u64) -> Result<(u64, Vec<u8>), AuditError>;
}

impl Log for Memory {
    fn open(chain: Ulid, notary: Option<(u64, Arc<dyn Notary>)>) -> Self {
        match notary {
            Some((every, notary)) => Self::new(chain).with_notary(every, notary),
            None => Self::new(chain),
        }
    }

    fn append(&mut self, record: Record) -> Result<Entry, AuditError> {
        self.append(record)
    }

    fn checkpoint(&mut self, at: Millis) -> Result<Checkpoint, AuditError> {
        self.checkpoint(at)
    }

    fn head(&self) -> Head {
        self.head()
    }

    fn read(&self, query: &Query) -> Vec<Entry> {
        self.read(query)
    }

    fn verify(&self, expect: &Expect) -> Report {
        self.verify(expect)
    }

    fn export(&self, after: u64) -> Result<(u64, Vec<u8>), AuditError> {
        let mut out = Vec::new();
        Ok((self.export(after, &mut out)?, out))
    }
}

/// The tables, in a database of their own.
pub(crate) struct Sqlite {
    pub(crate) connection: Connection,
    pub(crate) chain: Chain,
}

impl Sqlite {
    /// Runs a statement as somebody would who has the file.
    pub(crate) fn meddle(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    /// The same records in another database.
    pub(crate) fn copy(&self) -> Self {
        let copy = Connection::open_in_memory().unwrap();
        copy.execute_batch(MIGRATION.sql).unwrap();
        copy.backup_from(&self.connection);
        Self {
            connection: copy,
            chain: self.chain.clone(),
        }
    }
}

/// Copies the two tables.
trait BackupFrom {
    fn backup_from(&self, other: &Connection);
}

impl BackupFrom for Connection {
    fn backup_from(&self, other: &Connection) {
        for (table, columns) in [("audit_chain", 2), ("audit", 9)] {
            let places = vec!["?"; columns].join(", ");
            let mut insert = self.prepare(&format!("INSERT INTO {table} VALUES ({places})")).unwrap();
            let mut select = other.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let mut rows = select.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<chancery_store::rusqlite::types::Value> =
                    (0..columns).map(|column| row.get(column).unwrap()).collect();
                insert
                    .execute(chancery_store::rusqlite::params_from_iter(values))
                    .unwrap();
            }
        }
    }
}

impl Log for Sqlite {
    fn open(id: Ulid, notary: Option<(u64, Arc<dyn Notary>)>) -> Self {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATION.sql).unwrap();
        let chain = match notary {
            Some((every, notary)) => Chain::new().with_notary(every, notary),
            None => Chain::new(),
        };
        assert_eq!(chain.begin(&connection, id).unwrap(), id);
        Self { connection, chain }
    }

    fn append(&mut self, record: Record) -> Result<Entry, AuditError> {
        self.chain.append(&self.connection, record)
    }

    fn checkpoint(&mut self, at: Millis) -> Result<Checkpoint, AuditError> {
        self.chain.checkpoint(&self.connection, at)
    }

    fn head(&self) -> Head {
        chancery_audit::head(&self.connection).unwrap()
    }

    fn read(&self, query: &Query) -> Vec<Entry> {
        chancery_audit::read(&self.connection, query).unwrap()
    }

    fn verify(&self, expect: &Expect) -> Report {
        chancery_audit::verify(&self.connection, expect).unwrap()
    }

    fn export(&self, after: u64) -> Result<(u64, Vec<u8>), AuditError> {
        let mut out = Vec::new();
        Ok((chancery_audit::export(&self.connection, after, &mut out)?, out))
    }
}

/// A chain of so many records, with checkpoints by key 1 every `every` (0: none).
pub(crate) fn filled<L: Log>(records: i64, every: u64) -> L {
    let notary = (every > 0).then(|| (every, Arc::new(key(1)) as Arc<dyn Notary>));
    let mut log = L::open(ulid(1), notary);
    for number in 1..=records {
        log.append(record(number)).unwrap();
    }
    log
}

pub(crate) fn trusting(key: &SecretKey) -> Expect {
    Expect {
        keys: Some(vec![key.public()]),
        ..Expect::default()
    }
}

/// Says that a test did not run; with `CHANCERY_REQUIRE=all` it fails instead.
pub(crate) fn skip(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let required = std::env::var("CHANCERY_REQUIRE").is_ok_and(|value| value == "all");
    assert!(!required, "{test} needs {missing}");
    // not through print: the test runner would keep the line to itself
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
}

/// What the script makes of an export; `None` without Node.
pub(crate) fn node_verifies(export: &[u8]) -> Option<Value> {
    if Command::new("node").arg("--version").output().is_err() {
        skip("node");
        return None;
    }
    let mut child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(export).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
