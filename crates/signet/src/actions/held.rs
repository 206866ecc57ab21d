//! What waits for the owner: actions that are held, and reveals that were asked for (signet spec 4.1, 12).
//!
//! A harness sees its own and grants nothing. Who grants is the owner, or an admin for the credentials it administers.

use std::collections::BTreeSet;

use chancery_policy::messaging::{self, RevealAccess};
use chancery_signet_wire::{
    Author, Class, CredentialId, Failure, FailureBody, Json, Reference, Uuid,
    action::input::{ActionList, EventsPoll, RevealApprove, RevealList, RevealRequest},
    frame::{EventList, Gap, Sequenced, ServerFrame},
    record::held::{ActionResolved, PendingAction, PendingActions, RevealAnswer, RevealDenied, Reveals, Verdict},
};
use serde_json::json;

use crate::{
    authorize::Right,
    core::Core,
    outbound::hold,
    principal::Principal,
    records::{Case, Look, chats, credentials},
    store::Problem,
    stream::{log, reveal},
};

/// Events that one poll is answered with at most.
const MOST_EVENTS: u64 = 100;

impl Core {
    pub(crate) async fn list_actions(&self, who: Principal, input: ActionList) -> Result<PendingActions, Failure> {
        let shown = self.records.look(who, Shown(input.credential_id)).await?;
        let mut listed = self.traffic.held_actions(None).await?;
        listed.actions.retain(|action| shown.has(action.credential_id));
        Ok(listed)
    }

    pub(crate) async fn show_action(&self, who: Principal, id: Uuid) -> Result<PendingAction, Failure> {
        let shown = self.records.look(who, Shown(None)).await?;
        let action = self.traffic.held_action(id).await?;
        match shown.has(action.credential_id) {
            true => Ok(action),
            false => Err(hold::unknown(id)),
        }
    }

    pub(crate) async fn approve_action(&self, who: Principal, id: Uuid) -> Result<ActionResolved, Failure> {
        let held = self.decided_by(who, id).await?;
        let chat = held.chat;
        let outcome = self.traffic.approve(id, who.to_string(), None).await?;
        let data = match outcome.answer(chat) {
            Ok(sent) => Json::of(&sent),
            Err(failure) => Json::of(&json!({"error": FailureBody::from(failure)})),
        };
        Ok(ActionResolved {
            action_id: id,
            verdict: Verdict::Approved,
            data: data.ok(),
        })
    }

    pub(crate) async fn deny_action(&self, who: Principal, id: Uuid) -> Result<ActionResolved, Failure> {
        self.decided_by(who, id).await?;
        self.traffic.deny(id, who.to_string()).await?;
        Ok(ActionResolved {
            action_id: id,
            verdict: Verdict::Denied,
            data: None,
        })
    }

    /// The action, if `who` may decide about it.
    async fn decided_by(&self, who: Principal, id: Uuid) -> Result<hold::Held, Failure> {
        let held = self.store.read(move |sql| hold::find(sql, id)).await?;
        let credential = held.as_ref().map(|held| held.credential);
        self.records.look(who, Decides(credential)).await?;
        held.ok_or_else(|| hold::unknown(id))
    }

    /// Asks for a reveal; who may grant it grants it so.
    pub(crate) async fn request_reveal(&self, who: Principal, input: RevealRequest) -> Result<RevealAnswer, Failure> {
        if input
            .requested_by
            .as_ref()
            .is_some_and(|by| by.as_str() != who.to_string())
        {
            let refused = Failure::new(Class::Permission, "a reveal is asked for in one's own name");
            return Err(refused.with("requestedBy", who.to_string()));
        }
        let target = input.target()?;
        let place = Place {
            credential: input.credential_id,
            chat: input.chat_id,
        };
        let (credential, chat) = self.records.look(who, place).await?;
        let grant = !matches!(who, Principal::Credential(_));
        if !grant {
            self.traffic.reveals.take(credential, self.traffic.clock.now())?;
        }
        let request = messaging::RevealRequest {
            id: String::new(),
            chat: chat.to_string(),
            target,
            requested_by: String::new(),
            expires_at: input.expires_at.0.map(|time| time.0),
        };
        self.traffic.reveal(credential, request, who.to_string(), grant).await
    }

    pub(crate) async fn reveals(&self, who: Principal, input: RevealList) -> Result<Reveals, Failure> {
        let shown = self.records.look(who, Shown(input.credential_id)).await?;
        self.traffic.list_reveals(shown.only.as_ref()).await
    }

    pub(crate) async fn approve_reveal(&self, who: Principal, input: RevealApprove) -> Result<RevealAccess, Failure> {
        self.reveal_decided_by(who, input.reveal_id).await?;
        let until = input.expires_at.map(|time| time.0);
        self.traffic.grant_reveal(input.reveal_id, who.to_string(), until).await
    }

    pub(crate) async fn deny_reveal(&self, who: Principal, id: Uuid) -> Result<RevealDenied, Failure> {
        self.reveal_decided_by(who, id).await?;
        self.traffic.refuse_reveal(id, who.to_string()).await?;
        Ok(RevealDenied {
            denied: true,
            reveal_id: id,
        })
    }

    async fn reveal_decided_by(&self, who: Principal, id: Uuid) -> Result<(), Failure> {
        let found = self.store.read(move |sql| reveal::find(sql, id)).await?;
        self.records.look(who, Decides(found.map(|kept| kept.credential))).await
    }

    /// The events of the credential that asks, for harnesses without a socket.
    pub(crate) async fn poll_events(&self, who: Principal, input: EventsPoll) -> Result<EventList, Failure> {
        let Principal::Credential(credential) = who else {
            return Err(Failure::new(Class::Permission, "a credential polls its own events"));
        };
        self.records.look(who, Shown(None)).await?;
        let limit = input.limit.map_or(MOST_EVENTS, |limit| limit.get().min(MOST_EVENTS));
        let since = input.since_seq.unwrap_or(0);
        let read = self.store.read(move |sql| {
            let Some(stream) = log::begun(sql, credential)? else {
                return Ok(None);
            };
            Ok::<_, Problem>(Some((log::kept(sql, stream)?, log::page(sql, stream, since)?)))
        });
        let unread = || Failure::new(Class::Internal, "an event cannot be read");
        let Some((kept, frames)) = read.await? else {
            return Err(Failure::not_found("stream", &credential.to_string()));
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let events = frames
            .iter()
            .take(limit)
            .map(|frame| match ServerFrame::parse(&frame.text()) {
                Ok(ServerFrame::Sequenced(sequenced)) => Ok(sequenced),
                _ => Err(unread()),
            });
        let events: Vec<Sequenced> = events.collect::<Result<_, _>>()?;
        let lost = (since + 1 < kept.first).then_some(Gap {
            from: since + 1,
            to: kept.first - 1,
        });
        Ok(EventList {
            events,
            stream_epoch: kept.epoch,
            gap: lost,
        })
    }
}

/// The credentials whose matters the caller is shown: one, or all that it may know of.
struct Shown(Option<Reference>);

/// Whose matters are shown.
pub(crate) struct Only {
    /// These, or all.
    only: Option<BTreeSet<CredentialId>>,
}

impl Only {
    fn has(&self, credential: CredentialId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&credential))
    }
}

impl Look for Shown {
    type Found = Only;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Only, Problem> {
        let only = match &self.0 {
            Some(reference) => Some(BTreeSet::from([credentials::find(case, reference)?.id])),
            None if case.caller.is_root() => None,
            None => Some(
                credentials::known(case)?
                    .into_iter()
                    .map(|credential| credential.id)
                    .collect(),
            ),
        };
        Ok(Only { only })
    }
}

/// That the caller decides about what a credential asked for; about nothing, when there is none.
struct Decides(Option<CredentialId>);

impl Look for Decides {
    type Found = ();
    const RIGHT: Right = Right::Administer;

    fn look(self, case: &Case<'_>) -> Result<(), Problem> {
        let Some(id) = self.0 else { return Ok(()) };
        let known = credentials::known(case)?;
        let credential = known.iter().find(|credential| credential.id == id);
        let credential = credential.ok_or_else(|| Failure::not_found("credential", &id.to_string()))?;
        match case.caller.administers(Author::Operator(credential.operator_id)) {
            true => Ok(()),
            false => Err(case.caller.refused().into()),
        }
    }
}

/// The credential and the chat that a reveal is for: its own, for a harness, and for others one that they administer.
struct Place {
    credential: Reference,
    chat: Reference,
}

impl Look for Place {
    type Found = (CredentialId, chancery_signet_wire::ConversationId);
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<Self::Found, Problem> {
        let credential = match case.caller.credential() {
            Some(_) => credentials::find(case, &self.credential).map_err(|_| case.caller.refused())?,
            None => credentials::administered(case, &self.credential)?,
        };
        Ok((credential.id, chats::find(case, &self.chat)?.id))
    }
}
