//! `clawdentity pair confirm`: accepts another agent's ticket.

use std::path::PathBuf;

use chancery_relay_wire::relay::{PairAssertion, PairConfirmRequest, Profile};
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    pairing::{Actor, codes, parse_ticket},
    qr,
};

/// Arguments of `pair confirm`.
#[derive(Debug, Args)]
#[command(
    after_help = "From then on both agents may send messages to one another. The peer is saved to peers.json.

Examples:
  clawdentity pair confirm beta --ticket clwpair1_...
  clawdentity pair confirm beta --qr-file ticket.png --json"
)]
pub struct Arguments {
    /// Name of your agent
    agent_name: String,
    /// The ticket
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
    /// PNG image with the ticket as a QR code
    #[arg(long, value_name = "QR_FILE")]
    qr_file: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    paired: bool,
    initiator_agent_did: String,
    initiator_profile: Profile,
    responder_agent_did: String,
    responder_profile: Profile,
    proxy_url: String,
    peer_alias: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    asserted_by: Option<PairAssertion>,
}

/// Runs it.
///
/// # Errors
/// The relay's refusal, or one of the `CLI_PAIR_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let text = match (&arguments.ticket, &arguments.qr_file) {
        (Some(_), Some(_)) => {
            let text = "invalid input: cannot take both --ticket and --qr-file";
            return Err(CliError::usage(Code::PairConfirmInputConflict, text));
        }
        (Some(ticket), None) if !ticket.trim().is_empty() => ticket.clone(),
        (None, Some(path)) => qr::read_ticket(path)?,
        _ => {
            let text = "invalid input: either --ticket or --qr-file is required";
            return Err(CliError::usage(Code::PairConfirmTicketRequired, text));
        }
    };
    let given = parse_ticket(&text, Code::PairConfirmTicketInvalid)
        .map_err(|error| error.of_argument_if(arguments.ticket.is_some()))?;
    let ticket = &given.ticket;
    let actor = Actor::load(context, &arguments.agent_name)?;
    // a ticket works once: it is not spent on a pair that could not be written down
    actor.check_peers()?;
    let url = actor.relay_url(context).await?;
    Actor::check_issuer(&given, &url)?;
    let request = PairConfirmRequest {
        responder_profile: actor.profile(context, url.origin())?,
        ticket: given.text.clone(),
    };
    let relay = context.relay(&ticket.iss)?;
    let codes = codes(Code::PairConfirmFailed, Code::PairConfirmInvalidResponse);
    let paired = relay
        .pair_confirm(&actor.signer, &request)
        .await
        .map_err(|error| codes.name(error))?;
    let peer_alias = actor.remember(&paired.initiator_agent_did, &paired.initiator_profile, &ticket.iss)?;
    if let Some(path) = &arguments.qr_file {
        qr::discard(&actor.state, path);
    }
    let asserted_by = actor
        .state_pair(context, &relay, &given, &paired.initiator_agent_did)
        .await;
    let view = View {
        paired: paired.paired,
        initiator_agent_did: paired.initiator_agent_did.to_string(),
        initiator_profile: paired.initiator_profile,
        responder_agent_did: paired.responder_agent_did.to_string(),
        responder_profile: paired.responder_profile,
        proxy_url: ticket.iss.to_string(),
        peer_alias,
        asserted_by,
    };
    let human = [
        "Pairing confirmed".to_owned(),
        format!("Initiator Agent DID: {}", view.initiator_agent_did),
        format!("Initiator Agent Name: {}", view.initiator_profile.agent_name),
        format!("Initiator Human Name: {}", view.initiator_profile.human_name),
        format!("Responder Agent DID: {}", view.responder_agent_did),
        format!("Responder Agent Name: {}", view.responder_profile.agent_name),
        format!("Responder Human Name: {}", view.responder_profile.human_name),
        format!("Peer alias saved: {}", view.peer_alias),
    ];
    context.show(&view, &human)
}
