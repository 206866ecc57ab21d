//! Links to chats, and how an inbox shows itself there (signet spec 9.5, 10, 11.4).

use chancery_signet_wire::{
    Failure, Label, Reference, Text, Uuid,
    action::input::{ChatInvite, ChatUpdateProfile},
    record::chat::{Invite, ProfileApplied, ProfileSource},
};

use crate::{
    authorize::Right,
    clients::network,
    core::Core,
    invites::{
        profiles,
        rows::{Noted, Withdraw},
    },
    network::InviteTerms,
    principal::Principal,
    records::{
        Case, Look,
        chats::{Entry, Place},
        operators,
    },
    store::Problem,
};

impl Core {
    pub(crate) async fn invite(&self, who: Principal, input: ChatInvite) -> Result<Invite, Failure> {
        let title = input.name.clone().map(Label::into_string);
        let description = input.description.clone().map(Text::into_string);
        let single_use = input.single_use.unwrap_or(false);
        if !self.network.capabilities().invites {
            return Err(Failure::validation("chatId", "this network has no invites"));
        }
        // noted first: a link that is not is none
        let Noted { place, tag, expires_at } = self.records.apply(who, input).await?;
        let made = async {
            let inbox = self.clients.get(place.inbox.id)?;
            let conversation = inbox.conversation(&place.chat.name).await.map_err(network)?;
            if conversation.peer.is_some() {
                return Err(Failure::validation(
                    "chatId",
                    "nobody else comes into a conversation of two",
                ));
            }
            let shown = |text: &String| (!text.is_empty()).then(|| text.clone());
            let terms = InviteTerms {
                title: title.or_else(|| shown(&conversation.details.title)),
                description: description.or_else(|| shown(&conversation.details.description)),
                conversation: conversation.name.clone(),
                tag: tag.clone(),
                expires_at,
                single_use,
            };
            Ok(Invite {
                invite_url: inbox.invite(&terms).await.map_err(network)?,
                chat_id: place.chat.id,
                group_id: conversation.name.0,
                group_name: conversation.details.title,
                creator_inbox_id: inbox.name().0.clone(),
                invite_tag: tag.clone(),
            })
        };
        let made = made.await;
        if made.is_err() {
            self.store.run(Withdraw(tag)).await?;
        }
        made
    }

    pub(crate) async fn update_profile(
        &self,
        who: Principal,
        input: ChatUpdateProfile,
    ) -> Result<ProfileApplied, Failure> {
        let shows = Shows {
            chat: input.chat_id,
            identity: input.identity_label,
            operator: input.operator_id,
            name: input.profile_name,
        };
        let (place, name, source) = self.records.look(who, shows).await?;
        let inbox = self.clients.get(place.inbox.id)?;
        let key = format!("profile:{}", Uuid::generate(&self.rng));
        let published = async {
            let published = profiles::publish(&*inbox, &place.chat.name, name.as_str(), &key);
            published.await.map_err(network)
        };
        let subject = place.chat.id.to_string();
        self.effect(who, ("chat.update-profile", &subject), published).await?;
        Ok(ProfileApplied {
            chat_id: place.chat.id,
            group_id: place.chat.name.0,
            profile_name: name.into_string(),
            profile_source: source,
            profile_applied: true,
        })
    }
}

/// Through which inbox somebody shows itself in a chat, and as what.
struct Shows {
    chat: Reference,
    identity: Option<Reference>,
    operator: Option<Reference>,
    name: Option<Label>,
}

impl Look for Shows {
    type Found = (Place, Label, ProfileSource);
    const RIGHT: Right = Right::Administer;

    fn look(self, case: &Case<'_>) -> Result<Self::Found, Problem> {
        let operator = match &self.operator {
            Some(reference) => Some(operators::administered(case, reference)?),
            None => None,
        };
        let entry = Entry {
            chat: self.chat,
            identity: self.identity,
            scopes: Default::default(),
            changes: true,
        };
        let place = entry.of(case, operator.as_ref().map(|operator| operator.id))?;
        let (name, source) = match (self.name, operator) {
            (Some(name), _) => (name, ProfileSource::Explicit),
            (None, Some(operator)) => (operator.label, ProfileSource::OperatorDefault),
            (None, None) => {
                let reason = "profileName or operatorId has to be given";
                return Err(Failure::validation("input", reason).into());
            }
        };
        Ok((place, name, source))
    }
}
