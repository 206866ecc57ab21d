//! `chancery demo`: the whole job, step by step, over real HTTP and WebSockets in one process.

mod agent;
mod report;
mod steps;
mod webhook;
mod world;

use std::sync::Arc;

use chancery_serve::shutdown;
use chancery_store::files;
use chancery_terminal::{Failure, Output};
use clap::Args;
use serde::Serialize;

use crate::error::Error;
use report::Report;
use world::World;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Registry, relay and the connectors of two agents run in this process, on free ports of 127.0.0.1 and
on SQLite files in a temporary directory, with the limits that they have by default. The agents'
webhooks are small stubs in this process that record what they get.

With --json there is one object a line: {\"step\",\"ok\",\"ms\",\"detail\"}; the last one is the sum.
The exit code is 0 only if every step is ok.

Examples:
  chancery demo
  chancery demo --json
  chancery demo --keep"
)]
pub struct Arguments {
    /// Leave everything running, print where, and end at Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// What `--keep` shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    registry: String,
    relay: String,
    data_dir: String,
    agents: Vec<KeptAgent>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeptAgent {
    name: String,
    owner: String,
    home: String,
    did: String,
    connector: String,
    webhook_stub: String,
    revoked: bool,
}

/// Runs it.
///
/// # Errors
/// [`Error::Demo`] when a step failed.
pub async fn run(arguments: Arguments, output: Arc<Output>) -> Result<(), Failure> {
    let asked = shutdown::on_signals();
    let folder = tempfile::Builder::new().prefix("chancery-demo-").tempdir();
    let folder = folder.map_err(|error| Failure::new("DEMO_FAILED", format!("no temporary directory: {error}")))?;
    let mut world = World::new(folder.path());
    let mut report = Report::new(Arc::clone(&output));
    tokio::select! {
        () = Box::pin(steps::run(&mut world, &mut report)) => {}
        () = asked.cancelled() => report.interrupted(),
    }
    let result = report.end();
    if arguments.keep && !asked.is_cancelled() {
        if result.is_ok() {
            Box::pin(steps::successor(&mut world)).await?;
        }
        let kept = kept(&world);
        output.line(&kept, |out| show(&kept, out)).map_err(Error::Output)?;
        asked.cancelled().await;
    }
    world.stop().await;
    // before the directory goes with it
    drop(world);
    folder
        .close()
        .map_err(|error| Failure::new("DEMO_FAILED", format!("the temporary directory stays: {error}")))?;
    result
}

fn kept(world: &World) -> Kept {
    let agents = world.agents.iter().map(|agent| KeptAgent {
        name: agent.name.to_owned(),
        owner: agent.owner.name.to_owned(),
        home: agent.owner.home().display().to_string(),
        did: agent.did.to_string(),
        connector: agent.connector_url(),
        webhook_stub: agent.hook.url(),
        revoked: agent.revoked,
    });
    Kept {
        registry: world.registry_url(),
        relay: world.relay_url(),
        data_dir: world.dir().display().to_string(),
        agents: agents.collect(),
    }
}

fn show(kept: &Kept, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    writeln!(out, "\nStill running, until Ctrl-C; files are in {}", kept.data_dir)?;
    writeln!(out, "  registry   {}", kept.registry)?;
    writeln!(out, "  relay      {}", kept.relay)?;
    for agent in &kept.agents {
        if agent.revoked {
            writeln!(out, "  {} of {} was revoked by the last step", agent.name, agent.owner)?;
            continue;
        }
        writeln!(out, "  {} of {}", agent.name, agent.owner)?;
        writeln!(out, "    did        {}", agent.did)?;
        writeln!(out, "    connector  {}", agent.connector)?;
        writeln!(out, "    webhook    {} (a stub)", agent.webhook_stub)?;
        writeln!(out, "    commands   clawdentity --home-dir {} ...", agent.home)?;
    }
    let mut active = kept.agents.iter().filter(|agent| !agent.revoked);
    if let (Some(to), Some(from)) = (active.next(), active.next()) {
        writeln!(out, "Send a message:")?;
        writeln!(
            out,
            "  curl {}/v1/outbound -H 'content-type: application/json' -d '{{\"toAgentDid\":\"{}\",\"payload\":{{\"message\":\"hi\"}}}}'",
            from.connector, to.did
        )?;
    }
    Ok(())
}

/// Makes a private folder and returns it.
fn folder(path: std::path::PathBuf) -> Result<std::path::PathBuf, Failure> {
    files::create_private_dir(&path)?;
    Ok(path)
}
