//! The records and their rules: operators, policies, credentials, inboxes, chats.
//!
//! A [`Rule`] is one action's step on them: who asks is looked up, the action is checked, done and recorded in one
//! transaction. A [`Look`] only reads.

pub(crate) mod chats;
pub(crate) mod credentials;
pub(crate) mod forget;
pub(crate) mod inboxes;
pub(crate) mod lookup;
pub(crate) mod messages;
pub(crate) mod operators;
pub(crate) mod policies;
pub(crate) mod search;

use std::sync::Arc;

use chancery_base::Millis;
use chancery_signet_wire::{Failure, Json};
use chancery_store::rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use crate::{
    authorize::{Caller, Right},
    principal::Principal,
    settings::CredentialSettings,
    store::{Problem, Step, Store, Tx},
};

/// What is asked, and how things stand: one state of the database.
pub(crate) struct Case<'a> {
    pub(crate) sql: &'a Connection,
    pub(crate) now: Millis,
    pub(crate) caller: &'a Caller,
    pub(crate) settings: &'a CredentialSettings,
}

/// An action that changes records.
pub(crate) trait Rule: Send + 'static {
    /// What it answers.
    type Done: Send + 'static;
    /// What it takes of its caller.
    const RIGHT: Right;

    /// Does it.
    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Self::Done, Problem>;
}

/// An action that reads records.
pub(crate) trait Look: Send + 'static {
    /// What it answers.
    type Found: Send + 'static;
    /// What it takes of its caller.
    const RIGHT: Right;

    /// Does it.
    fn look(self, case: &Case<'_>) -> Result<Self::Found, Problem>;
}

/// The records, with what their rules need besides.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) store: Store,
    pub(crate) settings: Arc<CredentialSettings>,
}

impl Records {
    /// Does `rule` for `who`.
    pub(crate) async fn apply<R: Rule>(&self, who: Principal, rule: R) -> Result<R::Done, Failure> {
        let settings = Arc::clone(&self.settings);
        Ok(self.store.run(By { who, rule, settings }).await?)
    }

    /// Looks for `who`.
    pub(crate) async fn look<L: Look>(&self, who: Principal, look: L) -> Result<L::Found, Failure> {
        let settings = Arc::clone(&self.settings);
        let now = self.store.now();
        let found = self.store.read(move |sql| {
            let caller = Caller::load(sql, who, now)?;
            caller.has(L::RIGHT)?;
            look.look(&Case {
                sql,
                now,
                caller: &caller,
                settings: &settings,
            })
        });
        Ok(found.await?)
    }
}

/// A rule on its way to the writer.
struct By<R> {
    who: Principal,
    rule: R,
    settings: Arc<CredentialSettings>,
}

impl<R: Rule> Step for By<R> {
    type Done = R::Done;

    fn run(self, tx: &Tx<'_>) -> Result<R::Done, Problem> {
        let caller = Caller::load(tx.sql, self.who, tx.now)?;
        caller.has(R::RIGHT)?;
        self.rule.run(
            tx,
            &Case {
                sql: tx.sql,
                now: tx.now,
                caller: &caller,
                settings: &self.settings,
            },
        )
    }
}

impl Case<'_> {
    /// Whom what is made is by.
    ///
    /// # Errors
    /// `permission` for a credential, which makes nothing.
    pub(crate) fn author(&self) -> Result<chancery_signet_wire::Author, Failure> {
        self.caller.principal.author().ok_or_else(|| self.caller.refused())
    }

    /// Records that the caller did `kind` on `subject`.
    pub(crate) fn record(&self, tx: &Tx<'_>, kind: &str, subject: impl ToString, detail: Value) -> Result<(), Problem> {
        let actor = self.caller.principal.to_string();
        tx.record(kind, &actor, &subject.to_string(), detail)
    }
}

/// `value` as it is stored: all that is stored this way has a form in JSON.
pub(crate) fn stored<T: Serialize + ?Sized>(value: &T) -> Result<String, Problem> {
    let json = Json::of(value).map_err(|error| Problem::Unwritable(error.to_string()))?;
    Ok(json.get().to_owned())
}

/// That the caller has everything here.
pub(crate) struct Root;

impl Look for Root {
    type Found = ();
    const RIGHT: Right = Right::Root;

    fn look(self, _: &Case<'_>) -> Result<(), Problem> {
        Ok(())
    }
}
