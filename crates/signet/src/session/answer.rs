//! Answering requests (signet spec 5.5).

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_policy::messaging::RevealRequest;
use chancery_signet_wire::{
    Class, ConversationId, Failure, IdempotencyKey, Json, Uuid,
    action::input::{CredentialUpdateScopes, ScopeChange},
    frame::{ActionDenied, ConfirmAction, HeartbeatRequest, Request, RequestKind, Response, SendHeld, UpdateScopes},
    record::held::{RevealAnswer, RevealPending},
};
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{Harness, Link};
use crate::{
    outbound::{
        ask::{Ask, Decision, Deny},
        draft::{Draft, chat_of},
    },
    principal::Principal,
    stream::{reveal, standing::Standing},
    traffic::Traffic,
};

/// Requests of one connection that are being answered at a time: far more than a harness needs, and few enough to wait for.
const MOST_IN_FLIGHT: usize = 256;

/// The requests of one connection that are being answered.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashSet<String>>);

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no request goes by this id.
    fn is_free(&self, id: &str) -> Result<(), Failure> {
        match self.lock().contains(id) {
            true => Err(taken()),
            false => Ok(()),
        }
    }

    fn begin(&self, id: &str) -> Result<(), Failure> {
        let mut requests = self.lock();
        if requests.len() >= MOST_IN_FLIGHT {
            return Err(Failure::throttled("requests", 100));
        }
        match requests.insert(id.to_owned()) {
            true => Ok(()),
            false => Err(taken()),
        }
    }
}

fn taken() -> Failure {
    Failure::validation("requestId", "a request with this id is being answered")
}

/// Takes the request out of those in flight, however its answer ends.
struct Begun {
    link: Arc<Link>,
    id: String,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.link.in_flight.lock().remove(&self.id);
    }
}

/// What becomes of a request.
pub enum Answering {
    /// It is answered. `None` when the credential is not in force any more: the connection ends instead.
    Ready(Option<Response>),
    /// The answer to the request of this id takes a while. Dropped, nobody hears it; a message that was on its way goes out
    /// all the same, once.
    Waiting(String, BoxFuture<'static, Option<Response>>),
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Waiting(request_id, _) => f.debug_tuple("Waiting").field(request_id).finish_non_exhaustive(),
        }
    }
}

impl Harness {
    /// Takes `request`. Heartbeats and acknowledgements are answered at once, without a task or a timer.
    ///
    /// Requests of one connection may be answered at the same time. What takes longer than the limit is answered as timed
    /// out; a message that was on its way goes out all the same, once.
    #[must_use]
    pub fn ask(&self, request_id: String, request: Request) -> Answering {
        let Some(standing) = self.standing() else {
            return Answering::Ready(None);
        };
        let at_once = match &request {
            Request::Heartbeat(request) => self
                .link
                .in_flight
                .is_free(&request_id)
                .and_then(|()| self.heartbeat(request)),
            // everything that was sent is kept as long as it may be sent again: there is nothing to do
            Request::Ack(_) => self.link.in_flight.is_free(&request_id).map(|()| Json::null()),
            _ => {
                if let Err(failure) = self.link.in_flight.begin(&request_id) {
                    return Answering::Ready(Some(Response::Failure { request_id, failure }));
                }
                let begun = Begun {
                    link: Arc::clone(&self.link),
                    id: request_id.clone(),
                };
                let harness = self.clone();
                let asked = request_id.clone();
                let answer = Box::pin(async move {
                    let limit = harness.link.traffic.settings.request_timeout;
                    let answer = tokio::time::timeout(limit, harness.handle(&standing, request)).await;
                    drop(begun);
                    let late = || Err(Failure::new(Class::Timeout, "the request took too long"));
                    Some(response(asked, answer.unwrap_or_else(|_| late())))
                });
                return Answering::Waiting(request_id, answer);
            }
        };
        Answering::Ready(Some(response(request_id, at_once)))
    }

    /// Answers `request`, as [`ask`](Self::ask) does.
    pub async fn answer(&self, request_id: String, request: Request) -> Option<Response> {
        match self.ask(request_id, request) {
            Answering::Ready(answer) => answer,
            Answering::Waiting(_, answer) => answer.await,
        }
    }

    /// The credential as it is now, unless the connection has to end.
    fn standing(&self) -> Option<Arc<Standing>> {
        let standing = self.link.seat.standing();
        if let Err(code) = standing.in_force(self.link.traffic.clock.now()) {
            self.close(code);
            return None;
        }
        self.link.mailbox.closing().is_none().then_some(standing)
    }

    async fn handle(&self, standing: &Standing, request: Request) -> Result<Json, Failure> {
        let traffic = &self.link.traffic;
        let kind = request.kind();
        match request {
            // answered at once, in `ask`
            Request::Heartbeat(_) | Request::Ack(_) => Ok(Json::null()),
            Request::SendMessage(request) => {
                let draft = Draft::message(&request)?;
                let chat = chat_of(standing, &request.group_id)?;
                self.send(kind, chat, draft, (payload(&request)?, request.idempotency_key))
                    .await
            }
            Request::SendReply(request) => {
                let draft = Draft::reply(&request)?;
                let chat = chat_of(standing, &request.group_id)?;
                self.send(kind, chat, draft, (payload(&request)?, request.idempotency_key))
                    .await
            }
            Request::SendReaction(request) => {
                let draft = Draft::reaction(&request)?;
                let chat = chat_of(standing, &request.group_id)?;
                self.send(kind, chat, draft, (payload(&request)?, request.idempotency_key))
                    .await
            }
            Request::ConfirmAction(request) => self.take_back(&request).await,
            Request::RevealContent(request) => {
                let chat = request.reveal.chat.parse().map_err(|_| outside(&request.reveal.chat))?;
                self.ask_for_reveal(chat, request.reveal).await
            }
            Request::UpdateScopes(request) => self.update_scopes(&request).await,
            Request::ListConversations(_) => traffic.conversations(standing).await,
            Request::GetConversationInfo(request) => {
                traffic
                    .conversation(standing, chat_of(standing, &request.group_id)?)
                    .await
            }
            Request::ListMembers(request) => traffic.members(standing, chat_of(standing, &request.group_id)?).await,
            Request::ReadHistory(request) => traffic.history(standing, &request).await,
        }
    }

    fn heartbeat(&self, request: &HeartbeatRequest) -> Result<Json, Failure> {
        let own = self.link.credential;
        if request.credential_id.as_str().parse() != Ok(own) {
            let other = Failure::new(Class::Auth, "the heartbeat is of another credential");
            return Err(other
                .with("credentialId", own.to_string())
                .with("requestedCredentialId", request.credential_id.as_str()));
        }
        self.link.seat.heard(self.link.traffic.clock.now());
        Ok(Json::null())
    }

    async fn send(
        &self,
        kind: RequestKind,
        chat: ConversationId,
        draft: Draft,
        (payload, key): (String, Option<IdempotencyKey>),
    ) -> Result<Json, Failure> {
        let traffic = &self.link.traffic;
        let asked = traffic.ask(self.link.credential, kind.as_str(), chat, draft, (payload, key));
        match asked.await? {
            Asked::Sent(sent) => data(&sent),
            Asked::Held(action_id) => data(&SendHeld {
                pending: true,
                action_id,
            }),
        }
    }

    /// A harness may take back what it asked for; that it is done only the owner says.
    async fn take_back(&self, request: &ConfirmAction) -> Result<Json, Failure> {
        if request.confirmed {
            let refused = Failure::new(Class::Permission, "only the owner or an admin confirms an action");
            return Err(refused.with("actionId", request.action_id.to_string()));
        }
        let own = self.link.credential;
        let deny = Deny {
            action: request.action_id,
            by: own.to_string(),
            own: Some(own),
            keep: self.link.traffic.decided.keep,
        };
        self.link.traffic.commit(deny).await??;
        data(&ActionDenied {
            denied: true,
            action_id: request.action_id,
        })
    }

    async fn ask_for_reveal(&self, chat: ConversationId, request: RevealRequest) -> Result<Json, Failure> {
        let traffic = &self.link.traffic;
        traffic.reveals.take(self.link.credential, traffic.clock.now())?;
        let own = self.link.credential;
        let request = RevealRequest {
            chat: chat.to_string(),
            ..request
        };
        let asked = traffic.reveal(own, request, own.to_string(), false).await?;
        data(&asked)
    }

    async fn update_scopes(&self, request: &UpdateScopes) -> Result<Json, Failure> {
        let own = self.link.credential;
        let update = CredentialUpdateScopes {
            credential_id: own.to_string().parse().map_err(|_| defect())?,
            scopes: Some(ScopeChange {
                allow: request.allow,
                deny: request.deny,
            }),
            policy_id: None,
        };
        let changed = self
            .link
            .traffic
            .records
            .apply(Principal::Credential(own), update)
            .await?;
        data(&changed)
    }
}

/// What became of something that was to be said.
pub(crate) enum Asked {
    /// It is out.
    Sent(chancery_signet_wire::frame::SendResult),
    /// It waits for the owner.
    Held(Uuid),
}

impl Traffic {
    /// Says `draft` in `chat` under `credential`, with all checks: also for whoever acts for its operator on another surface.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        credential: chancery_signet_wire::CredentialId,
        kind: &'static str,
        chat: ConversationId,
        draft: Draft,
        (payload, key): (String, Option<IdempotencyKey>),
    ) -> Result<Asked, Failure> {
        self.sends.take(credential, self.clock.now())?;
        let seal = self
            .seals
            .current(credential, chat)
            .await
            .map_err(|error| Failure::new(Class::Seal, error.0))?;
        let ask = Ask {
            credential,
            chat,
            draft,
            kind,
            payload,
            key,
            seal,
            wait_ms: i64::try_from(self.settings.action_expiry.as_millis()).unwrap_or(i64::MAX),
            decided: Arc::clone(&self.decided),
        };
        match self.commit(ask).await?? {
            Decision::Held(action) => Ok(Asked::Held(action)),
            Decision::Known(outcome) => outcome.answer(chat).map(Asked::Sent),
            Decision::Send(open) => {
                let outcome = self.post(open, seal, Some(self.settings.request_timeout)).await?;
                outcome.answer(chat).map(Asked::Sent)
            }
        }
    }

    /// Asks for a reveal, or grants one at once when somebody asks who may.
    pub(crate) async fn reveal(
        self: &Arc<Self>,
        credential: chancery_signet_wire::CredentialId,
        request: RevealRequest,
        by: String,
        grant: bool,
    ) -> Result<RevealAnswer, Failure> {
        let request = reveal::Request {
            credential,
            request,
            by,
            grant,
            decided: Arc::clone(&self.decided),
        };
        let (reveal_id, access) = self.commit(request).await??;
        Ok(match access {
            Some(access) => {
                self.release(reveal_id);
                RevealAnswer::Granted(access)
            }
            None => RevealAnswer::Pending(RevealPending {
                pending: true,
                reveal_id,
            }),
        })
    }
}

fn response(request_id: String, answer: Result<Json, Failure>) -> Response {
    match answer {
        Ok(data) => Response::Success { request_id, data },
        Err(failure) => Response::Failure { request_id, failure },
    }
}

/// What a request is answered with.
pub(crate) fn data<T: Serialize>(value: &T) -> Result<Json, Failure> {
    Json::of(value).map_err(|_| defect())
}

/// The request, for the owner to read.
pub(crate) fn payload<T: Serialize>(request: &T) -> Result<String, Failure> {
    serde_json::to_string(request).map_err(|_| defect())
}

/// What does not happen: something of ours has no form.
fn defect() -> Failure {
    Failure::new(Class::Internal, "the answer cannot be written")
}

fn outside(chat: &str) -> Failure {
    chancery_policy::messaging::Refusal::Chat(chat.to_owned()).into()
}
