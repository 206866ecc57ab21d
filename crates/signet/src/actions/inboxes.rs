//! Making and removing inboxes (signet spec 1.9).

use chancery_signet_wire::{
    Failure, Reference,
    action::input::{InboxCreate, InboxRemove},
    record::inbox::{CleanupPlan, InboxSummary},
};

use crate::{
    clients::network,
    core::Core,
    network::InboxName,
    principal::Principal,
    records::inboxes::{self, Begin, row},
};

impl Core {
    pub(crate) async fn create_inbox(&self, who: Principal, input: InboxCreate) -> Result<InboxSummary, Failure> {
        let begin = Begin {
            label: input.label,
            operator: input.operator_id,
        };
        let inbox = self.records.apply(who, begin).await?;
        self.register(&inbox).await?;
        let id = inbox.id;
        let now = self.store.read(move |sql| row::load(sql, id)).await?;
        Ok(now.unwrap_or(inbox).summary())
    }

    pub(crate) async fn remove_inbox(&self, who: Principal, input: InboxRemove) -> Result<CleanupPlan, Failure> {
        if !input.execute.unwrap_or(false) {
            return self.records.look(who, input).await;
        }
        let (id, plan) = self.records.apply(who, input).await?;
        self.sweep(id).await;
        Ok(plan)
    }

    /// Whom a caller means: one of the inboxes that it may know of, or whoever the network knows by that name or address.
    pub(crate) async fn whom(&self, who: Principal, reference: &Reference) -> Result<InboxName, Failure> {
        let known = self.records.look(who, inboxes::Known).await?;
        if let Ok(inbox) = inboxes::pick(known, Some(reference)) {
            let unregistered = || Failure::validation("inboxId", "this inbox is not registered on the network yet");
            return inbox.network_id.map(InboxName).ok_or_else(unregistered);
        }
        let found = self.network.resolve(reference.as_str()).await.map_err(network)?;
        found.ok_or_else(|| Failure::not_found("inbox", reference.as_str()))
    }
}
