//! The signet under test, on a network in memory: what is measured is what it does itself.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
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
    network::{Content, ConversationName, Inbox, InboxKeys, Network as _, memory::MemoryNetwork},
    seals::Unsealed,
    settings::{CredentialSettings, MAX_CONCURRENT},
};
use chancery_signet_wire::{
    action::Call,
    record::status::{IdentityMode, XmtpEnv},
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::clients::Party;
use crate::process::ServeOptions;

/// Sends of one credential a minute: no limit that a bench could reach.
const BENCH_RATE: u32 = 60_000;

struct NamedKeys;

fn keys_of(local: &str) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new(sha256(format!("identity {local}"))),
        database: Zeroizing::new(sha256(format!("database {local}"))),
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
}

/// A signet, and a person in a chat with its agents.
struct Scene {
    signet: Signet,
    human: Arc<dyn Inbox>,
    chat: String,
    group: ConversationName,
    operators: usize,
    said: u64,
}

/// Serves harnesses, and does what it is told on stdin: `issue N` answers with the parties of N new credentials, `say N` says
/// a text of N bytes in the chat.
pub(crate) async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let mut scene = Scene::new(&options).await?;
    let harnesses = Harnesses::new(scene.signet.clone(), Settings::default());
    let bound = Bound::bind(&ServerConfig::new(([127, 0, 0, 1], 0).into())).await?;
    println!("{}", bound.local_addr());
    tokio::spawn(bound.run(harnesses.router(), CancellationToken::new()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (what, count) = line.split_once(' ').context("a command and a number")?;
        let count: usize = count.parse()?;
        match what {
            "issue" => println!("{}", serde_json::to_string(&scene.issue(count).await?)?),
            "say" => {
                scene.say(count).await?;
                println!("said");
            }
            _ => anyhow::bail!("no such command: {what}"),
        }
    }
    Ok(())
}

impl Scene {
    async fn new(options: &ServeOptions) -> anyhow::Result<Self> {
        let network = MemoryNetwork::new(Arc::new(SystemClock));
        let parts = Parts {
            database: options.dir.join("signet.db"),
            network: Arc::new(network.clone()),
            keys: Arc::new(NamedKeys),
            clock: Arc::new(SystemClock),
            rng: Arc::new(OsRng),
            chain: Chain::new(),
            credentials: CredentialSettings {
                max_concurrent: MAX_CONCURRENT,
                ..CredentialSettings::default()
            },
            about: About {
                env: XmtpEnv::Local,
                identity_mode: IdentityMode::PerGroup,
                version: "bench".to_owned(),
                warnings: Vec::new(),
                config: json!({}),
            },
            seals: Arc::new(Unsealed),
            traffic: TrafficSettings {
                sends: Rate {
                    per_minute: BENCH_RATE,
                    burst: BENCH_RATE,
                },
                connections: 4096,
                ..TrafficSettings::default()
            },
        };
        let signet = Signet::start(parts).await?;
        let human = network.open("human", keys_of("human")).await?;
        // nobody's, so that every operator speaks through it
        call(&signet, "inbox.create", json!({"label": "room"})).await?;
        let room = json!({"memberInboxIds": [human.name().0], "name": "A room", "creatorIdentityLabel": "room"});
        let room = call(&signet, "chat.create", room).await?;
        Ok(Self {
            chat: text(&room["chatId"])?,
            group: ConversationName(text(&room["groupId"])?),
            signet,
            human,
            operators: 0,
            said: 0,
        })
    }

    async fn issue(&mut self, count: usize) -> anyhow::Result<Vec<Party>> {
        let most = usize::try_from(MAX_CONCURRENT)?;
        let mut parties = Vec::with_capacity(count);
        let mut operator = String::new();
        for number in 0..count {
            if number % most == 0 {
                self.operators += 1;
                let label = format!("agent {}", self.operators);
                let input = json!({"label": label, "role": "operator", "scopeMode": "shared"});
                operator = text(&call(&self.signet, "operator.create", input).await?["id"])?;
            }
            let input = json!({"operatorId": operator, "chatIds": [self.chat],
                "allow": ["send", "reply", "react", "read-messages", "stream-messages"]});
            let issued = call(&self.signet, "credential.issue", input).await?;
            parties.push(Party {
                credential: text(&issued["credential"]["id"])?,
                token: text(&issued["token"])?,
                chat: self.chat.clone(),
            });
        }
        Ok(parties)
    }

    async fn say(&mut self, bytes: usize) -> anyhow::Result<()> {
        self.said += 1;
        let content = Content {
            content_type: "xmtp.org/text:1.0".to_owned(),
            body: json!({"text": "x".repeat(bytes)}),
        };
        self.human.send(&self.group, &content, &self.said.to_string()).await?;
        Ok(())
    }
}

async fn call(signet: &Signet, id: &str, input: Value) -> anyhow::Result<Value> {
    let call = Call::parse(id, &input.to_string()).map_err(|failure| anyhow!("{id}: {failure:?}"))?;
    let answer = signet.dispatch(Principal::Owner, call).await;
    Ok(answer.map_err(|failure| anyhow!("{id}: {failure:?}"))?.read()?)
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value.as_str().context("no text")?.to_owned())
}
