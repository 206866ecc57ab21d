//! Handing messages to the agent: in order within a lane, lanes side by side.
//!
//! A message that is held after a crash leaves its lane: it was handed over once and most probably arrived, and a
//! conversation must not stand still until the owner looks. When it is released it goes at once, marked as a repeat.

use std::sync::Arc;

use chancery_base::{Millis, Ulid};
use chancery_identity::block::Identity;
use chancery_relay_wire::frame::ReceiptStatus;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::Instant;

use crate::{
    backoff,
    core::Core,
    error::ConnectorError,
    lanes::Head,
    ports::{BoxFuture, DeliverError, Delivery},
    receipts,
    store::{Attempt, AttemptFailure, Inbound, Step, WaitingInbound},
};

/// How much longer the wait is after a failure that time does not mend; the original's.
const REFUSED_FACTOR: u32 = 10;

/// Delivers until the connector stops; what runs then may end.
pub(crate) async fn run(core: Arc<Core>) {
    core.booted().await;
    let mut running: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
    loop {
        let stopping = core.stop.is_cancelled();
        while !stopping && running.len() < core.config.limits.deliveries {
            let Some(head) = core.deliveries.take(Instant::now()) else {
                break;
            };
            running.push(Box::pin(attempt(&core, head)));
        }
        if stopping && running.is_empty() {
            return;
        }
        let room = !stopping && running.len() < core.config.limits.deliveries;
        let due = core.deliveries.next_due().filter(|_| room);
        tokio::select! {
            biased;
            Some(()) = running.next(), if !running.is_empty() => {}
            () = core.stop.cancelled(), if !stopping => {}
            () = core.deliveries.rung(), if !stopping => {}
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}

/// One attempt at the head of a lane, from its first record to its last.
async fn attempt(core: &Core, head: Head) {
    let id = head.id;
    let begun = match core.store.begin_attempt(id, core.now()).await {
        Ok(Some(begun)) => begun,
        // purged or delivered meanwhile
        Ok(None) => return core.deliveries.done(head),
        Err(error) => {
            tracing::error!(%error, delivery = %id, "an attempt could not be recorded");
            return core
                .deliveries
                .put_back(head, Instant::now() + core.config.timing.retry_min);
        }
    };
    let ceiling = core.config.timing.delivery_ceiling;
    let result = tokio::time::timeout(ceiling, core.ports.deliver.deliver(delivery(&begun)))
        .await
        .unwrap_or_else(|_| {
            Err(DeliverError {
                retryable: true,
                reason: format!("no answer in {ceiling:?}"),
            })
        });
    note(core, result.as_ref().err());
    match result {
        Ok(()) => {
            let receipt = receipts::sign(core, &begun.message, ReceiptStatus::DeliveredToWebhook, None);
            settle(core, || core.store.delivered(id, core.now(), receipt.clone())).await;
            core.receipts.notify_one();
            core.deliveries.done(head);
        }
        Err(error) => failed(core, head, begun, error).await,
    }
}

/// Decides what follows a failed attempt, and records it.
async fn failed(core: &Core, head: Head, begun: Attempt, error: DeliverError) {
    let id = head.id;
    let timing = &core.config.timing;
    let refused = !error.retryable;
    let age = u128::try_from(core.now().since(begun.since)).unwrap_or(0);
    let given_up = if refused && begun.refusals + 1 >= core.config.limits.refusals {
        Some(format!("refused {} times: {}", begun.refusals + 1, error.reason))
    } else if age >= timing.inbound_max_age.as_millis() {
        Some(format!(
            "not delivered in {} s: {}",
            timing.inbound_max_age.as_secs(),
            error.reason
        ))
    } else {
        None
    };
    if let Some(reason) = given_up {
        tracing::warn!(delivery = %id, reason, "message given up");
        let receipt = receipts::sign(core, &begun.message, ReceiptStatus::DeadLettered, Some(&reason));
        settle(core, || {
            core.store.dead_letter(id, reason.clone(), core.now(), receipt.clone())
        })
        .await;
        core.receipts.notify_one();
        return core.deliveries.done(head);
    }
    let factor = if refused { REFUSED_FACTOR } else { 1 };
    let wait = backoff::delay(begun.tries, timing.retry_min, timing.retry_max, &core.rng) * factor;
    tracing::info!(delivery = %id, attempt = begun.attempt, reason = error.reason, ?wait, "delivery failed");
    let next_attempt = core.now().plus(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    let failure = AttemptFailure {
        reason: error.reason,
        refused,
        next_attempt,
    };
    settle(core, || core.store.attempt_failed(id, failure.clone())).await;
    core.deliveries.put_back(head, Instant::now() + wait);
}

/// Records the end of an attempt, however long the store fails: the attempt itself must not run twice for it.
async fn settle(core: &Core, step: impl Fn() -> Step<bool>) {
    while let Err(error) = step().await {
        tracing::error!(%error, "the end of a delivery could not be recorded; trying again");
        tokio::time::sleep(core.config.timing.retry_min).await;
    }
}

fn delivery(begun: &Attempt) -> Delivery {
    let Inbound {
        message_id,
        payload,
        content_type,
        conversation_id,
        reply_to,
        sent_at,
        ..
    } = begun.message.clone();
    let message = &begun.message;
    Delivery {
        id: message.id,
        attempt: begun.attempt,
        message_id,
        from: message.from.clone(),
        to: message.to.clone(),
        payload,
        content_type,
        conversation_id,
        reply_to,
        sent_at,
        verified: message.verified,
        identity: message.identity.as_ref().map(|identity| Identity {
            agent_did: message.from.to_string().into(),
            owner_did: identity.owner.clone().into(),
            issuer: identity.issuer.clone().into(),
            ait_jti: identity.jti.to_string().into(),
        }),
    }
}

fn note(core: &Core, error: Option<&DeliverError>) {
    let now = core.now();
    let mut gauges = core.gauges();
    gauges.hook_at = Some(now);
    gauges.hook_error = error.map(|error| error.reason.clone());
    if error.is_none() {
        gauges.hook_ok_at = Some(now);
        gauges.deliveries += 1;
    }
}

/// Held messages go again.
pub(crate) async fn release_held(core: &Arc<Core>, ids: Option<Vec<Ulid>>) -> Result<u64, ConnectorError> {
    again(core, core.store.release_held(ids, core.now()), core.now()).await
}

/// Dead letters go again.
pub(crate) async fn replay_dead(core: &Arc<Core>, ids: Option<Vec<Ulid>>) -> Result<u64, ConnectorError> {
    again(core, core.store.replay_dead(ids, core.now()), core.now()).await
}

async fn again(core: &Arc<Core>, step: Step<Vec<WaitingInbound>>, now: Millis) -> Result<u64, ConnectorError> {
    let core = Arc::clone(core);
    // a task of its own: a caller who goes away must not leave them between the store and the queue
    let task = tokio::spawn(async move {
        let entries = step.await?;
        let count = entries.len() as u64;
        for entry in entries {
            let due = core.instant(entry.next_attempt.min(now));
            core.deliveries
                .push((entry.from, entry.conversation_id), entry.seq, entry.id, due);
        }
        Ok::<_, ConnectorError>(count)
    });
    match task.await {
        Ok(result) => result,
        Err(_) => Err(ConnectorError::Store(chancery_store::StoreError::Closed)),
    }
}
