//! What a connection that was let in asks for.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chancery_keys::Approval;
use chancery_signet::Principal;
use chancery_signet_wire::{
    ActionResult, Failure, Json, Meta, Uuid,
    action::Call,
    admin::{RpcRequest, RpcResponse, SETTLE, SUBSCRIBE, Subscribe, Subscribed, UNSUBSCRIBE, Unsubscribe},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{connection::Out, events};
use crate::{
    admin::{Admin, written},
    caller::{Proof, needs_token},
    questions::{self, Questions},
    settings::MAX_SUBSCRIPTIONS,
    waits::Judged,
};

/// A connection that was let in.
pub(super) struct Session {
    admin: Admin,
    proof: Proof,
    out: Out,
    /// None while the vault is locked: there is no root key then, and nothing that waits.
    questions: Option<Mutex<Questions>>,
    subscriptions: Mutex<HashMap<Uuid, CancellationToken>>,
}

/// What a request comes to.
enum Done {
    /// This is its answer.
    Answer(Json),
    /// This is, and events come after it.
    Subscribed(Json, events::Subscription),
}

impl Session {
    pub(super) fn new(admin: Admin, proof: Proof, out: Out) -> Self {
        let questions = admin.open().ok().map(|open| {
            let gates = admin.settings().gates;
            Mutex::new(Questions::new(gates, open.keyring.root()))
        });
        Self {
            admin,
            proof,
            out,
            questions,
            subscriptions: Mutex::default(),
        }
    }

    pub(super) fn admin(&self) -> &Admin {
        &self.admin
    }

    pub(super) fn out(&self) -> &Out {
        &self.out
    }

    /// Does what is asked, and says what came of it.
    pub(super) async fn answer(&self, request: RpcRequest) {
        let began = Instant::now();
        let RpcRequest { id, method, params } = request;
        let known = matches!(&*method, SUBSCRIBE | UNSUBSCRIBE | SETTLE);
        if !known && self.admin.actions().get(&method).is_none() {
            self.out.send(&RpcResponse::method_not_found(id)).await;
            return;
        }
        let (answer, subscription) = match self.done(&method, params).await {
            Ok(Done::Answer(data)) => (Ok(data), None),
            Ok(Done::Subscribed(data, subscription)) => (Ok(data), Some(subscription)),
            Err(failure) => (Err(failure), None),
        };
        let response = match answer {
            Ok(data) => {
                let result = ActionResult::Success {
                    data,
                    meta: self.meta(began),
                    pagination: None,
                };
                RpcResponse::answer(id.clone(), result)
            }
            Err(failure) => Ok(RpcResponse::failure(Some(id.clone()), failure)),
        };
        let response = response.unwrap_or_else(|error| {
            tracing::error!(%error, "an answer has no form in JSON");
            let unwritten = Failure::new(chancery_signet_wire::Class::Internal, "the answer could not be written");
            RpcResponse::failure(Some(id), unwritten)
        });
        if self.out.send(&response).await
            && let Some(subscription) = subscription
        {
            tokio::spawn(subscription.tell(self.out.clone()));
        }
    }

    fn meta(&self, began: Instant) -> Meta {
        Meta {
            request_id: Uuid::generate(self.admin.rng()),
            timestamp: self.admin.now().into(),
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    async fn done(&self, method: &str, params: Map<String, Value>) -> Result<Done, Failure> {
        let until = self.proof.holds(&self.admin).await?;
        match method {
            SUBSCRIBE => {
                if matches!(self.proof, Proof::None) {
                    return Err(needs_token());
                }
                let (answer, subscription) = self.subscribe(input(params)?, until).await?;
                Ok(Done::Subscribed(written(&answer)?, subscription))
            }
            UNSUBSCRIBE => self.unsubscribe(&input(params)?).map(Done::Answer),
            SETTLE => self.settle(&input(params)?).await.map(Done::Answer),
            id => {
                let call = Call::from_value(id, Value::Object(params))?;
                let call = call.ok_or_else(|| Failure::not_found("action", id))?;
                self.call(call).await.map(Done::Answer)
            }
        }
    }

    /// Does what an admin may, and asks for the owner's word on the rest.
    async fn call(&self, call: Call) -> Result<Json, Failure> {
        match self.admin.judge(&self.proof, call).await? {
            Judged::Free(call) => self.admin.perform(Principal::Admin, call).await,
            Judged::Waits(what, call) => {
                let Ok(open) = self.admin.open() else {
                    return Err(needs_token());
                };
                let (life, now) = (self.admin.settings().approval_ms(), self.admin.now());
                let asked = self.questions()?.ask((what, call), life, now, &**self.admin.rng())?;
                tracing::info!(action = asked.what.action, request = %asked.id, "the owner is asked");
                Err(questions::needed(&asked, open.keyring.root()))
            }
        }
    }

    /// Takes the owner's word, and does what waited for it if that is still what the owner was shown.
    async fn settle(&self, approval: &Approval) -> Result<Json, Failure> {
        let settled = self.questions()?.settle(approval, self.admin.now());
        let settled = settled.inspect_err(|failure| {
            tracing::warn!(request = %approval.request, %failure, "an approval does not count");
        })?;
        let other = || questions::refused(&chancery_keys::ApprovalError::Other);
        let Judged::Waits(what, call) = self.admin.judge(&self.proof, settled.call).await? else {
            return Err(other());
        };
        let spent = settled.clearance.spend(&what, self.admin.now());
        let Some(evidence) = spent.map_err(|error| questions::refused(&error))? else {
            return Err(other());
        };
        tracing::info!(action = call.id(), request = %approval.request, hash = evidence.hash, "the owner approved");
        self.admin.perform(Principal::Owner, call).await
    }

    fn questions(&self) -> Result<MutexGuard<'_, Questions>, Failure> {
        match &self.questions {
            Some(questions) => Ok(questions.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(questions::refused(&chancery_keys::ApprovalError::Unknown)),
        }
    }

    async fn subscribe(
        &self,
        wanted: Subscribe,
        until: Option<chancery_base::Millis>,
    ) -> Result<(Subscribed, events::Subscription), Failure> {
        let filter = events::Filter::of(&self.admin, wanted).await?;
        let id = Uuid::generate(self.admin.rng());
        let ended = self.out.child();
        let subscription = events::Subscription::new(&self.admin, id, filter, until, ended.clone())?;
        let mut subscriptions = self.subscriptions();
        if subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(Failure::throttled("subscriptions", 1000));
        }
        subscriptions.insert(id, ended);
        Ok((Subscribed { subscription_id: id }, subscription))
    }

    fn unsubscribe(&self, unwanted: &Unsubscribe) -> Result<Json, Failure> {
        let id = unwanted.subscription_id;
        let ended = self.subscriptions().remove(&id);
        let ended = ended.ok_or_else(|| Failure::not_found("subscription", &id.to_string()))?;
        ended.cancel();
        written(&Subscribed { subscription_id: id })
    }

    fn subscriptions(&self) -> MutexGuard<'_, HashMap<Uuid, CancellationToken>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all subscriptions.
    pub(super) fn end_subscriptions(&self) {
        self.subscriptions().drain().for_each(|(_, ended)| ended.cancel());
    }
}

/// The input of a method that is no action.
fn input<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(params)).map_err(|error| Failure::validation("params", &error.to_string()))
}
