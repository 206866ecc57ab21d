//! A connection that only reads, for one caller.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::connection;
use crate::error::StoreError;
use crate::options::Options;

/// A connection of its own that cannot write. It blocks, and needs no runtime.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let connection = connection::reader(path, options).map_err(|cause| StoreError::Open {
            path: path.to_owned(),
            cause,
        })?;
        Ok(Self { connection })
    }

    /// Runs `f`, all of which sees one state of the database.
    ///
    /// # Errors
    /// Those of `f`, and [`StoreError::Sql`] when the read cannot begin.
    pub fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        // dropped at the end, it rolls back: there is nothing to commit
        let tx =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred).map_err(StoreError::from)?;
        f(&tx)
    }

    /// A number that is another one after another connection, of whatever process, has committed
    /// (`PRAGMA data_version`). It means nothing to other readers.
    ///
    /// # Errors
    /// [`StoreError::Sql`].
    pub fn data_version(&self) -> Result<i64, StoreError> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}
