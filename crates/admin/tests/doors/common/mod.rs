//! A signet behind its two doors: a real Unix socket and real TCP, real keys in a temporary folder, the engine on a network in
//! memory. Clock and randomness are the test's.
#![allow(unreachable_pub, reason = "a test kit")]

pub mod client;
pub mod harness;
pub mod web;

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chancery_admin::{Admin, AdminSocket, LockedParts, Parts, Settings};
use chancery_audit::Chain;
use chancery_base::{Clock, Millis, Rng, digest};
use chancery_custody::{Custody, Places, Plan, RootPlan, init};
use chancery_keys::{Approval, Gates, Request, RootSecret};
use chancery_serve::{Bound, ServerConfig};
use chancery_signet::{
    About, Principal, Signet, TrafficSettings,
    keys::{Answer, Keys},
    network::{Inbox, InboxKeys, Network as _, memory::MemoryNetwork},
    seals::Unsealed,
    settings::CredentialSettings,
};
use chancery_signet_wire::{
    Uuid,
    action::{Call, Registry, table},
    record::{
        status::{IdentityMode, XmtpEnv},
        wallet::{WalletDetails, WalletInfo},
    },
};
use chancery_vault::{KeySource, Secret, Vault};
use futures_util::future::{FutureExt as _, pending};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use client::Client;

pub const START: i64 = 1_800_000_000_000;
/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
const OWNERS_PASSPHRASE: &str = "the owner's own words";

/// A clock that stands until it is moved.
pub struct Hand(AtomicI64);

impl Hand {
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that never come twice.
pub struct Counted(AtomicU64);

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(digest::sha256(n.to_be_bytes()).get(..chunk.len()).unwrap());
        }
    }
}

/// Keys of inboxes that follow from their names. Listing wallets breaks off, and looking at one never ends.
struct NamedKeys;

fn keys_of(local: &str) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new(digest::sha256(format!("identity {local}"))),
        database: Zeroizing::new(digest::sha256(format!("database {local}"))),
    }
}

impl Keys for NamedKeys {
    fn inbox(&self, local: &str, _: Option<chancery_signet_wire::OperatorId>) -> Answer<'_, InboxKeys> {
        let keys = keys_of(local);
        async move { Ok(keys) }.boxed()
    }

    fn forget(&self, _: &str) -> Answer<'_, ()> {
        async { Ok(()) }.boxed()
    }

    fn wallets(&self) -> Answer<'_, Vec<WalletInfo>> {
        async { panic!("a defect, on purpose") }.boxed()
    }

    fn wallet(&self, _: Uuid) -> Answer<'_, Option<WalletDetails>> {
        pending().boxed()
    }
}

/// Keys that were made once for all tests of a binary: a passphrase costs what it costs.
struct Template {
    folder: tempfile::TempDir,
    root: [u8; 32],
}

fn private_dir() -> tempfile::TempDir {
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().unwrap()
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = private_dir();
        let places = Places::in_dir(folder.path().join("signet"));
        let plan = Plan {
            places: places.clone(),
            vault: KeySource::KeyFile(places.key_file()),
            root: RootPlan::Passphrase(Secret::from(OWNERS_PASSPHRASE)),
            gates: Gates::default(),
        };
        init(&plan, &Hand(AtomicI64::new(START)), &Counted(AtomicU64::new(1 << 40))).unwrap();
        let owner = Vault::open(
            &places.owner_vault(),
            &KeySource::Passphrase(Secret::from(OWNERS_PASSPHRASE)),
        )
        .unwrap();
        let root = *owner.derive("signet.root/0").unwrap();
        Template { folder, root }
    })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}

/// Keys of a signet, and its root key as only the owner has it.
pub fn keys(folder: &Path) -> (Custody, RootSecret) {
    let template = template();
    let home = folder.join("signet");
    copy(&template.folder.path().join("signet"), &home);
    let places = Places::in_dir(home);
    let source = KeySource::KeyFile(places.key_file());
    let custody = Custody::open(&places, &source, Gates::default()).unwrap();
    (custody, RootSecret::from_bytes(&template.root).unwrap())
}

fn about() -> About {
    About {
        env: XmtpEnv::Local,
        identity_mode: IdentityMode::PerGroup,
        version: "0.0.0-test".to_owned(),
        warnings: Vec::new(),
        config: json!({}),
    }
}

/// The doors, served.
pub struct Doors {
    pub admin: Admin,
    pub socket: PathBuf,
    pub http: SocketAddr,
    pub shutdown: CancellationToken,
    pub ended: Vec<JoinHandle<()>>,
}

impl Doors {
    async fn open(admin: Admin, folder: &Path) -> Self {
        let path = folder.join("run").join("admin.sock");
        let socket = AdminSocket::bind(&path).unwrap();
        let bound = Bound::bind(&ServerConfig::new("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap();
        let http = bound.local_addr();
        let shutdown = CancellationToken::new();
        let (router, stop) = (admin.router(), shutdown.clone());
        let web = tokio::spawn(async move { bound.run(router, stop).await.unwrap() });
        let (serving, stop) = (admin.clone(), shutdown.clone());
        let lines = tokio::spawn(async move { socket.run(&serving, stop).await });
        Self {
            admin,
            socket: path,
            http,
            shutdown,
            ended: vec![web, lines],
        }
    }

    /// Ends both, and waits for it.
    pub async fn end(&mut self) {
        self.shutdown.cancel();
        for ended in self.ended.drain(..) {
            tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
        }
    }
}

/// A signet behind its doors.
pub struct Desk {
    pub folder: tempfile::TempDir,
    pub clock: Arc<Hand>,
    pub rng: Arc<Counted>,
    pub network: MemoryNetwork,
    pub signet: Signet,
    pub custody: Arc<Mutex<Custody>>,
    pub root: RootSecret,
    pub doors: Doors,
}

impl Desk {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// With these gates on.
    pub async fn gated(gates: Gates) -> Self {
        Self::with(Settings {
            gates,
            ..Settings::default()
        })
        .await
    }

    pub async fn with(settings: Settings) -> Self {
        let folder = private_dir();
        let (custody, root) = keys(folder.path());
        let custody = Arc::new(Mutex::new(custody));
        let clock = Arc::new(Hand(AtomicI64::new(START)));
        let rng = Arc::new(Counted(AtomicU64::new(0)));
        let network = MemoryNetwork::new(clock.clone());
        let signet = Signet::start(chancery_signet::Parts {
            database: folder.path().join("signet.db"),
            network: Arc::new(network.clone()),
            keys: Arc::new(NamedKeys),
            clock: clock.clone(),
            rng: rng.clone(),
            chain: Chain::new(),
            credentials: CredentialSettings::default(),
            about: about(),
            seals: Arc::new(Unsealed),
            traffic: TrafficSettings::default(),
        })
        .await
        .unwrap();
        let admin = Admin::new(Parts {
            signet: signet.clone(),
            custody: custody.clone(),
            clock: clock.clone(),
            rng: rng.clone(),
            settings,
        })
        .unwrap();
        let doors = Doors::open(admin, folder.path()).await;
        Self {
            folder,
            clock,
            rng,
            network,
            signet,
            custody,
            root,
            doors,
        }
    }

    /// Somebody who was let in because of the uid.
    pub async fn admin(&self) -> Client {
        Client::let_in(&self.doors.socket, None).await
    }

    /// A token of the admin key, good for two minutes.
    pub fn token(&self) -> String {
        self.token_for(120, None)
    }

    pub fn token_for(&self, secs: i64, audience: Option<&str>) -> String {
        let custody = self.custody.lock().unwrap();
        custody
            .admin_token(secs, audience, self.clock.now(), &*self.rng)
            .unwrap()
    }

    /// The owner's yes to the question in `error`.
    pub fn yes(&self, error: &Value) -> Value {
        signed(&self.root, error)
    }

    /// As the owner, past both doors; it works.
    pub async fn done(&self, id: &str, input: Value) -> Value {
        let call = Call::parse(id, &input.to_string()).unwrap();
        match self.signet.dispatch(Principal::Owner, call).await {
            Ok(answer) => answer.read().unwrap(),
            Err(failure) => panic!("{id}: {failure:?}"),
        }
    }

    /// An operator with its own chat: their ids.
    pub async fn agent(&self, label: &str) -> (String, String) {
        let operator = self
            .done(
                "operator.create",
                json!({"label": label, "role": "operator", "scopeMode": "shared"}),
            )
            .await;
        let operator = text(&operator["id"]);
        let input = json!({"memberInboxIds": [], "name": "A room", "operatorId": operator});
        let chat = text(&self.done("chat.create", input).await["chatId"]);
        (operator, chat)
    }

    /// A credential that may `allow`: what was answered.
    pub async fn credential(&self, operator: &str, chat: &str, allow: Value) -> Value {
        let input = json!({"operatorId": operator, "chatIds": [chat], "allow": allow});
        self.done("credential.issue", input).await
    }

    /// Somebody else on the network.
    pub async fn person(&self, name: &str) -> Arc<dyn Inbox> {
        self.network.open(name, keys_of(name)).await.unwrap()
    }

    /// What the audit log says was done or refused: action and actor.
    pub async fn log(&self) -> Vec<(String, String)> {
        let entries = self.done("admin.logs", json!({"limit": 2000})).await;
        let entries = entries.as_array().unwrap();
        entries
            .iter()
            .map(|entry| (text(&entry["action"]), text(&entry["actor"])))
            .collect()
    }
}

/// A daemon whose vault is locked, behind its doors.
pub async fn locked(settings: Settings) -> (tempfile::TempDir, Doors) {
    let folder = private_dir();
    let admin = Admin::locked(LockedParts {
        about: about(),
        why: "the keys open with a passphrase, and no file with it is named".to_owned(),
        clock: Arc::new(Hand(AtomicI64::new(START))),
        rng: Arc::new(Counted(AtomicU64::new(0))),
        settings,
    })
    .unwrap();
    let doors = Doors::open(admin, folder.path()).await;
    (folder, doors)
}

/// `root`'s yes to the question in the error of a request that waits.
pub fn signed(root: &RootSecret, error: &Value) -> Value {
    let question = &error["data"]["context"]["approval"]["request"];
    let request: Request = serde_json::from_value(question.clone()).unwrap_or_else(|_| panic!("no question: {error}"));
    let approval = Approval {
        request: request.id,
        signature: root.sign(&request.hash().unwrap()).unwrap(),
    };
    serde_json::to_value(approval).unwrap()
}

pub fn actions() -> Registry {
    Registry::new(table().iter().copied()).unwrap()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
