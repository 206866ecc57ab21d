//! Joining a chat by a link (signet spec 9.5, 10.5, the joiner).

use std::{sync::Arc, time::Duration};

use chancery_policy::messaging::{Action, ContentTypeId, ScopeMode, WellKnown};
use chancery_signet_wire::{
    Author, Class, Failure, Label, OperatorId, Reference, Uuid,
    action::input::ChatJoin,
    record::{
        chat::{ChatJoined, ProfileSource},
        operator::OperatorStatus,
    },
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    authorize::Right,
    clients::network,
    core::Core,
    invites::{profiles, rows::Void},
    network::{Content, Conversation, ConversationName, Cursor, Event, Inbox, InboxName, Invitation, NetworkError},
    principal::Principal,
    records::{
        Case, Look,
        chats::{self, Entered},
        inboxes::{self, Fresh, row},
        operators,
    },
    store::Problem,
};

/// How long it is waited for somebody to be let in, when nobody says how long (signet spec 10.5).
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest time: whoever waits longer asks again.
const MOST_PATIENCE: Duration = Duration::from_secs(3600);
/// Pause before the network is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Who joins, and as what.
struct Joiner {
    /// The inbox, when it is one that is there.
    inbox: Option<row::Inbox>,
    operator: Option<OperatorId>,
    author: Author,
    label: Option<Label>,
    profile: Option<(Label, ProfileSource)>,
}

/// Asks who joins for the caller.
struct Joins {
    label: Option<Label>,
    operator: Option<Reference>,
    profile: Option<Label>,
}

impl Look for Joins {
    type Found = Joiner;
    const RIGHT: Right = Right::Act;

    fn look(self, case: &Case<'_>) -> Result<Joiner, Problem> {
        let operator = match (case.caller.credential(), &self.operator) {
            (Some(credential), None) => {
                chats::allowed(credential, Action::Join.scope().into())?;
                operators::row::load(case.sql, credential.operator_id)?
            }
            (Some(_), Some(_)) => return Err(case.caller.refused().into()),
            (None, Some(reference)) => Some(operators::administered(case, reference)?),
            (None, None) => None,
        };
        if let Some(operator) = operator.as_ref().filter(|o| o.status != OperatorStatus::Active) {
            return Err(operators::inactive(operator).into());
        }
        let author = match &operator {
            Some(operator) => Author::Operator(operator.id),
            None => case.author()?,
        };
        // who has one inbox for all chats joins with that, unless another is asked for by its name
        let inbox = match &operator {
            Some(operator) if operator.scope_mode == ScopeMode::Shared && self.label.is_none() => {
                inboxes::of(case, operator.id)?.into_iter().next()
            }
            _ => None,
        };
        let by_default = || {
            let label = operator.as_ref().map(|operator| operator.label.clone());
            label.map(|label| (label, ProfileSource::OperatorDefault))
        };
        Ok(Joiner {
            inbox,
            profile: self
                .profile
                .map(|name| (name, ProfileSource::Explicit))
                .or_else(by_default),
            operator: operator.map(|operator| operator.id),
            author,
            label: self.label,
        })
    }
}

impl Core {
    /// Joins, and returns once that is done or has come to nothing; whoever goes away meanwhile takes nothing back.
    pub(crate) async fn join_chat(self: &Arc<Self>, who: Principal, input: ChatJoin) -> Result<ChatJoined, Failure> {
        let joins = Joins {
            label: input.label,
            operator: input.operator_id,
            profile: input.profile_name,
        };
        let joiner = self.records.look(who, joins).await?;
        if let Principal::Credential(credential) = who {
            // whoever joins speaks to strangers
            self.traffic.sends.take(credential, self.clock.now())?;
        }
        let patience = input
            .timeout_seconds
            .map_or(PATIENCE, |seconds| Duration::from_secs(seconds.get()));
        if patience > MOST_PATIENCE {
            let reason = format!("longer than {} seconds", MOST_PATIENCE.as_secs());
            return Err(Failure::validation("timeoutSeconds", &reason));
        }
        let invitation = self.network.read_invite(input.invite_url.as_str()).await;
        let invitation = invitation.map_err(|error| match error {
            NetworkError::Invalid(reason) => Failure::validation("inviteUrl", &reason),
            error => network(error),
        })?;
        let over = |end: Option<chancery_base::Millis>| end.is_some_and(|end| end <= self.clock.now());
        if over(invitation.conversation_expires_at) {
            return Err(refused(&invitation, Void::Over.for_people()));
        }
        if over(invitation.expires_at) {
            return Err(refused(&invitation, Void::Expired.for_people()));
        }
        let (tell, told) = oneshot::channel();
        let core = Arc::clone(self);
        self.tasks.spawn(async move {
            let joined = core.join(who, joiner, &invitation, patience).await;
            // the caller may have gone
            drop(tell.send(joined));
        });
        told.await
            .unwrap_or_else(|_| Err(Failure::new(Class::Cancelled, "the signet is ending")))
    }

    async fn join(
        &self,
        who: Principal,
        joiner: Joiner,
        invitation: &Invitation,
        patience: Duration,
    ) -> Result<ChatJoined, Failure> {
        let fresh = joiner.inbox.is_none();
        let row = match joiner.inbox {
            Some(inbox) => inbox,
            None => {
                let fresh = Fresh {
                    operator: joiner.operator,
                    author: joiner.author,
                    label: joiner.label,
                    joins: true,
                    actor: who.to_string(),
                };
                let row = self.store.run(fresh).await?;
                self.register(&row).await?;
                row
            }
        };
        let asked = async {
            let client = self.clients.get(row.id)?;
            let asking = Asking {
                client: &*client,
                invitation,
                key: Uuid::generate(&self.rng).to_string(),
                profile: joiner.profile.as_ref().map(|(name, _)| name),
            };
            let waited = tokio::time::timeout(patience, asking.until_let_in()).await;
            let conversation = waited.unwrap_or_else(|_| Err(late(invitation, patience)))?;
            Ok((client, conversation))
        };
        let asked = self.effect(who, ("chat.join", &row.id.to_string()), asked).await;
        let (client, conversation) = match asked {
            Ok(asked) => asked,
            Err(failure) => {
                if fresh {
                    self.abandon(row.id).await;
                }
                return Err(failure);
            }
        };
        let (group, title) = (conversation.name.clone(), conversation.details.title.clone());
        let entered = Entered {
            inbox: row.id,
            conversation,
            fresh,
        };
        let chat_id = self.store.run(entered).await?;
        let profile_applied = match &joiner.profile {
            Some((name, _)) => {
                let key = format!("profile:{}", Uuid::generate(&self.rng));
                let published = profiles::publish(&*client, &group, name.as_str(), &key).await;
                if let Err(error) = &published {
                    tracing::warn!(%error, "a profile is not published");
                }
                Some(published.is_ok())
            }
            None => None,
        };
        let (profile_name, profile_source) = joiner.profile.unzip();
        Ok(ChatJoined {
            chat_id,
            group_id: group.0,
            identity_id: row.id.to_string(),
            inbox_id: client.name().0.clone(),
            invite_tag: invitation.tag.clone(),
            group_name: title,
            creator_inbox_id: invitation.maker.0.clone(),
            profile_name: profile_name.map(Label::into_string),
            profile_source,
            profile_applied,
        })
    }
}

/// Asking the maker of a link to be let in.
struct Asking<'a> {
    client: &'a dyn Inbox,
    invitation: &'a Invitation,
    /// What makes this time another one than those before.
    key: String,
    profile: Option<&'a Label>,
}

impl Asking<'_> {
    async fn until_let_in(&self) -> Result<Conversation, Failure> {
        let maker = &self.invitation.maker;
        let start = self.insistently(|| self.client.end()).await?;
        let dm = self.insistently(|| self.client.create_dm(maker)).await?;
        let mut request = json!({"inviteSlug": self.invitation.slug, "profile": {"memberKind": "agent"}});
        if let (Some(name), Some(profile)) = (self.profile, request.get_mut("profile").and_then(Value::as_object_mut)) {
            profile.insert("name".to_owned(), name.as_str().into());
        }
        let request = Content {
            content_type: WellKnown::JoinRequest.as_str().to_owned(),
            body: request,
        };
        let key = format!("join:{}", self.key);
        self.insistently(|| self.client.send(&dm, &request, &key)).await?;
        let text = Content {
            content_type: WellKnown::Text.as_str().to_owned(),
            body: json!({"text": self.invitation.slug}),
        };
        // for hosts that read only texts; all others were asked
        let key = format!("join-text:{}", self.key);
        if let Err(error) = self.client.send(&dm, &text, &key).await {
            tracing::debug!(%error, "the plain copy of a request was not sent");
        }
        let name = self.answer(&dm, start).await?;
        self.insistently(|| self.client.conversation(&name)).await
    }

    /// Tries until the network can be reached.
    async fn insistently<T, F>(&self, mut what: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, NetworkError>>,
    {
        loop {
            match what().await {
                Err(error) if error.is_retryable() => tokio::time::sleep(PAUSE).await,
                done => return done.map_err(network),
            }
        }
    }

    /// Waits for what comes after `after`: to be let in, or to be told why not.
    async fn answer(&self, dm: &ConversationName, mut after: Cursor) -> Result<ConversationName, Failure> {
        loop {
            let mut events = self.client.events(after);
            while let Some(Ok((cursor, event))) = events.next().await {
                after = cursor;
                let Event::Said(message) = event else { continue };
                let known = message.content.content_type.parse::<ContentTypeId>();
                match known.ok().and_then(|id| id.known()) {
                    Some(WellKnown::GroupUpdated) if self.lets_us_in(&message.content.body) => {
                        return Ok(message.conversation);
                    }
                    Some(WellKnown::InviteJoinError)
                        if message.conversation == *dm && message.sender == self.invitation.maker =>
                    {
                        self.is_no(&message.content.body)?;
                    }
                    _ => {}
                }
            }
            // it is opened again from where it was
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether a change of a group is the inviter letting us in: anybody else may add us to what they like.
    fn lets_us_in(&self, change: &Value) -> bool {
        let named = |inbox: &Value, name: &InboxName| inbox.as_str() == Some(name.0.as_str());
        let by = change.get("initiatedByInboxId");
        let added = change.get("addedInboxes").and_then(Value::as_array);
        by.is_some_and(|by| named(by, &self.invitation.maker))
            && added.is_some_and(|added| {
                let ids = added.iter().filter_map(|inbox| inbox.get("inboxId"));
                ids.into_iter().any(|inbox| named(inbox, self.client.name()))
            })
    }

    /// The failure that a no is, if it is to this link.
    fn is_no(&self, no: &Value) -> Result<(), Failure> {
        let text = |name: &str| no.get(name).and_then(Value::as_str);
        if text("inviteTag") != Some(self.invitation.tag.as_str()) {
            return Ok(());
        }
        let void = Void::told(text("errorType").unwrap_or_default(), text("reason"));
        Err(refused(
            self.invitation,
            void.map_or("the inviter did not let us in", Void::for_people),
        ))
    }
}

fn refused(invitation: &Invitation, reason: &str) -> Failure {
    Failure::validation("inviteUrl", reason).with("inviteTag", invitation.tag.as_str())
}

fn late(invitation: &Invitation, patience: Duration) -> Failure {
    let reason = format!("nobody let us in within {} seconds", patience.as_secs());
    Failure::new(Class::Timeout, reason)
        .with("inviteTag", invitation.tag.as_str())
        .with("creatorInboxId", invitation.maker.0.as_str())
}
