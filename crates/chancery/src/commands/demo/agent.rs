//! People and agents of the demo: the steps of the `clawdentity` command, with its files, in this process.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chancery_base::{Rng as _, b64};
use chancery_clawdentity::{
    CliError, Context, Env,
    cli::Cli,
    credentials::Session,
    execute,
    keyring::Keyring,
    state::agent::{AgentDir, check_name},
};
use chancery_connector::{BoxFuture, Connector, ConnectorConfig, Peers, Ports, Store};
use chancery_identity::{AgentDid, Origin};
use chancery_networks::{
    HttpClient,
    http::{Auth, Request},
    link::RelayLink,
};
use chancery_providers::webhook::{HookToken, TokenHeader, Webhook, WebhookConfig};
use chancery_relay_wire::route;
use chancery_serve::{Bound, ServeError, ServerConfig, loopback::Guard, system::OsRng};
use chancery_terminal::{Failure, Output};
use clap::Parser as _;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{folder, webhook::WebhookStub};

/// How long anything may take that is not waited for by a person.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a state is looked at.
const PACE: Duration = Duration::from_millis(2);
/// How long the connector's requests may go on when it stops.
const DRAIN: Duration = Duration::from_secs(1);

/// A failure of the demo itself.
pub(super) fn failed(text: impl Into<String>) -> Failure {
    Failure::new("DEMO_FAILED", text)
}

/// Waits until `is_so` holds.
pub(super) async fn wait_until(what: &str, is_so: impl Fn() -> bool) -> Result<(), Failure> {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > PATIENCE {
            return Err(failed(format!("waited {PATIENCE:?} for {what}")));
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// Somebody with a home directory.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) name: &'static str,
    context: Arc<Context>,
    written: Buffer,
}

impl Person {
    /// Somebody whom no registry knows.
    pub(super) fn new(name: &'static str, homes: &Path) -> Result<Self, Failure> {
        let home = folder(homes.join(name))?;
        let written = Buffer::default();
        let output = Output::to(true, written.clone(), Buffer::default());
        // no variables: what somebody exported must not lead the demo to their servers
        let context = Context::new(&home, Env::default(), Arc::new(output));
        Ok(Self {
            name,
            context: Arc::new(context),
            written,
        })
    }

    pub(super) fn home(&self) -> &Path {
        self.context.home()
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Runs `clawdentity <arguments>` and returns its JSON.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let words = ["clawdentity"].into_iter().chain(arguments.iter().copied());
        let cli = Cli::try_parse_from(words).map_err(|error| failed(error.to_string()))?;
        self.written.take();
        Box::pin(execute(cli, &self.context)).await.map_err(cli_failure)?;
        serde_json::from_slice(&self.written.take())
            .map_err(|error| failed(format!("clawdentity printed no JSON: {error}")))
    }

    /// The API key in the person's configuration.
    pub(super) fn api_key(&self) -> Result<String, Failure> {
        let state = self.context.state(None).map_err(cli_failure)?;
        state
            .file
            .api_key
            .clone()
            .ok_or_else(|| failed(format!("{} has no API key", self.name)))
    }

    /// Creates an agent, with a webhook stub for its platform.
    pub(super) async fn agent(&self, name: &'static str) -> Result<Agent, Failure> {
        let created = self.run(&["agent", "create", name]).await?;
        let did = text(&created, "did")?
            .parse()
            .map_err(|_| failed("the agent's DID is none"))?;
        let state = self.context.state(None).map_err(cli_failure)?;
        let dir = AgentDir::new(&state.dir, check_name(name).map_err(cli_failure)?);
        let session = Session::open(&self.context, &dir).map_err(cli_failure)?;
        Ok(Agent {
            name,
            owner: self.clone(),
            did,
            dir,
            session: Arc::new(session),
            hook: WebhookStub::start().await?,
            running: None,
            revoked: false,
        })
    }
}

/// An agent.
pub(super) struct Agent {
    pub(super) name: &'static str,
    pub(super) owner: Person,
    pub(super) did: AgentDid,
    pub(super) hook: WebhookStub,
    pub(super) session: Arc<Session>,
    pub(super) revoked: bool,
    dir: AgentDir,
    running: Option<Running>,
}

/// A connector and its local API.
struct Running {
    connector: Connector,
    store: Store,
    api: Origin,
    token: Zeroizing<String>,
    stop: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Agent {
    /// Starts the connector, as `clawdentity connector start` does, and waits until the relay has let it in.
    pub(super) async fn connect(&mut self, relay: &Origin) -> Result<(), Failure> {
        let link = RelayLink::new(relay.as_str(), self.session.signer().clone(), self.session.clone())?;
        let webhook = WebhookConfig::webhook(&self.hook.url(), HookToken::none(), TokenHeader::Bearer);
        // the stub keeps everything it ever got, so it could tell
        let webhook = Webhook::new(WebhookConfig {
            deduplicates: true,
            ..webhook
        })?;
        let context = self.owner.context();
        let state = context.state(None).map_err(cli_failure)?;
        let ports = Ports {
            dial: Arc::new(link),
            credentials: self.session.clone(),
            deliver: Arc::new(webhook),
            peer_keys: Arc::new(Keyring::new(context, &state).map_err(cli_failure)?),
            peers: Arc::new(NoAliases),
        };
        let store = Store::sqlite(&self.dir.path("connector.sqlite3"))?;
        let config = ConnectorConfig::new(self.did.clone(), self.session.signer().key().clone());
        let (clock, rng) = (Arc::clone(&context.clock), Arc::clone(&context.rng));
        let connector = Connector::start(config, ports, store.clone(), clock, rng);

        let mut config = ServerConfig::new(([127, 0, 0, 1], 0).into());
        config.drain = DRAIN;
        let bound = Bound::bind(&config).await?;
        let api = format!("http://{}", bound.local_addr())
            .parse()
            .map_err(|_| failed("the local API has no origin"))?;
        let token = Zeroizing::new(b64::encode(OsRng.bytes::<32>()));
        let router = Guard::new(Some(token.clone())).protect(connector.router());
        let stop = CancellationToken::new();
        let served = tokio::spawn(bound.run(router, stop.clone()));
        let running = self.running.insert(Running {
            connector,
            store,
            api,
            token,
            stop,
            served,
        });
        wait_until("the relay to let the connector in", || running.connector.is_connected()).await
    }

    /// Stops the connector; what it has taken stays in its store.
    pub(super) async fn disconnect(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stop.cancel();
        // it only serves this process, which is not asking any more
        let _ = running.served.await;
        running.connector.shutdown().await;
        running.store.close().await;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.connector.is_connected())
    }

    /// Address of the local API; empty while there is none.
    pub(super) fn connector_url(&self) -> String {
        self.running
            .as_ref()
            .map(|running| running.api.to_string())
            .unwrap_or_default()
    }

    /// Sends a message through the local API; returns its id once it is durable.
    pub(super) async fn send(&self, http: &HttpClient, to: &AgentDid, text: &str) -> Result<String, Failure> {
        let body = json!({ "toAgentDid": to, "payload": { "message": text }, "conversationId": "demo" });
        let running = self.running()?;
        let bearer = format!("Bearer {}", *running.token);
        let request = Request::post(route::CONNECTOR_OUTBOUND, Auth::None, &body)?.header("authorization", &bearer);
        let accepted: Value = http.send(&running.api, request).await?.json()?;
        self::text(&accepted, "frameId")
    }

    /// Waits until message `id` is in `state`; returns what the local API says of it.
    pub(super) async fn wait_for_state(&self, http: &HttpClient, id: &str, state: &str) -> Result<Value, Failure> {
        let target = format!("{}/{id}", route::CONNECTOR_OUTBOUND);
        let running = self.running()?;
        let bearer = format!("Bearer {}", *running.token);
        let begin = Instant::now();
        loop {
            let request = Request::get(&target, Auth::None).header("authorization", &bearer);
            let view: Value = http.send(&running.api, request).await?.json()?;
            if view["state"] == state {
                return Ok(view);
            }
            if begin.elapsed() > PATIENCE {
                return Err(failed(format!(
                    "the message is {} after {PATIENCE:?}, and not {state}",
                    view["state"]
                )));
            }
            tokio::time::sleep(PACE).await;
        }
    }

    fn running(&self) -> Result<&Running, Failure> {
        self.running
            .as_ref()
            .ok_or_else(|| failed(format!("the connector of {} is not running", self.name)))
    }
}

/// The demo names peers by their DID.
struct NoAliases;

impl Peers for NoAliases {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<AgentDid>> {
        Box::pin(std::future::ready(None))
    }
}

/// A member of a command's result.
pub(super) fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let pointer = format!("/{}", pointer.replace('.', "/"));
    let found = value.pointer(&pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| failed(format!("the result has no {pointer}")))
}

pub(super) fn cli_failure(error: CliError) -> Failure {
    Failure::from(&error)
}

/// Where a command's output goes.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
