//! What the owner and admins decide: held actions, and reveals that were asked for. Whoever calls has seen to it that it is
//! one of them who asks.

use std::{collections::BTreeSet, sync::Arc};

use chancery_base::Millis;
use chancery_policy::messaging::RevealAccess;
use chancery_signet_wire::{
    CredentialId, Failure, Uuid,
    record::held::{PendingAction, PendingActions, Reveals},
};

use super::{
    ask::{Approve, Deny},
    hold,
    rows::Outcome,
};
use crate::{
    stream::reveal::{self, Decide},
    traffic::Traffic,
};

impl Traffic {
    /// The actions that wait, of one credential or of all, the oldest first.
    pub(crate) async fn held_actions(&self, credential: Option<CredentialId>) -> Result<PendingActions, Failure> {
        let now = self.clock.now();
        let held = self.store.read(move |sql| hold::waiting(sql, credential, now));
        let actions = held.await?.iter().map(hold::Held::record).collect();
        Ok(PendingActions { actions })
    }

    /// An action that waits.
    pub(crate) async fn held_action(&self, id: Uuid) -> Result<PendingAction, Failure> {
        let held = self.store.read(move |sql| hold::find(sql, id)).await?;
        let held = held.ok_or_else(|| hold::unknown(id))?;
        held.waits(self.clock.now())?;
        Ok(held.record())
    }

    /// Does what was held, in the name of `by`; once. With `digest` only if it is what `by` was shown.
    ///
    /// A failure that comes before anything was sent leaves the action where it was. When the network refuses it, the action
    /// is over, and the outcome says so.
    pub(crate) async fn approve(
        self: &Arc<Self>,
        id: Uuid,
        by: String,
        digest: Option<String>,
    ) -> Result<Outcome, Failure> {
        let held = self.store.read(move |sql| hold::find(sql, id)).await?;
        let held = held.ok_or_else(|| hold::unknown(id))?;
        let seal = self.seals.current(held.credential, held.chat).await;
        let seal = seal.map_err(|error| Failure::new(chancery_signet_wire::Class::Seal, error.0))?;
        let approve = Approve {
            action: id,
            by,
            digest,
            seal,
            decided: Arc::clone(&self.decided),
        };
        let open = self.commit(approve).await??;
        self.post(open, seal, Some(self.settings.request_timeout)).await
    }

    /// Refuses what was held.
    pub(crate) async fn deny(&self, id: Uuid, by: String) -> Result<(), Failure> {
        let deny = Deny {
            action: id,
            by,
            own: None,
            keep: self.decided.keep,
        };
        self.commit(deny).await?
    }

    /// Reveals of one credential, or of all: those in force, and those that wait.
    pub(crate) async fn list_reveals(&self, only: Option<&BTreeSet<CredentialId>>) -> Result<Reveals, Failure> {
        let now = self.clock.now();
        let only = only.cloned();
        let listed = self.store.read(move |sql| reveal::list(sql, only.as_ref(), now));
        Ok(listed.await?)
    }

    /// Grants what was asked for, and tells the harness what it brings to light.
    pub(crate) async fn grant_reveal(
        self: &Arc<Self>,
        id: Uuid,
        by: String,
        until: Option<Millis>,
    ) -> Result<RevealAccess, Failure> {
        let access = self.decide(id, by, (true, until)).await?;
        self.release(id);
        access.ok_or_else(|| Failure::not_found("reveal", &id.to_string()))
    }

    /// Refuses what was asked for.
    pub(crate) async fn refuse_reveal(self: &Arc<Self>, id: Uuid, by: String) -> Result<(), Failure> {
        self.decide(id, by, (false, None)).await.map(|_| ())
    }

    async fn decide(
        &self,
        id: Uuid,
        by: String,
        (grant, until): (bool, Option<Millis>),
    ) -> Result<Option<RevealAccess>, Failure> {
        let decide = Decide {
            id,
            by,
            grant,
            until,
            decided: Arc::clone(&self.decided),
        };
        self.commit(decide).await?
    }
}
