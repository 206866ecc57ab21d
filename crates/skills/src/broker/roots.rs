//! Granted directories that are open now.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use chancery_base::Ulid;

use super::root::{Root, RootError, RootRecord};

/// Directories held open at a time: a process has 1,024 descriptors by default, and others need some.
const MAX_OPEN: usize = 256;

/// Open directories by grant and pattern.
#[derive(Default)]
pub(crate) struct Roots {
    open: RwLock<HashMap<(Ulid, usize), Held>>,
}

#[derive(Clone)]
struct Held {
    skill: Arc<str>,
    record: RootRecord,
    root: Arc<Root>,
}

impl Roots {
    /// The directory of pattern `pattern` of `grant`, opened unless it is open.
    pub(crate) fn get(
        &self,
        skill: &str,
        grant: Ulid,
        pattern: usize,
        record: &RootRecord,
    ) -> Result<Arc<Root>, RootError> {
        let key = (grant, pattern);
        {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            // a grant that was narrowed has other patterns at its places
            if let Some(held) = open.get(&key).filter(|held| held.record == *record) {
                return Ok(Arc::clone(&held.root));
            }
        }
        let root = Arc::new(Root::open(record)?);
        // what did not exist when it was granted is looked for again each time: it may come, go and come again
        if record.directory.is_some() {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            if open.len() >= MAX_OPEN {
                open.clear();
            }
            let held = Held {
                skill: skill.into(),
                record: record.clone(),
                root: Arc::clone(&root),
            };
            open.insert(key, held);
        }
        Ok(root)
    }

    /// Closes the directories of grants that are no longer in force.
    pub(crate) fn keep(&self, in_force: impl Fn(&str, Ulid) -> bool) {
        self.open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(grant, _), held| in_force(&held.skill, *grant));
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Roots").field("open", &open.len()).finish()
    }
}
