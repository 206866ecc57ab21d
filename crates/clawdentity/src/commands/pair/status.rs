//! `clawdentity pair status`: whether a ticket was confirmed.

use std::time::Duration;

use chancery_relay_wire::relay::{PairAssertion, PairStatus, PairStatusResponse, Profile};
use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    code::Code,
    context::Context,
    error::{CliError, Result},
    pairing::{Actor, GivenTicket, codes, parse_ticket},
    state::config::ServerUrl,
};

/// Arguments of `pair status`.
#[derive(Debug, Args)]
#[command(
    after_help = "While a ticket is pending only its initiator may ask. A confirmed peer is saved to peers.json.

Examples:
  clawdentity pair status alpha --ticket clwpair1_...
  clawdentity pair status alpha --ticket clwpair1_... --wait --wait-seconds 60 --json"
)]
pub struct Arguments {
    /// Name of your agent
    agent_name: String,
    /// The ticket
    #[arg(long, value_name = "TICKET")]
    ticket: String,
    /// Wait until the ticket is confirmed
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    times: Wait,
}

/// How long and how often to ask.
#[derive(Debug, Clone, Copy, Args)]
#[group(skip)]
pub struct Wait {
    /// How long to wait, seconds
    #[arg(long, value_name = "WAIT_SECONDS", default_value_t = 300, allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=86400))]
    wait_seconds: u64,
    /// How often to ask, seconds
    #[arg(long, value_name = "POLL_INTERVAL_SECONDS", default_value_t = 3, allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=86400))]
    poll_interval_seconds: u64,
}

/// The state of a pairing, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusView {
    status: PairStatus,
    initiator_agent_did: String,
    initiator_profile: Profile,
    #[serde(skip_serializing_if = "Option::is_none")]
    responder_agent_did: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    responder_profile: Option<Profile>,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<String>,
    proxy_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asserted_by: Option<PairAssertion>,
}

impl StatusView {
    /// Lines for people.
    pub(super) fn human(&self) -> Vec<String> {
        let word = match self.status {
            PairStatus::Pending => "pending",
            PairStatus::Confirmed => "confirmed",
        };
        let mut lines = vec![
            format!("Status: {word}"),
            format!("Initiator Agent DID: {}", self.initiator_agent_did),
            format!("Initiator Agent Name: {}", self.initiator_profile.agent_name),
            format!("Initiator Human Name: {}", self.initiator_profile.human_name),
        ];
        if let (Some(did), Some(profile)) = (&self.responder_agent_did, &self.responder_profile) {
            lines.push(format!("Responder Agent DID: {did}"));
            lines.push(format!("Responder Agent Name: {}", profile.agent_name));
            lines.push(format!("Responder Human Name: {}", profile.human_name));
        }
        lines.push(format!("Expires At: {}", self.expires_at));
        lines.extend(self.confirmed_at.as_ref().map(|at| format!("Confirmed At: {at}")));
        lines.extend(
            self.peer_alias
                .as_ref()
                .map(|alias| format!("Peer alias saved: {alias}")),
        );
        lines
    }
}

/// Runs it.
///
/// # Errors
/// The relay's refusal, or one of the `CLI_PAIR_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    if arguments.ticket.trim().is_empty() {
        return Err(CliError::usage(Code::PairStatusTicketRequired, "the ticket is empty"));
    }
    let ticket = parse_ticket(&arguments.ticket, Code::PairStatusTicketInvalid).map_err(CliError::of_argument)?;
    let actor = Actor::load(context, &arguments.agent_name)?;
    let url = actor.relay_url(context).await?;
    Actor::check_issuer(&ticket, &url)?;
    let view = if arguments.wait {
        wait(context, &actor, &url, &ticket, arguments.times).await?
    } else {
        let response = ask(context, &actor, &url, &ticket).await?;
        settle(context, &actor, &url, &ticket, response).await?
    };
    let human = view.human();
    context.show(&view, &human)
}

/// Asks at once and then at each interval, until the ticket is confirmed.
///
/// # Errors
/// As [`run`], and [`Code::PairStatusWaitTimeout`].
pub(super) async fn wait(
    context: &Context,
    actor: &Actor,
    url: &ServerUrl,
    ticket: &GivenTicket,
    times: Wait,
) -> Result<StatusView> {
    let deadline = Instant::now() + Duration::from_secs(times.wait_seconds);
    let interval = Duration::from_secs(times.poll_interval_seconds);
    loop {
        let response = ask(context, actor, url, ticket).await?;
        if response.status == PairStatus::Confirmed {
            return settle(context, actor, url, ticket, response).await;
        }
        if Instant::now() >= deadline {
            let text = format!("pairing is still pending after {} seconds", times.wait_seconds);
            return Err(CliError::new(Code::PairStatusWaitTimeout, text));
        }
        sleep(interval.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

async fn ask(context: &Context, actor: &Actor, url: &ServerUrl, ticket: &GivenTicket) -> Result<PairStatusResponse> {
    let relay = context.relay(url.origin())?;
    let codes = codes(Code::PairStatusFailed, Code::PairStatusInvalidResponse);
    relay.pair_status(&actor.signer, &ticket.text).await.map_err(|error| {
        let forbidden = error.is_code("PROXY_PAIR_STATUS_FORBIDDEN");
        let failure = codes.name(error);
        if forbidden {
            failure.renamed(Code::PairStatusForbidden)
        } else {
            failure
        }
    })
}

/// Keeps what a confirmed pairing brings: the peer, and our half of the pair document.
async fn settle(
    context: &Context,
    actor: &Actor,
    url: &ServerUrl,
    ticket: &GivenTicket,
    response: PairStatusResponse,
) -> Result<StatusView> {
    let responder = response
        .responder_agent_did
        .as_ref()
        .zip(response.responder_profile.as_ref());
    let mut peer_alias = None;
    let mut asserted_by = response.document.as_ref().map(|_| PairAssertion::Agents);
    if let (PairStatus::Confirmed, Some((did, profile))) = (response.status, responder) {
        let initiated = response.initiator_agent_did == actor.did;
        let (peer, profile) = if initiated {
            (did, profile)
        } else {
            (&response.initiator_agent_did, &response.initiator_profile)
        };
        peer_alias = Some(actor.remember(peer, profile, &ticket.ticket.iss)?);
        if asserted_by.is_none() {
            asserted_by = actor
                .state_pair(context, &context.relay(url.origin())?, ticket, peer)
                .await;
        }
    }
    Ok(StatusView {
        status: response.status,
        initiator_agent_did: response.initiator_agent_did.to_string(),
        initiator_profile: response.initiator_profile,
        responder_agent_did: response.responder_agent_did.map(|did| did.to_string()),
        responder_profile: response.responder_profile,
        expires_at: response.expires_at,
        confirmed_at: response.confirmed_at,
        proxy_url: url.normalised(),
        peer_alias,
        asserted_by,
    })
}
