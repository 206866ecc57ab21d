//! Lines of JSON, for whoever has no SQLite at hand.
//!
//! Every line is canonical JSON (RFC 8785) and ends with a newline. The first names chain and place where the export
//! begins, then comes a line a record, and the last names the head, so that a transfer that broke off is noticed.

use std::io::{BufRead, Read as _, Write};
use std::ops::ControlFlow;

use chancery_base::json;
use chancery_store::rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Head;
use crate::entry::{Entry, Hash};
use crate::error::AuditError;
use crate::limits::{MAX_LINE_BYTES, MAX_SAFE_INTEGER};
use crate::sqlite;
use crate::verify::{Expect, Report, Verifier};

/// What an export calls its form.
pub const FORMAT: &str = "chancery-audit-export-1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    format: String,
    after: Head,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    head: Head,
}

/// Writes the records behind `after` (0 for all) to `out`, and returns how many. What is broken is exported as it is, as
/// far as it can be read.
///
/// # Errors
/// [`AuditError::Io`]; [`AuditError::Unreadable`] when there is no record `after`, or one that is none, which
/// [`verify`](crate::verify) tells more about; [`AuditError::NotBegun`], [`AuditError::Store`].
pub fn export(connection: &Connection, after: u64, out: &mut dyn Write) -> Result<u64, AuditError> {
    let chain = sqlite::chain_id(connection)?;
    let hash = if after == 0 {
        Hash::genesis(chain)
    } else {
        let found = connection
            .prepare_cached("SELECT hash FROM audit WHERE seq = ?1")?
            .query_row([i64::try_from(after).unwrap_or(i64::MAX)], |row| row.get(0))
            .optional()?;
        Hash(found.ok_or(AuditError::Unreadable { seq: after })?)
    };
    let start = Head {
        chain,
        seq: after,
        hash,
    };
    let mut writer = Writer::begin(out, start)?;
    sqlite::each(connection, after, |row| {
        writer.entry(&row.map_err(|seq| AuditError::Unreadable { seq })?)?;
        Ok(ControlFlow::Continue(()))
    })?;
    writer.end()
}

/// The lines, one after the other.
pub(crate) struct Writer<'o> {
    out: &'o mut dyn Write,
    head: Head,
    written: u64,
}

impl<'o> Writer<'o> {
    pub(crate) fn begin(out: &'o mut dyn Write, after: Head) -> Result<Self, AuditError> {
        let mut writer = Self {
            out,
            head: after,
            written: 0,
        };
        writer.line(&First {
            format: FORMAT.to_owned(),
            after,
        })?;
        Ok(writer)
    }

    pub(crate) fn entry(&mut self, entry: &Entry) -> Result<(), AuditError> {
        self.line(entry)?;
        self.head.seq = entry.seq;
        self.head.hash = entry.hash;
        self.written += 1;
        Ok(())
    }

    pub(crate) fn end(mut self) -> Result<u64, AuditError> {
        let head = self.head;
        self.line(&Last { head })?;
        self.out.flush()?;
        Ok(self.written)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), AuditError> {
        let mut text = json::canonical(value).map_err(|_| AuditError::Detail)?;
        text.push('\n');
        Ok(self.out.write_all(text.as_bytes())?)
    }
}

/// Verifies an export, with nothing but what it holds and what `expect` says. The report's `after` is 0 when it is of the
/// whole chain; of what came before it says nothing.
///
/// # Errors
/// [`AuditError::NotAnExport`] when the first line is not one of an export; [`AuditError::Io`].
pub fn verify_jsonl(mut reader: impl BufRead, expect: &Expect) -> Result<Report, AuditError> {
    let first = line(&mut reader)?.and_then(|line| exact::<First>(&line));
    let Some(First { format, after }) = first else {
        return Err(AuditError::NotAnExport);
    };
    if format != FORMAT || after.seq > MAX_SAFE_INTEGER {
        return Err(AuditError::NotAnExport);
    }
    let mut verifier = Verifier::new(after, expect);
    loop {
        let next = verifier.head().seq.saturating_add(1);
        let Some(text) = line(&mut reader)? else {
            // not even the last line
            verifier.cut(next);
            break;
        };
        if let Some(Last { head }) = exact::<Last>(&text) {
            if head != verifier.head() || line(&mut reader)?.is_some() {
                verifier.cut(head.seq);
            }
            break;
        }
        if verifier.feed(exact::<Entry>(&text).ok_or(next)).is_break() {
            break;
        }
    }
    Ok(verifier.finish())
}

/// The next line without its newline; `None` at the end. A line that is too long or has no newline comes as what can be
/// no record.
fn line(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, AuditError> {
    let mut bytes = Vec::new();
    let read = reader
        .by_ref()
        .take(MAX_LINE_BYTES as u64)
        .read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.pop() != Some(b'\n') {
        bytes.clear();
    }
    Ok(Some(bytes))
}

/// Reads `line` as `T` when it is written in its canonical form.
fn exact<T: Serialize + for<'de> Deserialize<'de>>(line: &[u8]) -> Option<T> {
    let value: T = json::from_object_strict(line).ok()?;
    (json::canonical(&value).ok()?.as_bytes() == line).then_some(value)
}
