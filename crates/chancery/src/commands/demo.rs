//! x
use chancery_terminal::{Failure, Output};
use std::sync::Arc;
/// x
#[derive(Debug, clap::Args)]
pub struct Arguments {}
/// x
/// # Errors
/// x
pub async fn run(_: Arguments, _: Arc<Output>) -> Result<(), Failure> {
    Ok(())
}
