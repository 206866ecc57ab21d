//! The node under test.

use std::sync::Arc;

use chancery_serve::{Bound, Protocol, ServerConfig, system::SystemClock};
use chancery_xmtp_node::{Node, Running, Settings, Store};
use tokio_util::sync::CancellationToken;

use crate::process::ServeOptions;

/// Requests of one address in a second: no limit that a bench could reach.
pub(crate) const BENCH_RATE: u32 = u32::MAX;

pub(crate) async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let mut settings = Settings::default();
    if !options.default_limits {
        settings.limits.requests_per_second = BENCH_RATE;
    }
    let store = Store::sqlite(options.dir.join("xmtp-node.sqlite3"))?;
    let config = ServerConfig {
        protocol: Protocol::Http2(settings.http2.clone()),
        ..ServerConfig::new(([127, 0, 0, 1], 0).into())
    };
    let bound = Bound::bind(&config).await?;
    let node = Running::start(bound, Node::new(settings, store, Arc::new(SystemClock)));
    println!("{}", node.address());
    Ok(node.run_until(CancellationToken::new()).await?)
}
