//! Credentials end in time without anybody asking (signet spec 1.7).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::time::Duration;

use common::Desk;
use serde_json::json;

/// Lets time go by for clock and sleepers.
async fn pass(desk: &Desk, seconds: u64) {
    desk.clock.advance(Duration::from_secs(seconds));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn ended(desk: &Desk) -> usize {
    let log = desk.log().await;
    log.iter().filter(|action| *action == "credential.expire").count()
}

/// Waits until `count` have ended. Time that stands still goes on whenever all tasks wait, for the disk too, so that how long
/// this takes says nothing.
async fn have_ended(desk: &Desk, count: usize) {
    for _ in 0..200 {
        if ended(desk).await == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?}", desk.log().await);
}

#[tokio::test(start_paused = true)]
async fn a_credential_ends_when_its_time_is_over() {
    let desk = Desk::new().await;
    let operator = desk.operator("one", "shared").await;
    let chat = desk.chat(&operator).await;
    let issue = |ttl: u64| json!({"operatorId": operator, "chatIds": [chat], "ttlSeconds": ttl});
    desk.done("credential.issue", issue(100_000)).await;
    desk.done("credential.issue", issue(600)).await;
    pass(&desk, 590).await;
    assert_eq!(ended(&desk).await, 0);
    pass(&desk, 11).await;
    have_ended(&desk, 1).await;
    // one that ends sooner than what was waited for
    desk.done("credential.issue", issue(5)).await;
    pass(&desk, 6).await;
    have_ended(&desk, 2).await;
    let left = desk.done("credential.list", json!({})).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
}
