//! `clawdentity pair start`: asks the relay for a ticket.

use std::path::PathBuf;

use chancery_relay_wire::relay::{PairStartRequest, Profile};
use clap::Args;
use serde::Serialize;

use super::status::{self, StatusView, Wait};
use crate::{
    code::Code,
    context::Context,
    error::Result,
    pairing::{Actor, codes, parse_ticket},
    qr,
};

/// Arguments of `pair start`.
#[derive(Debug, Args)]
#[command(
    after_help = "Hand the ticket to the owner of the other agent; whoever has it can pair with yours, once.

Examples:
  clawdentity pair start alpha
  clawdentity pair start alpha --qr --ttl-seconds 900
  clawdentity pair start alpha --wait --wait-seconds 120 --json"
)]
pub struct Arguments {
    /// Name of your agent
    agent_name: String,
    /// Life of the ticket in seconds, up to 900 [default: 300]
    #[arg(long, value_name = "TTL_SECONDS", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    ttl_seconds: Option<u32>,
    /// Write the ticket as a QR image too
    #[arg(long)]
    qr: bool,
    /// Where the QR image goes (implies --qr)
    #[arg(long, value_name = "QR_OUTPUT")]
    qr_output: Option<PathBuf>,
    /// Wait until the ticket is confirmed
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    times: Wait,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartView {
    initiator_agent_did: String,
    initiator_profile: Profile,
    ticket: String,
    expires_at: String,
    proxy_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_path: Option<String>,
}

#[derive(Serialize)]
struct WaitedView {
    start: StartView,
    status: StatusView,
}

/// Runs it.
///
/// # Errors
/// The relay's refusal, or one of the `CLI_PAIR_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let actor = Actor::load(context, &arguments.agent_name)?;
    let url = actor.relay_url(context).await?;
    let request = PairStartRequest {
        initiator_profile: actor.profile(context, url.origin())?,
        ttl_seconds: arguments.ttl_seconds,
        allow_responder_agent_did: None,
    };
    let relay = context.relay(url.origin())?;
    let codes = codes(Code::PairStartFailed, Code::PairStartInvalidResponse);
    let started = relay
        .pair_start(&actor.signer, &request)
        .await
        .map_err(|error| codes.name(error))?;
    let ticket = parse_ticket(&started.ticket, Code::PairStartInvalidResponse)?;

    let qr_path = if arguments.qr || arguments.qr_output.is_some() {
        qr::sweep(&actor.state);
        let default = || qr::default_path(&actor.state, &arguments.agent_name, context.now().secs());
        let path = arguments.qr_output.unwrap_or_else(default);
        qr::write_png(&started.ticket, &path)?;
        Some(path.display().to_string())
    } else {
        None
    };
    let view = StartView {
        initiator_agent_did: started.initiator_agent_did.to_string(),
        initiator_profile: started.initiator_profile,
        ticket: started.ticket,
        expires_at: started.expires_at,
        proxy_url: url.normalised(),
        qr_path,
    };
    let mut human = vec![
        "Pairing ticket created".to_owned(),
        format!("Ticket: {}", view.ticket),
        format!("Initiator Agent DID: {}", view.initiator_agent_did),
        format!("Initiator Agent Name: {}", view.initiator_profile.agent_name),
        format!("Initiator Human Name: {}", view.initiator_profile.human_name),
        format!("Expires At: {}", view.expires_at),
    ];
    human.extend(view.qr_path.as_ref().map(|path| format!("QR File: {path}")));
    if !arguments.wait {
        return context.show(&view, &human);
    }
    // a ticket that shows only after it was confirmed can never be handed over
    if context.output.json() {
        context
            .output
            .warn(format!("waiting for confirmation of the ticket {}", view.ticket));
    } else {
        context.show(&view, &human)?;
    }
    let status = status::wait(context, &actor, &url, &ticket, arguments.times).await?;
    let human = status.human();
    context.show(&WaitedView { start: view, status }, &human)
}
