//! Replacing operational keys from time to time: what a thief of one signs is bounded (signet spec 8.2).

use std::time::Duration;

use chancery_base::{Clock, Millis};
use chancery_signet::{Principal, Signet, keys::Keys};
use chancery_signet_wire::{
    Failure,
    action::{Call, input::KeysRotate},
};

/// How often it is looked whether one is due. By the clock, since a machine that slept has not waited.
const EVERY: Duration = Duration::from_secs(60);

/// Replaces all operational keys whenever one is as old as `age`, for as long as it is polled.
pub(super) async fn rotate(signet: Signet, keys: impl Keys, age: Duration, clock: impl Clock) {
    loop {
        tokio::time::sleep(EVERY).await;
        match overdue(&keys, age, clock.now()).await {
            Ok(false) => {}
            Ok(true) => {
                let call = Call::KeysRotate(KeysRotate { operator_id: None });
                if let Err(error) = signet.dispatch(Principal::Admin, call).await {
                    tracing::error!(%error, "operational keys are overdue and were not replaced");
                }
            }
            Err(error) => tracing::error!(%error, "it is not known how old the operational keys are"),
        }
    }
}

async fn overdue(keys: &impl Keys, age: Duration, now: Millis) -> Result<bool, Failure> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let listed = keys.list().await?;
    Ok(listed.iter().any(|key| now.since(key.created_at.0) >= age))
}
