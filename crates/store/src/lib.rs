//! Storage that acknowledges only what is on the disk.
//!
//! A [`Database`] is one SQLite file with one writer thread. Work arrives as [`Command`]s; the writer takes whatever is
//! queued, runs each command in its own savepoint, commits once, and only then answers all of them. It never waits for
//! a batch to fill, so a lone command costs one fsync and a thousand at once share one.
//!
//! This crate knows no table: the schema comes as [`Migration`]s and the statements live in the commands of the engines.
//! [`files`] writes the small private files beside a database, [`lock`] keeps a second process away from it.

mod callback;
mod checkpoint;
mod command;
mod connect;
mod connection;
mod database;
mod error;
pub mod files;
pub mod lock;
mod migrate;
mod options;
mod queue;
mod reader;
mod readers;
mod stats;
mod writer;

pub use command::{Command, Submitted};
pub use connect::connect;
pub use database::Database;
pub use error::StoreError;
pub use migrate::Migration;
pub use options::{Durability, Options, Sharing};
pub use reader::Reader;
pub use rusqlite;
pub use stats::WriterStats;
pub use writer::BatchHook;
