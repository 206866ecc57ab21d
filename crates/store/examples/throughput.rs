//! Measures the writer: 64 tasks that submit one small insert after another, each waiting for the sync of its own.
//!
//! `cargo run --release -p chancery-store --example throughput -- [SUBMITTERS] [SECONDS] [FOLDER]`

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use chancery_store::rusqlite::{Connection, params};
use chancery_store::{Command, Database, Migration, Options, StoreError};

const SCHEMA: &[Migration] = &[Migration {
    name: "0001",
    sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
}];

struct Insert(Arc<[u8]>);

impl Command for Insert {
    type Output = ();
    type Error = StoreError;

    fn weight(&self) -> usize {
        self.0.len()
    }

    fn apply(self, tx: &Connection) -> Result<(), StoreError> {
        tx.prepare_cached("INSERT INTO note (body) VALUES (?1)")?
            .execute(params![&*self.0])?;
        Ok(())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let submitters: u64 = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;
    let database = Database::open(&folder.path().join("bench.db"), SCHEMA, Options::default())?;

    let body: Arc<[u8]> = vec![0x5a; 64].into();
    let slowest = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..submitters)
        .map(|_| {
            let (database, body, slowest) = (database.clone(), Arc::clone(&body), Arc::clone(&slowest));
            tokio::spawn(async move {
                let mut done = 0_u64;
                while Instant::now() < until {
                    let started = Instant::now();
                    database.submit(Insert(Arc::clone(&body))).await?;
                    slowest.fetch_max(
                        u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                        Relaxed,
                    );
                    done += 1;
                }
                Ok::<_, StoreError>(done)
            })
        })
        .collect();
    let started = Instant::now();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let took = started.elapsed().as_secs_f64();
    let stats = database.stats();
    writeln!(
        io::stdout(),
        "{:.0} commands/s, {submitters} submitters, {} commits ({:.1} commands each), slowest {:.1} ms, log {} pages, {} checkpoints",
        done as f64 / took,
        stats.commits,
        stats.commands as f64 / stats.commits as f64,
        slowest.load(Relaxed) as f64 / 1000.0,
        stats.wal_pages,
        stats.checkpoints,
    )?;
    database.close().await;
    Ok(())
}
