//! What the pair commands share: who we are to a peer, which relay we use, and what is kept of a pairing.

use std::sync::Arc;

use chancery_identity::{
    AgentDid, Origin,
    name::DisplayName,
    pair::{self, Statement},
    ticket::Ticket,
};
use chancery_networks::{AgentSigner, RelayClient};
use chancery_relay_wire::relay::{PairAssertion, PairStatementRequest, Profile};

use crate::{
    code::Code,
    commands::{METADATA, agent::existing},
    context::Context,
    env,
    error::{CliError, RemoteCodes, Result},
    state::{
        config::ServerUrl,
        peers::{Peer, Peers},
        select::State,
    },
};

/// The agent that a pair command acts for.
pub(crate) struct Actor {
    pub(crate) state: State,
    pub(crate) did: AgentDid,
    pub(crate) signer: AgentSigner,
    name: String,
}

impl Actor {
    /// The agent `name`, when its token and key are there.
    pub(crate) fn load(context: &Context, name: &str) -> Result<Self> {
        let (state, agent) = existing(context, name, Code::PairAgentNotFound)?;
        let (token, _, claims) = agent.ait().map_err(|error| error.named(Code::PairAgentNotFound))?;
        let key = agent
            .secret_key()
            .map_err(|error| error.named(Code::PairAgentNotFound))?;
        let signer = AgentSigner::new(&token, key, Arc::clone(&context.clock), Arc::clone(&context.rng));
        Ok(Self {
            state,
            did: claims.sub,
            signer,
            name: agent.name().to_string(),
        })
    }

    /// How the agent presents itself to a peer.
    pub(crate) fn profile(&self, context: &Context, relay: &Origin) -> Result<Profile> {
        let human = self.state.config(&context.env).human_name;
        let human = human.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let human = human.ok_or_else(|| CliError::new(Code::PairHumanNameMissing, "humanName is not configured"))?;
        let name = |text: &str| {
            let wrong = |error| CliError::new(Code::PairProfileInvalid, format!("invalid input: {text:?}: {error}"));
            text.parse::<DisplayName>().map_err(wrong)
        };
        let profile = Profile {
            agent_name: name(&self.name)?,
            human_name: name(human)?,
            proxy_origin: Some(relay.clone()),
        };
        Ok(profile)
    }

    /// The relay: the environment's, else the one that configuration and registry agree on.
    pub(crate) async fn relay_url(&self, context: &Context) -> Result<ServerUrl> {
        if let Some(url) = context.env.get(env::PROXY_URL) {
            return ServerUrl::parse(url, Code::PairInvalidProxyUrl);
        }
        let configured = self.state.file.proxy_url.as_deref();
        let configured = configured
            .map(|url| ServerUrl::parse(url, Code::PairProxyUrlInvalid))
            .transpose()?;
        let registry = context.registry(self.state.registry.origin())?;
        let metadata = registry.metadata().await.map_err(|error| METADATA.name(error))?;
        let named = ServerUrl::parse(&metadata.proxy_url, Code::PairInvalidProxyUrl)?;
        match configured {
            Some(own) if own.origin() != named.origin() => Err(CliError::new(
                Code::PairProxyUrlMismatch,
                format!(
                    "the configured proxyUrl is {}, and the registry's is {}",
                    own.text(),
                    named.text()
                ),
            )),
            Some(own) => Ok(own),
            None => Ok(named),
        }
    }

    /// Refuses a ticket of another relay.
    pub(crate) fn check_issuer(given: &GivenTicket, relay: &ServerUrl) -> Result<()> {
        let ticket = &given.ticket;
        if ticket.iss == *relay.origin() {
            return Ok(());
        }
        let text = format!(
            "the ticket was issued by {}, and the configured relay is {}",
            ticket.iss,
            relay.origin()
        );
        let hint = format!("clawdentity config set proxyUrl {}", ticket.iss);
        Err(CliError::new(Code::PairTicketIssuerMismatch, text).hint(hint))
    }

    /// Fails when `peers.json` is there and cannot take another peer.
    pub(crate) fn check_peers(&self) -> Result<()> {
        Peers::load(&self.state.dir).map(|_| ())
    }

    /// Remembers the other side. Returns its alias.
    pub(crate) fn remember(&self, peer: &AgentDid, profile: &Profile, relay: &Origin) -> Result<String> {
        let (agent, human) = (profile.agent_name.clone(), profile.human_name.clone());
        Peers::remember(&self.state.dir, Peer::new(peer.clone(), relay, agent, human))
    }

    /// Uploads our half of the pair document. A relay that does not know of documents is no failure, and neither is one that
    /// cannot take it now: the pair holds, only the relay alone vouches for it.
    pub(crate) async fn state_pair(
        &self,
        context: &Context,
        relay: &RelayClient,
        given: &GivenTicket,
        peer: &AgentDid,
    ) -> Option<PairAssertion> {
        let statement = Statement {
            kind: pair::TYPE.to_owned(),
            agent_did: self.did.clone(),
            public_key: self.signer.key().public(),
            peer_did: peer.clone(),
            pairing: given.ticket.kid,
            issued_at: context.now().to_rfc3339(),
        };
        let statement = match statement.sign(self.signer.key()) {
            Ok(statement) => statement,
            Err(error) => {
                context
                    .output
                    .warn(format!("the pair statement could not be signed: {error}"));
                return None;
            }
        };
        let request = PairStatementRequest {
            ticket: given.text.clone(),
            statement,
        };
        match relay.pair_statement(&self.signer, &request).await {
            Ok(response) => Some(response.asserted_by),
            Err(error) if matches!(error.remote_status(), Some(401 | 404 | 405)) => None,
            Err(error) => {
                context
                    .output
                    .warn(format!("the relay did not take the signed pair statement: {error}"));
                None
            }
        }
    }
}

/// How failures of a call to the relay are named.
pub(crate) fn codes(refused: Code, invalid: Code) -> RemoteCodes {
    RemoteCodes {
        unreachable: Code::PairRequestFailed,
        refused,
        invalid,
    }
}

/// A ticket, and its text as it was issued: relays compare the text.
pub(crate) struct GivenTicket {
    pub(crate) ticket: Ticket,
    pub(crate) text: String,
}

/// Reads a ticket.
///
/// # Errors
/// `code`.
pub(crate) fn parse_ticket(text: &str, code: Code) -> Result<GivenTicket> {
    let ticket = Ticket::parse(text).map_err(|error| CliError::new(code, format!("invalid input: {error}")))?;
    Ok(GivenTicket {
        ticket,
        text: Ticket::normalise(text),
    })
}
