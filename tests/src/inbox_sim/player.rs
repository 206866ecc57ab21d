//! Somebody with an inbox, a bad way to the node, and a short life.

use std::{cell::RefCell, path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use chancery_xmtp_client::{
    client::{AdminChange, Client, ClientError, Parts},
    crypto::Crypto,
    network::{Faults, Faulty},
    storage::{InboxDb, InboxKey},
};
use chancery_xmtp_wire::{
    content::{Content, EncodedContent},
    group::field,
    identity::{InboxId, Nonce, WalletKey},
};
use openmls::group::GroupId;

use super::{GUEST, LATE, STEPS, Stage, Violation, Way, is_expected, rng::Dice};
use crate::inbox_sim::Rule;

/// Streams of dice of one player.
const STREAMS: u64 = 1000;

/// A player. Between two lives it has no client.
pub(super) struct Player {
    pub(super) number: usize,
    stage: Rc<Stage>,
    way: Faulty,
    wallet: WalletKey,
    dice: Dice,
    /// The client's own randomness goes on from life to life.
    rng: Arc<Dice>,
    client: Option<Client>,
    said: u64,
    /// What it was told had been sent.
    pub(super) sent: Vec<String>,
    pub(super) deaths: usize,
    pub(super) log: RefCell<Log>,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) failures: usize,
    pub(super) violations: Vec<Violation>,
    pub(super) trace: Vec<String>,
}

enum Op {
    Say(String),
    SayKeyed(String),
    Sync,
    Rename(String),
    UpdateKeys,
    AddGuest,
    RemoveGuest,
    Admin(AdminChange, InboxId),
    Cut(Duration),
}

impl Player {
    /// Player `number` with an installation of the inbox of wallet `wallet`, registered.
    pub(super) async fn new(stage: &Rc<Stage>, number: usize, wallet: usize, way: &Way) -> Self {
        let stream = |n: u64| STREAMS * (number as u64 + 1) + n;
        let node = way(number, Arc::new(stage.node.clone()));
        let faults = Arc::new(Dice::new(stage.seed, stream(0)));
        let mut player = Self {
            number,
            stage: Rc::clone(stage),
            way: Faulty::new(node, faults, Faults::default()),
            wallet: WalletKey::generate(&Dice::new(stage.seed, 100 + wallet as u64)).unwrap(),
            dice: Dice::new(stage.seed, stream(1)),
            rng: Arc::new(Dice::new(stage.seed, stream(2))),
            client: None,
            said: 0,
            sent: Vec::new(),
            deaths: 0,
            log: RefCell::default(),
        };
        let client = Client::register(player.parts(), &player.wallet, Nonce(1)).await;
        player.client = Some(client.unwrap());
        player
    }

    fn parts(&self) -> Parts {
        let path: PathBuf = self.stage.folder.path().join(format!("{}.db", self.number));
        let key = InboxKey::from_bytes([self.number as u8 + 1; 32].into());
        Parts {
            node: Arc::new(self.way.clone()),
            db: InboxDb::open(&path, &key, Crypto::new(self.rng.clone())).unwrap(),
            clock: Arc::new(self.stage.clock),
            rng: self.rng.clone(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("between two lives")
    }

    pub(super) fn faults(&mut self, faults: Faults) {
        self.way.cut(false);
        self.way.set(faults);
    }

    /// Ends the life at once.
    pub(super) fn die(&mut self) {
        self.client = None;
    }

    /// Comes back from the file.
    pub(super) async fn open(&mut self) {
        self.client = Some(Client::open(self.parts()).await.unwrap());
    }

    fn note(&self, line: &str) {
        let line = format!("{:>6} {} {line}", self.stage.clock.passed_ms(), self.number);
        self.log.borrow_mut().trace.push(line);
    }

    pub(super) fn note_failure(&self, doing: &str, error: &ClientError) {
        self.note(&format!("{doing}: {error}"));
        let mut log = self.log.borrow_mut();
        log.failures += 1;
        if !is_expected(error) {
            log.violations.push(Violation {
                rule: Rule::NoOtherError,
                seen: format!("player {} {doing}: {error:?}", self.number),
            });
        }
    }

    /// Does this and that, and dies now and then in the middle of it.
    pub(super) async fn play(&mut self, group: &GroupId, guest: InboxId) {
        for _ in 0..STEPS {
            tokio::time::sleep(Duration::from_millis(self.dice.below(600))).await;
            let op = self.draw(guest);
            let life = self
                .dice
                .chance(150)
                .then(|| Duration::from_millis(self.dice.below(700)));
            self.step(group, &op, life).await;
            // what has a key can be said again by whoever does not know whether it was said
            if let Op::SayKeyed(_) = &op
                && self.dice.chance(500)
            {
                self.step(group, &op, None).await;
            }
        }
        self.way.cut(false);
    }

    async fn step(&mut self, group: &GroupId, op: &Op, life: Option<Duration>) {
        let done = match life {
            None => Some(self.perform(group, op).await),
            // dropped wherever it stands, as by a signal that nobody catches
            Some(life) => tokio::time::timeout(life, self.perform(group, op)).await.ok(),
        };
        match done {
            Some(Ok(())) => {
                self.note(&op.to_string());
                if let Op::Say(text) | Op::SayKeyed(text) = op
                    && !self.sent.contains(text)
                {
                    self.sent.push(text.clone());
                }
            }
            Some(Err(error)) => self.note_failure(&op.to_string(), &error),
            None => self.note(&format!("dies while it {op}")),
        }
        if life.is_some() {
            self.deaths += 1;
            self.die();
            self.open().await;
        }
    }

    fn draw(&mut self, guest: InboxId) -> Op {
        let founder = self.number < GUEST;
        match self.dice.below(100) {
            0..45 => {
                self.said += 1;
                let text = format!("{}.{}", self.number, self.said);
                if self.dice.chance(300) {
                    Op::SayKeyed(text)
                } else {
                    Op::Say(text)
                }
            }
            45..70 => Op::Sync,
            70..76 => Op::Rename(format!("{} {}", self.number, self.dice.below(1000))),
            76..82 => Op::UpdateKeys,
            82..90 if founder => Op::AddGuest,
            90..94 if self.number == 0 && self.stage.guest_leaves => Op::RemoveGuest,
            90..96 if self.number == 0 => {
                let change = if self.dice.chance(500) {
                    AdminChange::AddAdmin
                } else {
                    AdminChange::RemoveAdmin
                };
                Op::Admin(change, guest)
            }
            96.. => Op::Cut(Duration::from_millis(self.dice.below(1_500))),
            _ => Op::Sync,
        }
    }

    async fn perform(&self, group: &GroupId, op: &Op) -> Result<(), ClientError> {
        let client = self.client();
        match op {
            Op::Say(text) => client.send(group, content(text)).await.map(drop),
            Op::SayKeyed(text) => client.send_keyed(group, content(text), text).await.map(drop),
            Op::Sync => client.sync().await.map(drop),
            Op::Rename(name) => client.set_field(group, field::GROUP_NAME, name).await,
            Op::UpdateKeys => client.update_keys(group).await,
            Op::AddGuest => client.add_members(group, &[self.guest()]).await,
            Op::RemoveGuest => client.remove_members(group, &[self.guest()]).await,
            Op::Admin(change, inbox) => client.set_admin(group, *inbox, *change).await,
            Op::Cut(long) => {
                self.way.cut(true);
                tokio::time::sleep(*long).await;
                self.way.cut(false);
                Ok(())
            }
        }
    }

    fn guest(&self) -> InboxId {
        let wallet = WalletKey::generate(&Dice::new(self.stage.seed, 100 + GUEST as u64)).unwrap();
        chancery_xmtp_client::identity::inbox_of(&wallet, Nonce(1))
    }

    /// Says one thing more, over a way that is good.
    pub(super) async fn last_word(&mut self, group: &GroupId) {
        let text = format!("{} says good-bye", self.number);
        match self.client().send(group, content(&text)).await {
            Ok(_) => self.sent.push(text),
            // the guest may be out, and the late one not in before a founder has spoken
            Err(error) if self.number == GUEST || self.number == LATE => self.note_failure("says good-bye", &error),
            Err(error) => self.log.borrow_mut().violations.push(Violation {
                rule: Rule::NoOtherError,
                seen: format!("founder {} cannot say good-bye: {error:?}", self.number),
            }),
        }
    }

    /// Whether what it was told had been sent must be there: it was a member all the time.
    pub(super) fn counts(&self) -> bool {
        self.number != GUEST || !self.stage.guest_leaves
    }
}

fn content(text: &str) -> EncodedContent {
    Content::Text(text.to_owned()).encode().unwrap()
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Say(text) => write!(f, "says {text}"),
            Self::SayKeyed(text) => write!(f, "says {text} with a key"),
            Self::Sync => f.write_str("syncs"),
            Self::Rename(name) => write!(f, "renames to {name}"),
            Self::UpdateKeys => f.write_str("renews its keys"),
            Self::AddGuest => f.write_str("adds the guest"),
            Self::RemoveGuest => f.write_str("removes the guest"),
            Self::Admin(change, _) => write!(f, "does {change:?} to the guest"),
            Self::Cut(long) => write!(f, "is away for {long:?}"),
        }
    }
}
