//! Whether somebody may write to an inbox (signet spec 11.4).

use std::sync::Arc;

use chancery_signet_wire::{
    Failure,
    action::input::ConsentOf,
    record::chat::{self, ConsentState, EntityType},
};

use crate::{
    clients::network,
    core::Core,
    network::{Consent, ConsentSubject, Inbox},
    principal::Principal,
    records::{chats, inboxes},
};

impl Core {
    pub(crate) async fn check_consent(&self, who: Principal, input: ConsentOf) -> Result<chat::Consent, Failure> {
        let (inbox, subject) = self.consenting(who, &input).await?;
        let consent = inbox.consent(&subject).await.map_err(network)?;
        Ok(shown(input, consent))
    }

    pub(crate) async fn set_consent(
        &self,
        who: Principal,
        input: ConsentOf,
        (kind, consent): (&'static str, Consent),
    ) -> Result<chat::Consent, Failure> {
        let (inbox, subject) = self.consenting(who, &input).await?;
        let set = async { inbox.set_consent(&subject, consent).await.map_err(network) };
        self.effect(who, (kind, input.entity.as_str()), set).await?;
        Ok(shown(input, consent))
    }

    /// The inbox that consents, and to whom or what.
    async fn consenting(&self, who: Principal, input: &ConsentOf) -> Result<(Arc<dyn Inbox>, ConsentSubject), Failure> {
        let wanted = input.identity_label.clone();
        let inbox = self.records.look(who, inboxes::Consenting(wanted)).await?;
        let subject = match input.entity_type() {
            EntityType::InboxId => ConsentSubject::Inbox(self.whom(who, &input.entity).await?),
            EntityType::GroupId => {
                let chat = self.records.look(who, chats::Find(input.entity.clone())).await?;
                ConsentSubject::Conversation(chat.name)
            }
        };
        Ok((self.clients.get(inbox.id)?, subject))
    }
}

fn shown(input: ConsentOf, consent: Consent) -> chat::Consent {
    chat::Consent {
        entity_type: input.entity_type(),
        entity: input.entity.into_string(),
        state: match consent {
            Consent::Unknown => ConsentState::Unknown,
            Consent::Allowed => ConsentState::Allowed,
            Consent::Denied => ConsentState::Denied,
        },
    }
}
