//! A signet behind a real port, a person on its network, and a chat of that person with an agent.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chancery_audit::Chain;
use chancery_base::digest::sha256;
use chancery_harness::{Harnesses, Settings};
use chancery_serve::{
    Bound, ServerConfig,
    system::{OsRng, SystemClock},
};
use chancery_signet::{
    About, Parts, Principal, Rate, Signet, TrafficSettings,
    keys::{Answer, Keys},
    network::{Content, ConversationName, Inbox, InboxKeys, MessageQuery, Network as _, memory::MemoryNetwork},
    seals::{Binding, SealError, Seals},
    settings::CredentialSettings,
};
use chancery_signet_wire::{
    ConversationId, CredentialId, Failure, MessageId, OperatorId, SealId,
    action::Call,
    record::status::{IdentityMode, XmtpEnv},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

use crate::client::Client;

/// What an agent in a chat usually has.
pub(crate) const USUAL: [&str; 5] = ["send", "reply", "react", "read-messages", "stream-messages"];

/// Longest wait for something that has to happen, on a machine that does much else.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Keys that follow from the inbox's name.
struct NamedKeys;

fn keys_of(local: &str) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new(sha256(format!("identity {local}"))),
        database: Zeroizing::new(sha256(format!("database {local}"))),
    }
}

impl Keys for NamedKeys {
    fn inbox(&self, local: &str, _: Option<OperatorId>) -> Answer<'_, InboxKeys> {
        let keys = keys_of(local);
        async move { Ok(keys) }.boxed()
    }

    fn forget(&self, _: &str) -> Answer<'_, ()> {
        async { Ok(()) }.boxed()
    }
}

/// What becomes of whoever asks for the seal to speak under: by it, sends take as long as a test wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Shut,
    Broken,
}

struct GatedSeals(watch::Receiver<Gate>);

impl Seals for GatedSeals {
    fn current(&self, _: CredentialId, _: ConversationId) -> BoxFuture<'_, Result<Option<SealId>, SealError>> {
        let mut gate = self.0.clone();
        async move {
            // a gate whose test has ended stays shut
            let state = gate.wait_for(|gate| *gate != Gate::Shut).await.map(|gate| *gate);
            match state {
                Ok(Gate::Open) => Ok(None),
                Ok(Gate::Broken) => panic!("a defect of the test's"),
                _ => Err(SealError("shut".to_owned())),
            }
        }
        .boxed()
    }

    fn bind(&self, _: SealId, _: MessageId) -> BoxFuture<'_, Result<Binding, SealError>> {
        async { Err(SealError("nothing is bound".to_owned())) }.boxed()
    }
}

/// How the signet is configured.
pub(crate) struct Setup {
    pub(crate) ws: Settings,
    pub(crate) traffic: TrafficSettings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ws: Settings::default(),
            traffic: TrafficSettings {
                sends: Rate {
                    per_minute: 60_000,
                    burst: 10_000,
                },
                ..TrafficSettings::default()
            },
        }
    }
}

pub(crate) struct World {
    pub(crate) signet: Signet,
    pub(crate) harnesses: Harnesses,
    pub(crate) address: SocketAddr,
    pub(crate) human: Arc<dyn Inbox>,
    pub(crate) gate: watch::Sender<Gate>,
    pub(crate) operator: String,
    /// The chat, as harnesses know it and as the network does.
    pub(crate) chat: String,
    pub(crate) group: ConversationName,
    pub(crate) folder: TempDir,
    _stop: DropGuard,
}

/// A credential and its token.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn ws(ws: Settings) -> Self {
        Self::with(Setup { ws, ..Setup::default() }).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let network = MemoryNetwork::new(Arc::new(SystemClock));
        let (gate, gated) = watch::channel(Gate::Open);
        let parts = Parts {
            database: folder.path().join("signet.db"),
            network: Arc::new(network.clone()),
            keys: Arc::new(NamedKeys),
            clock: Arc::new(SystemClock),
            rng: Arc::new(OsRng),
            chain: Chain::new(),
            credentials: CredentialSettings {
                max_concurrent: 64,
                ..CredentialSettings::default()
            },
            about: About {
                env: XmtpEnv::Local,
                identity_mode: IdentityMode::PerGroup,
                version: "0.0.0-test".to_owned(),
                warnings: Vec::new(),
                config: json!({}),
            },
            seals: Arc::new(GatedSeals(gated)),
            traffic: setup.traffic,
        };
        let signet = Signet::start(parts).await.unwrap();
        let harnesses = Harnesses::new(signet.clone(), setup.ws);
        let bound = Bound::bind(&ServerConfig::new("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap();
        let address = bound.local_addr();
        let stop = CancellationToken::new();
        tokio::spawn(bound.run(harnesses.router(), stop.clone()));
        let human = network.open("human", keys_of("human")).await.unwrap();
        let operator = json!({"label": "agent", "role": "operator", "scopeMode": "shared"});
        let operator = call(&signet, "operator.create", operator).await.unwrap();
        let operator = text(&operator["id"]);
        let room = json!({"memberInboxIds": [human.name().0], "name": "A room", "operatorId": operator});
        let room = call(&signet, "chat.create", room).await.unwrap();
        Self {
            chat: text(&room["chatId"]),
            group: ConversationName(text(&room["groupId"])),
            signet,
            harnesses,
            address,
            human,
            gate,
            operator,
            folder,
            _stop: stop.drop_guard(),
        }
    }

    /// As the owner.
    pub(crate) async fn owner(&self, id: &str, input: Value) -> Value {
        match call(&self.signet, id, input).await {
            Ok(answer) => answer,
            Err(failure) => panic!("{id}: {failure:?}"),
        }
    }

    /// A credential in the chat that allows these scopes.
    pub(crate) async fn issue(&self, allow: &[&str]) -> Issued {
        self.issue_with(json!({ "allow": allow })).await
    }

    /// The same with more to say of it.
    pub(crate) async fn issue_with(&self, more: Value) -> Issued {
        let mut input = json!({"operatorId": self.operator, "chatIds": [self.chat]});
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        let issued = self.owner("credential.issue", input).await;
        Issued {
            id: text(&issued["credential"]["id"]),
            token: text(&issued["token"]),
        }
    }

    /// A harness that was let in with a new credential, and the answer that it got.
    pub(crate) async fn harness(&self, allow: &[&str]) -> (Client, Issued) {
        let issued = self.issue(allow).await;
        let (client, _) = self.let_in(&issued, None).await;
        (client, issued)
    }

    /// A harness that was let in, and the answer that it got.
    pub(crate) async fn let_in(&self, issued: &Issued, last_seen: Option<u64>) -> (Client, Value) {
        let mut client = Client::open(self.address).await;
        client.auth(&issued.token, last_seen).await;
        let answer = client.hear().await;
        assert_eq!(answer["type"], "authenticated", "{answer}");
        (client, answer)
    }

    /// The person says something.
    pub(crate) async fn say(&self, words: &str) {
        let content = Content {
            content_type: "xmtp.org/text:1.0".to_owned(),
            body: json!({ "text": words }),
        };
        let key = chancery_base::b64::encode(chancery_base::Rng::bytes::<16>(&OsRng));
        self.human.send(&self.group, &content, &key).await.unwrap();
    }

    /// What was said in the chat, besides changes of it.
    pub(crate) async fn said(&self) -> Vec<Content> {
        let query = MessageQuery {
            conversation: &self.group,
            before: None,
            after: None,
            limit: 1000,
        };
        let messages = self.human.messages(query).await.unwrap();
        let contents = messages.into_iter().map(|message| message.content);
        contents
            .filter(|content| !content.content_type.contains("groupUpdated"))
            .collect()
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let waited = tokio::time::timeout(LONG, async {
            while !condition() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "it never came to be that {what}");
    }

    /// Waits until so many connections are left.
    pub(crate) async fn until_left(&self, connections: usize) {
        self.until(&format!("{connections} are left"), || {
            self.harnesses.connections() == connections
        })
        .await;
    }

    /// The request that says `words` in the chat.
    pub(crate) fn text_request(&self, words: &str) -> Value {
        json!({"type": "send_message", "groupId": self.chat, "contentType": "xmtp.org/text:1.0", "content": {"text": words}})
    }
}

async fn call(signet: &Signet, id: &str, input: Value) -> Result<Value, Failure> {
    let answer = signet
        .dispatch(Principal::Owner, Call::parse(id, &input.to_string())?)
        .await?;
    Ok(answer.read().unwrap())
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
