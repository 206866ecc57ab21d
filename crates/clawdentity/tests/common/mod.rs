//! A home directory, the real binary, and a server that answers as the originals were recorded.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use chancery_base::{Millis, Rng, Ulid, ed25519::SecretKey};
use chancery_identity::{
    AgentDid, HumanDid, Origin, ait, crl,
    key_set::{KeySet, KeyStatus, RegistryKey},
    ticket::Ticket,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const SECRET: &str = "bootstrap-secret-for-tests";
pub const PAT: &str = "clw_pat_MesSaSpfwAd9cZVxTFhUlxR2Y9cllZLV-94dT5WMcZU";
pub const INVITE: &str = "clw_inv_DMuGz2ZoVHwOivdQRr_S5sX9KONk9nGk";
pub const AUTHORITY: &str = "127.0.0.1";
pub const NOW: &str = "2026-11-21T06:43:21.000Z";

/// Random bytes that are the same in every run.
pub struct Counter(pub Mutex<u64>);

impl Rng for Counter {
    fn fill(&self, out: &mut [u8]) {
        let mut seed = self.0.lock().unwrap();
        for byte in out {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (*seed >> 56) as u8;
        }
    }
}

pub fn now() -> Millis {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Millis(i64::try_from(since.as_millis()).unwrap())
}

// --- a home and the binary ------------------------------------------------------------------------------------------

pub struct Home {
    pub dir: TempDir,
    pub vars: Vec<(String, String)>,
}

pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            vars: Vec::new(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `~/.clawdentity/<path>`.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(".clawdentity").join(path)
    }

    pub fn read(&self, path: &str) -> String {
        let path = self.path(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.read(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        chancery_store::files::create_private_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn mode(&self, path: &str) -> u32 {
        mode(&self.path(path))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clawdentity"));
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .args(arguments)
            .stdin(Stdio::null());
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    pub fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> Run {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// A home whose config names `stub` as registry and relay, with an API key and a name.
    pub fn onboarded(stub: &Stub) -> Self {
        let home = Self::new();
        let config = json!({ "registryUrl": stub.url, "proxyUrl": stub.url, "apiKey": PAT, "humanName": "Alice" });
        home.write("config.json", &config.to_string());
        home
    }

    /// One with an agent too.
    pub fn with_agent(stub: &Stub, name: &str) -> Self {
        let home = Self::onboarded(stub);
        home.run(&["agent", "create", name]).ok();
        stub.forget();
        home
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on stdout of a run that was done.
    #[track_caller]
    pub fn json(self) -> Value {
        let run = self.ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
    }

    /// The error of a run with `--json` that failed with `code`; stdout is clean.
    #[track_caller]
    pub fn error(self, code: i32) -> Value {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        let last = self.stderr.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", self.stderr));
        error["error"].clone()
    }

    /// What `error` returns of a failure, as (code, message).
    #[track_caller]
    pub fn failure(self) -> (String, String) {
        self.told(1)
    }

    /// What `error` returns of a wrong call, as (code, message).
    #[track_caller]
    pub fn misuse(self) -> (String, String) {
        self.told(2)
    }

    #[track_caller]
    fn told(self, exit: i32) -> (String, String) {
        let error = self.error(exit);
        (
            error["code"].as_str().unwrap().to_owned(),
            error["message"].as_str().unwrap().to_owned(),
        )
    }
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .permissions()
        .mode()
        & 0o777
}

// --- the server -----------------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Registry and relay at one origin, as the recordings had them.
pub struct Stub {
    pub url: String,
    pub origin: Origin,
    state: Arc<State>,
}

struct State {
    url: String,
    origin: Origin,
    requests: Mutex<Vec<Request>>,
    overrides: Mutex<HashMap<String, Vec<(u16, Value)>>>,
    rng: Counter,
    key: SecretKey,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    agents: HashMap<String, (AgentDid, Ulid)>,
    revoked: Vec<(AgentDid, Ulid)>,
    keys: HashMap<String, String>,
    initiator: Option<(String, Value)>,
    responder: Option<(String, Value)>,
    refreshes: u32,
    access_secs: i64,
}

impl Stub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let origin: Origin = url.parse().unwrap();
        let rng = Counter(Mutex::new(7));
        let key = SecretKey::generate(&rng);
        let inner = Mutex::new(Inner {
            access_secs: 900,
            ..Inner::default()
        });
        let state = Arc::new(State {
            url: url.clone(),
            origin: origin.clone(),
            requests: Mutex::default(),
            overrides: Mutex::default(),
            rng,
            key,
            inner,
        });
        let serving = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&serving);
                thread::spawn(move || serve(&state, stream));
            }
        });
        Self { url, origin, state }
    }

    /// Answers `METHOD path` with these, once each, before the usual answer.
    pub fn answer(&self, line: &str, status: u16, body: Value) {
        self.state
            .overrides
            .lock()
            .unwrap()
            .entry(line.to_owned())
            .or_default()
            .push((status, body));
    }

    /// Refuses `METHOD path` once, as the servers do.
    pub fn refuse(&self, line: &str, status: u16, code: &str, message: &str) {
        self.answer(
            line,
            status,
            json!({ "error": { "code": code, "message": message, "requestId": "req-12345" } }),
        );
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }

    pub fn forget(&self) {
        self.state.requests.lock().unwrap().clear();
    }

    pub fn ticket(&self) -> String {
        let (ticket, _) = Ticket::mint(&self.origin, now().secs() + 300, now(), &self.state.rng);
        ticket.encode()
    }

    pub fn key_set(&self) -> KeySet {
        KeySet {
            keys: vec![RegistryKey::new(
                "reg-key-1",
                self.state.key.public(),
                KeyStatus::Active,
            )],
        }
    }

    /// What the agent's public key is, as it registered.
    pub fn public_key_of(&self, name: &str) -> String {
        self.state.inner.lock().unwrap().keys[name].clone()
    }

    pub fn did_of(&self, name: &str) -> String {
        self.state.inner.lock().unwrap().agents[name].0.to_string()
    }

    pub fn revoke(&self, name: &str) {
        let mut inner = self.state.inner.lock().unwrap();
        let entry = inner.agents[name].clone();
        inner.revoked.push(entry);
    }

    /// Life of access tokens from now on, seconds.
    pub fn access_secs(&self, secs: i64) {
        self.state.inner.lock().unwrap().access_secs = secs;
    }

    /// An identity token of this registry for `key`.
    pub fn issue(&self, name: &str, key: &SecretKey, ttl_secs: u32) -> (AgentDid, String) {
        self.state.issue(name, key.public(), "openclaw", ttl_secs)
    }

    /// Somebody confirms the pairing that was started last.
    pub fn confirm_as(&self, did: &str, agent: &str, human: &str) {
        let profile = json!({ "agentName": agent, "humanName": human, "proxyOrigin": self.url });
        self.state.inner.lock().unwrap().responder = Some((did.to_owned(), profile));
    }
}

fn serve(state: &State, stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        state.requests.lock().unwrap().push(request.clone());
        let (status, body) = state.answer(&request);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let text = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ndate: {}\r\ncontent-length: {}\r\n\r\n{body}",
            "Sat, 21 Nov 2026 06:43:21 GMT",
            body.len()
        );
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        headers.insert(name.to_owned(), value.to_owned());
    }
    let length: usize = headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        target,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

impl State {
    fn ulid(&self) -> Ulid {
        Ulid::generate(now(), &self.rng)
    }

    fn answer(&self, request: &Request) -> (u16, Value) {
        if let Some(queue) = self.overrides.lock().unwrap().get_mut(&request.line())
            && !queue.is_empty()
        {
            return queue.remove(0);
        }
        let path = request.target.split('?').next().unwrap_or_default();
        let mut inner = self.inner.lock().unwrap();
        match (request.method.as_str(), path) {
            ("GET", "/health") => (200, json!({ "status": "ok", "ready": true })),
            ("GET", "/v1/metadata") => (
                200,
                json!({ "status": "ok", "environment": "local", "version": "0.1.7", "registryUrl": self.url,
                        "proxyUrl": self.url }),
            ),
            ("POST", "/v1/admin/bootstrap") => {
                if request.header("x-bootstrap-secret") != SECRET {
                    return refusal(401, "ADMIN_BOOTSTRAP_UNAUTHORIZED", "Bootstrap secret is invalid");
                }
                let body = request.json();
                let or = |member: &str, default: &str| body[member].as_str().unwrap_or(default).to_owned();
                let human = json!({ "id": Ulid::NIL, "did": HumanDid::new(&AUTHORITY.parse().unwrap(), Ulid::NIL),
                    "displayName": or("displayName", "Admin"), "role": "admin", "status": "active" });
                let key = json!({ "id": self.ulid(), "name": or("apiKeyName", "bootstrap-admin"), "token": PAT });
                (
                    201,
                    json!({ "human": human, "apiKey": key, "internalService": { "id": "svc", "name": "proxy-pairing" } }),
                )
            }
            ("POST", "/v1/invites") => {
                let expires = request.json()["expiresAt"].clone();
                let id = self.ulid();
                (
                    201,
                    json!({ "invite": { "id": id, "code": INVITE, "createdBy": Ulid::NIL, "expiresAt": expires, "createdAt": NOW } }),
                )
            }
            ("POST", "/v1/invites/redeem") => {
                let body = request.json();
                if body["code"] != INVITE {
                    return refusal(400, "INVITE_REDEEM_CODE_INVALID", "Invite code is invalid");
                }
                let human = json!({ "id": self.ulid(), "did": owner(), "displayName": body["displayName"], "role": "user",
                    "status": "active" });
                let name = body["apiKeyName"].as_str().unwrap_or("invite");
                let key = json!({ "id": self.ulid(), "name": name, "token": PAT });
                (201, json!({ "human": human, "apiKey": key, "proxyUrl": self.url }))
            }
            (_, path)
                if path.starts_with("/v1/me")
                    || (path.starts_with("/v1/agents") && path != "/v1/agents/auth/refresh") =>
            {
                match request.header("authorization").strip_prefix("Bearer ") {
                    None => refusal(401, "API_KEY_MISSING", "API key is required"),
                    Some(key) if key == PAT => self.as_person(request, path, &mut inner),
                    Some(_) => refusal(401, "API_KEY_INVALID", "API key is invalid"),
                }
            }
            ("POST", "/v1/agents/auth/refresh") => {
                inner.refreshes += 1;
                (200, json!({ "agentAuth": self.auth(&inner) }))
            }
            ("GET", "/.well-known/claw-keys.json") => {
                let keys = vec![RegistryKey::new("reg-key-1", self.key.public(), KeyStatus::Active)];
                (200, serde_json::to_value(KeySet { keys }).unwrap())
            }
            ("GET", "/v1/crl") => {
                let at = u32::try_from(now().secs()).unwrap();
                let revoked = |(did, jti): &(AgentDid, Ulid)| crl::Revocation {
                    jti: *jti,
                    agent_did: did.clone(),
                    reason: None,
                    revoked_at: at,
                };
                let claims = crl::Claims {
                    iss: self.origin.clone(),
                    jti: self.ulid(),
                    iat: at,
                    exp: at + 390,
                    revocations: inner.revoked.iter().map(revoked).collect(),
                };
                (
                    200,
                    json!({ "crl": crl::sign(&claims, "reg-key-1", &self.key).unwrap() }),
                )
            }
            (_, path) if path.starts_with("/pair") => self.as_agent(request, path, &mut inner),
            _ => refusal(404, "NOT_FOUND", "Not found"),
        }
    }

    fn as_person(&self, request: &Request, path: &str, inner: &mut Inner) -> (u16, Value) {
        let api_key = |status: &str| {
            json!({ "id": "01M7YDGRFZKKC65XV50JQF240P", "name": "api-key", "status": status,
            "createdAt": NOW, "lastUsedAt": null })
        };
        match (request.method.as_str(), path) {
            ("GET", "/v1/me") => {
                let key = json!({ "id": "01M7YDGRFZKKC65XV50JQF240P", "name": "invite" });
                (
                    200,
                    json!({ "human": { "id": owner().ulid(), "did": owner(), "displayName": "Alice", "role": "user", "apiKey": key } }),
                )
            }
            ("POST", "/v1/me/api-keys") => {
                let mut key = api_key("active");
                key["token"] = json!("clw_pat_oyh13fOHbhwvGrb5wQ6-iMy5CiwHXa5oHrCNYgPCuc8");
                (201, json!({ "apiKey": key }))
            }
            ("GET", "/v1/me/api-keys") => (200, json!({ "apiKeys": [api_key("active")] })),
            ("DELETE", _) => (204, Value::Null),
            ("POST", "/v1/agents/challenge") => (
                201,
                json!({ "challengeId": self.ulid(), "nonce": "bm9uY2Utbm9uY2Utbm9uY2Utbm9u", "ownerDid": owner(),
                    "expiresAt": NOW, "algorithm": "Ed25519", "messageTemplate": "…" }),
            ),
            ("POST", "/v1/agents") => {
                let body = request.json();
                let text = |member: &str| body[member].as_str().map(str::to_owned);
                let (name, framework) = (
                    text("name").unwrap(),
                    text("framework").unwrap_or("openclaw".to_owned()),
                );
                let days = body["ttlDays"].as_u64().unwrap_or(30);
                let key = text("publicKey").unwrap();
                let ttl = u32::try_from(days * 86_400).unwrap();
                let (did, ait) = self.issue_into(inner, &name, key.parse_key(), &framework, ttl);
                inner.keys.insert(name.clone(), key.clone());
                let agent = json!({ "id": did.ulid(), "did": did, "ownerDid": owner(), "name": name, "framework": framework,
                    "publicKey": key, "currentJti": inner.agents[&name].1, "ttlDays": days, "status": "active",
                    "expiresAt": "2026-12-21T06:43:21.000Z", "createdAt": NOW, "updatedAt": NOW });
                (
                    201,
                    json!({ "agent": agent, "ait": ait, "agentAuth": self.auth(inner) }),
                )
            }
            _ => refusal(404, "NOT_FOUND", "Not found"),
        }
    }

    fn as_agent(&self, request: &Request, path: &str, inner: &mut Inner) -> (u16, Value) {
        let Some(token) = request.header("authorization").strip_prefix("Claw ") else {
            return refusal(401, "PROXY_AUTH_MISSING_TOKEN", "Authorization is required");
        };
        let caller = ait::Ait::inspect(token).unwrap().1.sub.to_string();
        let expires = Millis::from_secs(now().secs() + 300).to_rfc3339();
        match (request.method.as_str(), path) {
            ("POST", "/pair/start") => {
                let profile = request.json()["initiatorProfile"].clone();
                inner.initiator = Some((caller.clone(), profile.clone()));
                let (ticket, _) = Ticket::mint(&self.origin, now().secs() + 300, now(), &self.rng);
                (
                    200,
                    json!({ "initiatorAgentDid": caller, "initiatorProfile": profile, "ticket": ticket.encode(), "expiresAt": expires }),
                )
            }
            ("POST", "/pair/confirm") => {
                let profile = request.json()["responderProfile"].clone();
                let Some((initiator, theirs)) = inner.initiator.clone() else {
                    return refusal(404, "PROXY_PAIR_TICKET_NOT_FOUND", "Pairing ticket was not found");
                };
                inner.responder = Some((caller.clone(), profile.clone()));
                (
                    201,
                    json!({ "paired": true, "initiatorAgentDid": initiator, "initiatorProfile": theirs,
                    "responderAgentDid": caller, "responderProfile": profile }),
                )
            }
            ("POST", "/pair/status") => {
                let Some((initiator, theirs)) = inner.initiator.clone() else {
                    return refusal(404, "PROXY_PAIR_TICKET_NOT_FOUND", "Pairing ticket was not found");
                };
                let mut body = json!({ "status": "pending", "initiatorAgentDid": initiator, "initiatorProfile": theirs, "expiresAt": expires });
                if let Some((responder, profile)) = &inner.responder {
                    body["status"] = json!("confirmed");
                    body["responderAgentDid"] = json!(responder);
                    body["responderProfile"] = profile.clone();
                    body["confirmedAt"] = json!(NOW);
                }
                (200, body)
            }
            ("GET", "/pair") => {
                let peer = inner
                    .responder
                    .as_ref()
                    .map(|(did, _)| json!({ "agentDid": did, "assertedBy": "relay", "since": NOW }));
                (200, json!({ "pairs": peer.into_iter().collect::<Vec<_>>() }))
            }
            ("DELETE", "/pair") => (204, Value::Null),
            // a relay that knows nothing of pair documents
            _ => refusal(404, "NOT_FOUND", "Not found"),
        }
    }

    fn auth(&self, inner: &Inner) -> Value {
        let at = |secs: i64| Millis::from_secs(now().secs() + secs).to_rfc3339();
        let n = inner.refreshes;
        json!({ "tokenType": "Bearer", "accessToken": format!("clw_agt_access-{n}"), "accessExpiresAt": at(inner.access_secs),
                "refreshToken": format!("clw_rft_refresh-{n}"), "refreshExpiresAt": at(30 * 86_400) })
    }

    fn issue(
        &self,
        name: &str,
        key: chancery_base::ed25519::PublicKey,
        framework: &str,
        ttl: u32,
    ) -> (AgentDid, String) {
        self.issue_into(&mut self.inner.lock().unwrap(), name, key, framework, ttl)
    }

    fn issue_into(
        &self,
        inner: &mut Inner,
        name: &str,
        key: chancery_base::ed25519::PublicKey,
        framework: &str,
        ttl: u32,
    ) -> (AgentDid, String) {
        let (did, jti) = (AgentDid::new(&AUTHORITY.parse().unwrap(), self.ulid()), self.ulid());
        let at = u32::try_from(now().secs()).unwrap();
        let claims = ait::Claims {
            iss: self.origin.clone(),
            sub: did.clone(),
            owner_did: owner(),
            name: name.parse().unwrap(),
            framework: framework.parse().unwrap(),
            description: None,
            cnf: key.into(),
            iat: at,
            nbf: at,
            exp: at + ttl,
            jti,
        };
        inner.agents.insert(name.to_owned(), (did.clone(), jti));
        (did, ait::Ait::sign(&claims, "reg-key-1", &self.key).unwrap())
    }
}

trait ParseKey {
    fn parse_key(&self) -> chancery_base::ed25519::PublicKey;
}

impl ParseKey for String {
    fn parse_key(&self) -> chancery_base::ed25519::PublicKey {
        chancery_base::ed25519::PublicKey::from_b64(self).unwrap()
    }
}

pub fn owner() -> HumanDid {
    format!("did:cdi:{AUTHORITY}:human:01M7YDG0KPBRG0N9PGYGP778J7")
        .parse()
        .unwrap()
}

pub fn refusal(status: u16, code: &str, message: &str) -> (u16, Value) {
    (
        status,
        json!({ "error": { "code": code, "message": message, "requestId": "req-12345" } }),
    )
}
