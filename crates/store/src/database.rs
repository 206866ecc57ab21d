//! A database: one file, one writer, a few readers.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::watch;

use crate::checkpoint::Checkpoints;
use crate::command::{Command, Submitted};
use crate::error::StoreError;
use crate::files::{self, FileError};
use crate::migrate::{self, Migration};
use crate::options::{Options, Sharing};
use crate::queue::Queue;
use crate::reader::Reader;
use crate::readers::Readers;
use crate::stats::{Counters, WriterStats};
use crate::writer::{BatchHook, Writer};
use crate::{callback, connection, lock};

/// A handle to an open database. Clones share it.
///
/// [`close`](Self::close) ends it in an orderly way. When the last clone is dropped instead, the drop waits until the
/// writer has written what is queued, so that the file can be opened again at once.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    /// Dropped before the writer's thread is waited for: it closes its connection last, and so empties the log.
    readers: Option<Readers>,
    counters: Arc<Counters>,
    finished: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    options: Options,
}

impl Database {
    /// Opens the database at `path`, creates it (mode 0600, its folder 0700) when it is not there, and applies the
    /// `migrations` that it does not have yet. A file that others could read is made private. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process or handle has it open, [`StoreError::Migrate`] and
    /// [`StoreError::Newer`] when the schema cannot be brought up to date, [`StoreError::Open`] when it is no usable
    /// database, [`StoreError::File`] when file or folder cannot be made.
    pub fn open(path: &Path, migrations: &[Migration], options: Options) -> Result<Self, StoreError> {
        Self::open_inner(path, migrations, options, None)
    }

    /// As [`open`](Self::open), with a `hook` around every commit.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_hooked(
        path: &Path,
        migrations: &[Migration],
        options: Options,
        hook: impl BatchHook,
    ) -> Result<Self, StoreError> {
        Self::open_inner(path, migrations, options, Some(Box::new(hook)))
    }

    fn open_inner(
        path: &Path,
        migrations: &[Migration],
        options: Options,
        hook: Option<Box<dyn BatchHook>>,
    ) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::create_private_dir(folder)?;
        }
        let lock = match options.sharing {
            Sharing::Exclusive => lock::acquire(path)?,
            Sharing::Shared => lock::wait(path)?,
        };
        make_private(path)?;
        let opened = |cause| StoreError::Open {
            path: path.to_owned(),
            cause,
        };
        let mut writer = connection::writer(path, &options).map_err(opened)?;
        migrate::run(&writer, migrations)?;
        let readers = (0..options.readers.max(1))
            .map(|_| connection::reader(path, &options))
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(opened)?;
        let readers = Readers::start(readers)?;
        let counters = Arc::new(Counters::default());
        let second = connection::checkpointer(path, &options).map_err(opened)?;
        let checkpoints = Checkpoints::start(&mut writer, second, Arc::clone(&counters))?;
        let queue = Arc::new(Queue::new(&options));
        let (sender, finished) = watch::channel(());
        let writer = Writer {
            connection: writer,
            hook,
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
            checkpoints,
            lock: (options.sharing == Sharing::Exclusive).then_some(lock),
            finished: sender,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(StoreError::Thread)?;
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                readers: Some(readers),
                counters,
                finished,
                thread: Some(thread),
                path: path.to_owned(),
                options,
            }),
        })
    }

    /// Queues `command` now, behind every command submitted before, and returns the future of its result. The future
    /// resolves after the commit that holds the command was synced; dropping it does not take the command back. Never
    /// blocks, and needs no runtime.
    ///
    /// The future answers [`StoreError::Overloaded`] when too much is queued and [`StoreError::Closed`] after
    /// [`close`](Self::close); the command did not run then.
    pub fn submit<C: Command>(&self, command: C) -> Submitted<C> {
        let (future, ticket) = Submitted::queued(command);
        self.inner.queue.push(ticket);
        future
    }

    /// As [`submit`](Self::submit), with a function instead of a future: `done` runs on the writer's thread after the
    /// commit was synced, in the order of the commits, before anything committed later is reported. It must be short and
    /// must not block. When the database is closed or abandoned before the command ran, `done` is told so.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] and [`StoreError::Closed`] when the command was not queued; `done` is not called then but
    /// given back.
    pub fn submit_then<C, F>(&self, command: C, done: F) -> Result<(), (StoreError, F)>
    where
        C: Command,
        F: FnOnce(Result<C::Output, C::Error>) + Send + 'static,
    {
        callback::offer(&self.inner.queue, command, done)
    }

    /// Runs `command` and waits on this thread until its commit was synced. For callers without a runtime; a task of one
    /// uses [`submit`](Self::submit).
    ///
    /// # Errors
    /// Those of the command, and those that the future of [`submit`](Self::submit) answers.
    pub fn run<C: Command>(&self, command: C) -> Result<C::Output, C::Error> {
        let (sender, outcome) = mpsc::sync_channel(1);
        let done = move |result| {
            // the receiver waits below
            let _ = sender.send(result);
        };
        if let Err((error, _)) = self.submit_then(command, done) {
            return Err(error.into());
        }
        outcome.recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// A connection of the caller's own that cannot write, for reading without a runtime.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.inner.path, &self.inner.options)
    }

    /// Runs `f` on a connection that cannot write, on that connection's thread, and returns what it returns. All of `f` sees
    /// one state of the database, which holds at least every commit acknowledged before the call. Waits while all
    /// readers are busy; when it is dropped while it waits, `f` does not run.
    ///
    /// # Errors
    /// Those of `f`; [`StoreError::Closed`] after [`close`](Self::close), [`StoreError::Panicked`] when `f` panics.
    pub async fn read<T, E>(&self, f: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.inner.readers {
            Some(readers) => readers.read(f).await,
            None => Err(StoreError::Closed.into()),
        }
    }

    /// Takes no more commands, writes what is queued, lets running reads end, empties the log into the file and
    /// releases the lock. Returns when all of that is done; a second call waits for the first.
    pub async fn close(&self) {
        self.inner.queue.close();
        if let Some(readers) = &self.inner.readers {
            readers.close().await;
        }
        let mut finished = self.inner.finished.clone();
        // nothing is ever sent: this ends when the writer drops its end
        while finished.changed().await.is_ok() {}
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        self.inner.counters.snapshot(self.inner.queue.len())
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        self.readers = None;
        let Some(thread) = self.thread.take() else { return };
        // a command may hold the last clone: then the writer ends by itself
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

/// Makes sure that the database and the files that SQLite keeps beside it exist for nobody but us. SQLite gives those
/// it creates the mode of the database.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File(FileError::new("create", path, source));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all().map_err(failed)?;
            files::sync_parent(path)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let name = Path::new(&name);
        match std::fs::metadata(name) {
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                std::fs::set_permissions(name, Permissions::from_mode(0o600)).map_err(failed)?;
            }
            _ => {}
        }
    }
    Ok(())
}
