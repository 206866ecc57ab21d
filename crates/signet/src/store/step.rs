//! Steps, and what they run in.

use std::sync::Arc;

use chancery_audit::{Chain, Outcome, Record};
use chancery_base::{Millis, Rng, Ulid};
use chancery_store::{Command, rusqlite::Connection};
use serde_json::Value;

use super::{Problem, Shared};

/// One atomic step: it does all that it says, or refuses and does nothing.
pub(crate) trait Step: Send + 'static {
    /// What it answers.
    type Done: Send + 'static;

    /// Does it. Must not block: everything else waits for it.
    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem>;
}

/// The transaction that a step runs in.
pub(crate) struct Tx<'a> {
    /// The statements go here.
    pub(crate) sql: &'a Connection,
    /// The time of the step. Steps of one database never see it go back.
    pub(crate) now: Millis,
    shared: &'a Shared,
}

impl Tx<'_> {
    /// Randomness.
    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.shared.rng
    }

    /// Records that `actor` did `kind` on `subject`; it commits with the step.
    pub(crate) fn record(&self, kind: &str, actor: &str, subject: &str, detail: Value) -> Result<(), Problem> {
        self.note(kind, Outcome::Done, (actor, subject), detail)
    }

    /// Records how what `actor` tried on `subject` ended.
    pub(crate) fn note(
        &self,
        kind: &str,
        outcome: Outcome,
        (actor, subject): (&str, &str),
        detail: Value,
    ) -> Result<(), Problem> {
        let record = Record {
            at: self.now,
            kind: kind.to_owned(),
            outcome,
            actor: actor.to_owned(),
            subject: subject.to_owned(),
            detail,
        };
        self.shared.chain.append(self.sql, record)?;
        Ok(())
    }
}

/// A step on its way to the writer.
pub(super) struct Run<S> {
    step: S,
    shared: Arc<Shared>,
}

impl<S> Run<S> {
    pub(super) fn new(step: S, shared: &Arc<Shared>) -> Self {
        Self {
            step,
            shared: Arc::clone(shared),
        }
    }
}

impl<S: Step> Command for Run<S> {
    /// What the step answers, and whether there is something to tell harnesses.
    type Output = (S::Done, bool);
    type Error = Problem;

    fn apply(self, tx: &Connection) -> Result<Self::Output, Problem> {
        let done = self.step.run(&Tx {
            sql: tx,
            // taken here and not by the caller, so that it is in the order of the commits
            now: self.shared.clock.now(),
            shared: &self.shared,
        })?;
        let news = tx
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM credential_news)")?
            .query_row([], |row| row.get(0))?;
        Ok((done, news))
    }
}

/// Gives the audit chain its id.
pub(super) struct Begin(pub(super) Chain, pub(super) Ulid);

impl Command for Begin {
    type Output = ();
    type Error = Problem;

    fn apply(self, tx: &Connection) -> Result<(), Problem> {
        self.0.begin(tx, self.1)?;
        Ok(())
    }
}
