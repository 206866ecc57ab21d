//! Stopping at a signal.

use std::time::Duration;

use chancery_serve::shutdown;
use rustix::process::{Signal, getpid, kill_process};

#[tokio::test]
async fn sigterm_cancels_the_token_and_the_process_lives() {
    let token = shutdown::on_signals();
    assert!(!token.is_cancelled());
    kill_process(getpid(), Signal::TERM).unwrap();
    tokio::time::timeout(Duration::from_secs(5), token.cancelled())
        .await
        .unwrap();
}
