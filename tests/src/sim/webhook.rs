//! An agent's webhook. Requests travel apart from the connector: one that crashes does not call them back.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chancery_base::Ulid;
use chancery_connector::{BoxFuture, Deliver, DeliverError, Delivery};
use serde_json::value::RawValue;
use tokio::{sync::oneshot, time::sleep};

use super::{
    ledger::Key,
    lie::Lie,
    plan::{HookPlan, Moment},
    rng::Dice,
    stage::Stage,
};

/// The webhook of one agent; clones are the same one.
#[derive(Clone)]
pub(super) struct Webhook(Arc<Inner>);

struct Inner {
    agent: usize,
    stage: Arc<Stage>,
    dice: Dice,
    state: Mutex<State>,
}

struct State {
    plan: HookPlan,
    /// Keys that it has taken.
    seen: BTreeSet<Ulid>,
    /// What a lying one keeps back.
    kept: Option<Delivery>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Fails,
    Rejected,
    AnswerLost,
    Hangs,
}

/// An attempt whose end nobody has recorded yet.
struct Open {
    stage: Arc<Stage>,
    key: Option<Key>,
}

impl Open {
    fn into_recorded(mut self) {
        self.key = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.stage.ledger.cut_off(key);
        }
    }
}

impl Webhook {
    pub(super) fn new(agent: usize, stage: Arc<Stage>, dice: Dice, plan: HookPlan) -> Self {
        Self(Arc::new(Inner {
            agent,
            stage,
            dice,
            state: Mutex::new(State {
                plan,
                seen: BTreeSet::new(),
                kept: None,
            }),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.plan = HookPlan::calm(state.plan.deduplicates);
    }

    fn fate(&self, plan: &HookPlan) -> Fate {
        let dice = &self.0.dice;
        if dice.chance(plan.fails) {
            Fate::Fails
        } else if dice.chance(plan.rejects) {
            Fate::Rejected
        } else if dice.chance(plan.answers_lost) {
            Fate::AnswerLost
        } else if dice.chance(plan.hangs) {
            Fate::Hangs
        } else {
            Fate::Taken
        }
    }

    /// A request arrives.
    fn take(&self, delivery: &Delivery, fate: Fate) {
        let Inner { agent, stage, .. } = &*self.0;
        let taken = !matches!(fate, Fate::Fails | Fate::Rejected);
        let effect = {
            let mut state = self.state();
            let new = taken && state.seen.insert(delivery.id);
            new || taken && !state.plan.deduplicates
        };
        let (id, attempt) = (&delivery.message_id, delivery.attempt);
        stage.trace.note(format_args!(
            "agent {agent}: webhook gets {id}, attempt {attempt}: {fate:?}"
        ));
        stage.ledger.posted(*agent, delivery, effect);
        stage.pass(Moment::Posted, *agent);
    }

    fn lie(&self, delivery: &mut Delivery, fate: Fate) {
        let stage = &self.0.stage;
        if stage.lies(Lie::PayloadRewritten) {
            let text = format!("{} ", delivery.payload.get().replace(" :", ":"));
            delivery.payload = RawValue::from_string(text.trim().to_owned()).expect("JSON");
        }
        if stage.lies(Lie::DeliveredTwice) {
            self.take(delivery, fate);
        }
        if stage.lies(Lie::DeliveredLate) {
            let kept = self.state().kept.replace(delivery.clone());
            if let Some(kept) = kept {
                let latest = std::mem::replace(delivery, kept);
                self.take(&latest, fate);
                self.state().kept = None;
            }
        }
    }

    async fn handle(self, mut delivery: Delivery, answer: oneshot::Sender<Result<(), DeliverError>>) {
        let dice = &self.0.dice;
        let plan = self.state().plan;
        sleep(dice.millis(0, 20)).await;
        let fate = self.fate(&plan);
        self.lie(&mut delivery, fate);
        if self.state().kept.is_none() {
            self.take(&delivery, fate);
        }
        sleep(dice.millis(plan.work.0, plan.work.1)).await;
        let failure = |retryable| {
            Err(DeliverError {
                retryable,
                reason: "the webhook said no".to_owned(),
            })
        };
        // a connector that is gone does not hear it
        let _ = match fate {
            Fate::Taken => answer.send(Ok(())),
            Fate::Fails => answer.send(failure(true)),
            Fate::Rejected => answer.send(failure(false)),
            Fate::AnswerLost => {
                drop(answer);
                Ok(())
            }
            Fate::Hangs => {
                let mut answer = answer;
                answer.closed().await;
                Ok(())
            }
        };
        self.0.stage.pass(Moment::Answered, self.0.agent);
    }
}

impl Deliver for Webhook {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), DeliverError>> {
        let stage = Arc::clone(&self.0.stage);
        let key = stage.ledger.key_of(&delivery);
        let open = Open { stage, key: Some(key) };
        let (answer, answered) = oneshot::channel();
        tokio::spawn(self.clone().handle(delivery, answer));
        Box::pin(async move {
            match answered.await {
                Ok(answer) => {
                    open.into_recorded();
                    answer
                }
                Err(_) => Err(DeliverError {
                    retryable: true,
                    reason: "the connection broke before the answer".to_owned(),
                }),
            }
        })
    }

    fn deduplicates(&self) -> bool {
        self.state().plan.deduplicates
    }
}
