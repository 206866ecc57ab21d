//! The database as such.

use std::sync::Arc;

use chancery_audit::Chain;
use chancery_base::{Clock, Millis, Rng};
use chancery_store::StoreError;
use serde_json::json;

use super::{Problem, Step, Store, Tx};

struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        Millis(1_800_000_000_000)
    }
}

impl Rng for Still {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

struct Note;

impl Step for Note {
    type Done = u8;

    fn run(self, tx: &Tx<'_>) -> Result<u8, Problem> {
        tx.record("daemon.start", "system", "", json!({}))?;
        let mut byte = [0];
        tx.rng().fill(&mut byte);
        Ok(byte[0])
    }
}

fn open(path: &std::path::Path) -> Result<Store, Problem> {
    Store::open(path, Chain::new(), Arc::new(Still), Arc::new(Still))
}

async fn records(store: &Store) -> usize {
    let read = store.read(|sql| Ok(chancery_audit::read(sql, &chancery_audit::Query::default())?));
    read.await.unwrap().len()
}

#[tokio::test]
async fn what_a_step_recorded_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signet.db");
    let store = open(&path).unwrap();
    assert_eq!(store.run(Note).await.unwrap(), 7);
    store.close().await;
    drop(store);
    let store = open(&path).unwrap();
    store.run(Note).await.unwrap();
    assert_eq!(records(&store).await, 2);
}

#[tokio::test]
async fn a_second_signet_on_the_same_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signet.db");
    let _first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(Problem::Store(StoreError::Locked { .. }))));
}
