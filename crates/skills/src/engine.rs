//! The engine: one state, in a directory or in memory, and what is in force of it.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use chancery_audit::{Chain, Outcome, Record};
use chancery_base::{Clock, Millis, Rng, Ulid, ed25519::PublicKey};
use chancery_store::{files, rusqlite::Connection};
use serde_json::Value;

use crate::{
    broker::{Roots, supported},
    contents::Contents,
    enforcer::{Denials, Snapshot},
    error::SkillsError,
    executable::Programs,
    fault::Faults,
    owner::Owner,
    store::Store,
    watch::{LastAsked, Watch},
};

/// The database in the directory.
const DATABASE: &str = "skills.db";
/// Its length counts the changes.
const CHANGES: &str = "skills.changes";
/// Held while content is written or swept.
const INSTALL_LOCK: &str = "install.lock";
/// Actor of what the owner did.
pub(crate) const OWNER: &str = "owner";

/// What an engine is opened with besides its directory.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The owner's public key: what it did not sign is not believed.
    pub owner: PublicKey,
    /// How audit records are chained and notarised.
    pub audit: Chain,
    /// Where it is to fail, in tests.
    pub faults: Faults,
}

impl Settings {
    /// Settings without a notary and without faults.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, owner: PublicKey) -> Self {
        Self {
            clock,
            rng,
            owner,
            audit: Chain::new(),
            faults: Faults::default(),
        }
    }
}

/// Skills, trust, grants and revocations. Clones share them.
///
/// Every call blocks on the disk but the checks of what is in force, which look at memory.
#[derive(Clone)]
pub struct Skills {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) contents: Contents,
    pub(crate) settings: Settings,
    pub(crate) roots: Roots,
    pub(crate) programs: Programs,
    pub(crate) denials: Denials,
    /// Whether the kernel opens beneath a directory.
    pub(crate) beneath: bool,
    pub(crate) state: Option<StateDir>,
    installing: Mutex<()>,
    current: RwLock<Arc<Snapshot>>,
    reloading: Mutex<()>,
    watch: Watch,
    asked: LastAsked,
}

/// Where an engine keeps its state.
#[derive(Debug)]
pub(crate) struct StateDir {
    pub(crate) path: PathBuf,
    /// Device and inode of the database, as it was opened.
    database: (u64, u64),
    /// Whether another file, or none, was found in its place.
    lost: AtomicBool,
}

impl StateDir {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            database: identity(&path.join(DATABASE))?,
            lost: AtomicBool::new(false),
            path: fs::canonicalize(path)?,
        })
    }

    /// That the database is still the file that was opened: in another one in its place others decide things that are
    /// never seen here.
    fn must_be_the_same(&self) -> Result<(), SkillsError> {
        let failed = SkillsError::io("go on with a database that was replaced");
        let found = identity(&self.path.join(DATABASE));
        self.lost.store(found.as_ref().ok() != Some(&self.database), Relaxed);
        match found {
            Ok(found) if found == self.database => Ok(()),
            Ok(_) => Err(failed(io::ErrorKind::StaleNetworkFileHandle.into())),
            Err(error) => Err(failed(error)),
        }
    }
}

fn must_be_ours(dir: &Path) -> io::Result<()> {
    if fs::metadata(dir)?.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Skills {
    /// An engine in memory, for as long as the process lives.
    #[must_use]
    pub fn memory(settings: Settings) -> Self {
        let snapshot = Snapshot::build(Default::default(), &settings.owner, None);
        Self::assemble(
            Store::memory(),
            Contents::memory(),
            settings,
            None,
            Watch::own(),
            snapshot,
        )
    }

    /// The engine in `dir`, which is made (mode 0700) when it is not there: `skills.db` and `blobs/`, files of mode 0600.
    /// Other processes may have it open at the same time. Content that a crash left behind is swept away.
    ///
    /// # Errors
    /// [`SkillsError::Store`], [`SkillsError::Content`] and [`SkillsError::Io`] when the directory cannot be worked on,
    /// [`SkillsError::Row`] when a row cannot be read; also when others than its owner may write to the directory: what is
    /// in it is believed by a key that lies beside it.
    pub fn open(dir: &Path, settings: Settings) -> Result<Self, SkillsError> {
        files::create_private_dir(dir).map_err(|error| SkillsError::Content(error.into()))?;
        must_be_ours(dir).map_err(SkillsError::io("keep state in a directory that others may write to"))?;
        let chain_id = Ulid::generate(settings.clock.now(), &settings.rng);
        let store = Store::sqlite(
            &dir.join(DATABASE),
            settings.audit.clone(),
            chain_id,
            settings.faults.clone(),
        )?;
        let contents = Contents::disk(dir)?;
        let watch = Watch::file(&dir.join(CHANGES)).map_err(SkillsError::io("open the file of changes"))?;
        let snapshot = Snapshot::build(Default::default(), &settings.owner, None);
        let state = StateDir::of(dir).map_err(SkillsError::io("look at the state directory"))?;
        let skills = Self::assemble(store, contents, settings, Some(state), watch, snapshot);
        skills.reload()?;
        // what is too much hinders nothing
        if let Err(error) = skills.sweep() {
            tracing::warn!(%error, "content that no skill names was not swept");
        }
        Ok(skills)
    }

    fn assemble(
        store: Store,
        contents: Contents,
        settings: Settings,
        state: Option<StateDir>,
        watch: Watch,
        snapshot: Snapshot,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                contents,
                settings,
                roots: Roots::default(),
                programs: Programs::default(),
                denials: Denials::default(),
                beneath: supported(),
                state,
                installing: Mutex::new(()),
                current: RwLock::new(Arc::new(snapshot)),
                reloading: Mutex::new(()),
                watch,
                asked: LastAsked::now(),
            }),
        }
    }

    /// The owner's public key, as it was given at opening.
    #[must_use]
    pub fn owner_key(&self) -> PublicKey {
        self.inner.settings.owner
    }

    /// Reads the audit records, and whatever else is in the database; `None` in memory.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn read_audit<T>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, chancery_audit::AuditError>,
    ) -> Option<Result<T, SkillsError>> {
        let read = self.inner.store.read(|connection| Ok(f(connection)?))?;
        Some(read.map_err(SkillsError::from))
    }

    /// What was recorded by an engine in memory, oldest first; none for one in a directory.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.inner.store.records()
    }

    /// Rows that the owner did not sign: what kind, and which. They give nothing.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn unverified(&self) -> Result<Vec<(&'static str, String)>, SkillsError> {
        Ok(self.snapshot()?.unverified.clone())
    }

    pub(crate) fn now(&self) -> Millis {
        self.inner.settings.clock.now()
    }

    pub(crate) fn new_id(&self) -> Ulid {
        Ulid::generate(self.now(), &self.inner.settings.rng)
    }

    /// A record of what is done now.
    pub(crate) fn record(&self, kind: &str, subject: &str, detail: Value) -> Record {
        Record {
            at: self.now(),
            kind: kind.to_owned(),
            outcome: Outcome::Done,
            actor: OWNER.to_owned(),
            subject: cut(subject, chancery_audit::limits::MAX_SUBJECT_BYTES),
            detail,
        }
    }

    /// Whether `owner` is ours.
    pub(crate) fn must_be_owner(&self, owner: &dyn Owner) -> Result<(), SkillsError> {
        if owner.public_key() == self.inner.settings.owner {
            Ok(())
        } else {
            Err(SkillsError::NotTheOwner)
        }
    }

    /// What is in force now. Reads the tables only when somebody has changed them.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>, SkillsError> {
        let inner = &*self.inner;
        let current = Arc::clone(&inner.current.read().unwrap_or_else(PoisonError::into_inner));
        let changes = inner.watch.count();
        if changes.is_none() || changes != current.changes {
            return self.reload();
        }
        if let Some(state) = &inner.state
            && (inner.asked.is_due() || state.lost.load(Relaxed))
        {
            state.must_be_the_same()?;
            if inner.store.data_version()? != current.data_version {
                return self.reload();
            }
        }
        Ok(current)
    }

    /// Reads the tables.
    pub(crate) fn reload(&self) -> Result<Arc<Snapshot>, SkillsError> {
        let inner = &*self.inner;
        let _one = inner.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(&inner.current.read().unwrap_or_else(PoisonError::into_inner));
        // counted before the tables are read: what is announced meanwhile is read again
        let changes = inner.watch.count();
        match &inner.state {
            None if changes.is_some() && changes == before.changes => return Ok(before),
            None => {}
            Some(state) => state.must_be_the_same()?,
        }
        let data_version = inner.store.data_version()?;
        let state = inner.store.state()?;
        let mut snapshot = Snapshot::build(state, &inner.settings.owner, Some(&before));
        snapshot.changes = changes;
        snapshot.data_version = data_version;
        for (kind, name) in &snapshot.unverified {
            if !before
                .unverified
                .iter()
                .any(|known| known.0 == *kind && known.1 == *name)
            {
                tracing::warn!(kind, name, "a row that the owner did not sign is not believed");
                let mut record = self.record("skills.unverified", name, serde_json::json!({ "row": kind }));
                record.outcome = Outcome::Denied;
                record.actor = "unknown".to_owned();
                inner.store.note(record);
            }
        }
        inner.roots.keep(|skill, grant| snapshot.has(skill, grant));
        let snapshot = Arc::new(snapshot);
        *inner.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot);
        Ok(snapshot)
    }

    /// Tells everybody that the tables have changed.
    pub(crate) fn changed(&self) -> Result<(), SkillsError> {
        self.inner.watch.announce();
        self.reload().map(drop)
    }

    /// Keeps installs and sweeps of all processes apart, until the guard is dropped.
    pub(crate) fn lock_contents(&self, wait: bool) -> Result<Option<ContentLock<'_>>, SkillsError> {
        let own = self.inner.installing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = &self.inner.state else {
            return Ok(Some(ContentLock { _own: own, _file: None }));
        };
        let failed = SkillsError::io("lock the content store");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(state.path.join(INSTALL_LOCK))
            .map_err(&failed)?;
        if wait {
            file.lock().map_err(&failed)?;
        } else if file.try_lock().is_err() {
            return Ok(None);
        }
        Ok(Some(ContentLock {
            _own: own,
            _file: Some(file),
        }))
    }

    /// Removes content that no skill names. Leaves it to the next time while somebody installs.
    pub(crate) fn sweep(&self) -> Result<usize, SkillsError> {
        let Some(_lock) = self.lock_contents(false)? else {
            return Ok(0);
        };
        self.sweep_locked()
    }

    /// The same for whoever holds the lock.
    pub(crate) fn sweep_locked(&self) -> Result<usize, SkillsError> {
        let state = self.inner.store.state()?;
        let mut keep = BTreeSet::new();
        for skill in state.skills.values() {
            keep.insert(skill.value.manifest.clone());
            keep.extend(skill.value.envelope.clone());
            keep.extend(skill.value.files.iter().cloned());
        }
        Ok(self.inner.contents.sweep(&keep)?)
    }
}

/// Nobody else installs or sweeps while this lives.
pub(crate) struct ContentLock<'a> {
    _own: MutexGuard<'a, ()>,
    _file: Option<File>,
}

impl fmt::Debug for Skills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skills")
            .field("state", &self.inner.state)
            .finish_non_exhaustive()
    }
}

/// The beginning of `text`, at most `limit` bytes of it.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
