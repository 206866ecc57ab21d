//! `clawdentity agent create`: makes a key, proves to the registry that we hold it, and saves what it issues.

use std::path::PathBuf;

use chancery_base::{b64, ed25519::SecretKey};
use chancery_identity::{ait::Ait, name::Framework, registration::RegistrationProof};
use chancery_relay_wire::registry::{AgentCreateRequest, AgentCreateResponse};
use chancery_store::files;
use clap::Args;
use serde::Serialize;

use crate::{
    code::Code,
    commands::api_key,
    context::Context,
    error::{CliError, RemoteCodes, Result},
    state::{
        agent::{AgentDir, Identity, check_name, write_issued, write_keys},
        select::State,
    },
};

pub(super) const CODES: RemoteCodes = RemoteCodes {
    unreachable: Code::AgentRequestFailed,
    refused: Code::AgentCreateFailed,
    invalid: Code::AgentInvalidResponse,
};

/// Arguments of `agent create`.
#[derive(Debug, Args)]
#[command(
    after_help = "The private key is made here and never leaves this machine. A failure leaves nothing behind.

Examples:
  clawdentity agent create alpha
  clawdentity agent create alpha --framework openclaw --ttl-days 7 --json"
)]
pub struct Arguments {
    /// Name: 1 to 64 letters, digits, '.', '_' and '-'
    name: String,
    /// Framework that the agent runs in, such as openclaw, picoclaw, nanobot, nanoclaw
    #[arg(long, value_name = "FRAMEWORK")]
    framework: Option<String>,
    /// Life of the identity token in days, 1 to 90 [default: 30]
    #[arg(long, value_name = "TTL_DAYS", value_parser = clap::value_parser!(u32).range(1..=90))]
    ttl_days: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    name: String,
    did: String,
    expires_at: String,
    framework: String,
    registry_url: String,
}

/// Runs it.
///
/// # Errors
/// The registry's refusal, or one of the `CLI_AGENT_` codes.
pub async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let name = check_name(&arguments.name)?;
    if let Some(framework) = &arguments.framework {
        framework
            .parse::<Framework>()
            .map_err(|error| CliError::usage(Code::NameInvalid, format!("invalid input: {error}")))?;
    }
    let state = context.state(None)?;
    let agent = AgentDir::new(&state.dir, name);
    let exists = || {
        CliError::new(
            Code::AgentExists,
            format!("identity already exists at {}", agent.dir().display()),
        )
    };
    if agent.exists() {
        return Err(exists());
    }
    let api_key = api_key(&state, context, Code::AgentMissingLocalCredentials)?;
    let staging = Staging::new(context, &state, agent.name().as_str())?;
    let key = SecretKey::generate(&context.rng);
    // written before the registry is asked, so that a full disk shows before an agent exists
    write_keys(&staging.dir, &key)?;

    let issued = register(&arguments, context, &state, &api_key, &key).await?;
    let identity = Identity {
        did: issued.agent.did.clone(),
        name: issued.agent.name.to_string(),
        framework: issued.agent.framework.to_string(),
        expires_at: issued.agent.expires_at.clone(),
        registry_url: state.registry.normalised(),
    };
    // from here on the agent exists at the registry: what is staged is kept when it cannot be put in its place
    let kept = staging.keep();
    let place = || -> Result<()> {
        write_issued(&kept, &identity, &issued.ait, &issued.agent_auth)?;
        files::create_private_dir(&state.dir.join("agents"))?;
        std::fs::rename(&kept, agent.dir()).map_err(|error| match error.kind() {
            std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists => exists(),
            _ => CliError::new(
                Code::StateFailed,
                format!("cannot create {}: {error}", agent.dir().display()),
            ),
        })
    };
    place().map_err(|error| {
        error.hint(format!(
            "the agent is registered; its files are in {}: move them to their place",
            kept.display()
        ))
    })?;

    let view = View {
        name: agent.name().to_string(),
        did: identity.did.to_string(),
        expires_at: identity.expires_at,
        framework: identity.framework,
        registry_url: identity.registry_url,
    };
    let human = [
        format!("Agent created: {}", view.name),
        format!("DID: {}", view.did),
        format!("Framework: {}", view.framework),
        format!("Expires At: {}", view.expires_at),
    ];
    context.show(&view, &human)
}

/// Challenge, proof, registration; and a look at whether the answer is about this agent.
async fn register(
    arguments: &Arguments,
    context: &Context,
    state: &State,
    api_key: &str,
    key: &SecretKey,
) -> Result<AgentCreateResponse> {
    let registry = context.registry(state.registry.origin())?;
    let public_key = key.public();
    let challenge = registry
        .challenge(api_key, &public_key)
        .await
        .map_err(|error| CODES.name(error))?;
    let proof = RegistrationProof {
        challenge_id: challenge.challenge_id,
        nonce: &challenge.nonce,
        owner: &challenge.owner_did,
        public_key: &public_key,
        name: &arguments.name,
        framework: arguments.framework.as_deref(),
        ttl_days: arguments.ttl_days,
    };
    let request = AgentCreateRequest {
        challenge_id: challenge.challenge_id.to_string(),
        challenge_signature: key.sign(proof.canonical().as_bytes()).to_b64(),
        framework: arguments.framework.clone(),
        name: arguments.name.clone(),
        public_key: public_key.to_b64(),
        ttl_days: arguments.ttl_days,
    };
    let issued = registry
        .agent_create(api_key, &request)
        .await
        .map_err(|error| CODES.name(error))?;
    let wrong = |what: &str| CliError::new(Code::AgentInvalidResponse, format!("the registry's answer {what}"));
    let (_, claims) = Ait::inspect(&issued.ait).map_err(|error| wrong(&format!("holds no identity token: {error}")))?;
    if claims.sub != issued.agent.did || claims.cnf.jwk.x != public_key {
        return Err(wrong("holds an identity token of another agent or key"));
    }
    if issued.agent_auth.token_type != "Bearer" {
        return Err(wrong("holds session tokens of an unknown type"));
    }
    Ok(issued)
}

/// A directory for the files of an agent in the making. Dropped, it and the key in it are gone.
struct Staging {
    dir: PathBuf,
    keep: bool,
}

impl Staging {
    fn new(context: &Context, state: &State, name: &str) -> Result<Self> {
        use chancery_base::Rng as _;
        let mut random = [0; 6];
        context.rng.fill(&mut random);
        let dir = state.dir.join(format!(".new-agent-{name}-{}", b64::encode(random)));
        files::create_private_dir(&dir)?;
        Ok(Self { dir, keep: false })
    }

    fn keep(mut self) -> PathBuf {
        self.keep = true;
        self.dir.clone()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep {
            // nothing of it is known to anybody; a leftover would be an unused key in a private directory
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
