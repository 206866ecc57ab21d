//! Our XMTP client beside the official SDK (5.5.0), both talking to one node in the same run.
//!
//! A client of ours is a process of its own, one of the SDK's a process of Node; both are asked the same questions and
//! measure inside, so that the pipe between them and the bench is not what is measured. A group has ten members, unless
//! the figure is about that; the other members are clients of ours in memory. What differs is said, too: how often each
//! syncs the disk for a message.

mod clients;
mod curve;
mod durability;
mod memory;
mod party;
mod receive;
mod sends;

use std::{fmt::Write as _, path::PathBuf};

use anyhow::Context as _;
use chancery_base::Rng as _;
use chancery_serve::system::OsRng;
use chancery_tests::xmtp::Sdk;
use clap::Args;
use serde_json::{Value, json};

pub(crate) use clients::{ClientsOptions, serve as serve_clients};

use crate::{
    figure::Figure,
    process::{self, Server},
};
use party::Party;

/// Options of the bench.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
    /// Alternating pairs of runs.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Messages sent in one run with 16 in flight; a quarter of them one after the other.
    #[arg(long, default_value_t = 800)]
    messages: usize,
    /// Messages received in one run.
    #[arg(long, default_value_t = 200)]
    received: usize,
    /// Messages before memory is looked at (0 leaves it out).
    #[arg(long, default_value_t = 1_000)]
    remembered: usize,
    /// Most members in the curve (0 leaves the curve out).
    #[arg(long, default_value_t = 250)]
    members: usize,
}

/// Members of a group.
const MEMBERS: usize = 10;
/// Bytes of a text.
const TEXT: usize = 512;
/// The client among the other members that says something.
const SPEAKER: &str = "speaker";

/// What all measurements share.
struct Stage {
    url: String,
    dir: tempfile::TempDir,
    sdk: Option<Sdk>,
    /// The process of the other members.
    others: Party,
    /// The speaker's inbox, and those of members who never say anything.
    speaker: String,
    silent: Vec<String>,
}

/// One client, in a process of its own, and its group.
struct Member {
    party: Party,
    group: String,
    db: PathBuf,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    eprintln!("machine: {}", process::machine());
    let node = Server::start("serve-xmtp-node", &[]).await?;
    let sdk = Sdk::find();
    if sdk.is_none() {
        eprintln!("skipped, the yardstick of every figure is 0: {}", Sdk::MISSING);
    }
    let mut stage = Stage::set(format!("http://{}", node.address), sdk)?;
    eprintln!(
        "xmtp: groups of {MEMBERS}, texts of {TEXT} bytes, {} messages a run ({} one after the other)",
        options.messages,
        sends::sequential(options.messages)
    );
    let mut ours = stage.member(true)?;
    let mut official = stage.sdk.is_some().then(|| stage.member(false)).transpose()?;
    durability::show(options, &mut ours, official.as_mut())?;
    sends::measure(options, &mut ours, official.as_mut())?;
    drop((ours, official));
    receive::measure(options, &mut stage)?;
    if options.remembered > 0 {
        memory::measure(options, &mut stage)?;
    }
    if options.members > 0 {
        curve::measure(options, &mut stage)?;
    }
    Ok(())
}

impl Stage {
    fn set(url: String, sdk: Option<Sdk>) -> anyhow::Result<Self> {
        let mut others = Party::ours(&url)?;
        let speaker: Value = others.ask("create", json!({ "client": SPEAKER }))?;
        let mut stage = Self {
            url,
            dir: process::folder()?,
            sdk,
            others,
            speaker: speaker["inboxId"].as_str().context("no inbox")?.to_owned(),
            silent: Vec::new(),
        };
        stage.have_silent(MEMBERS - 2)?;
        Ok(stage)
    }

    /// Has so many members at least that never say anything.
    fn have_silent(&mut self, count: usize) -> anyhow::Result<()> {
        let missing = count.saturating_sub(self.silent.len());
        let mut made: Value = self.others.ask("crowd", json!({ "count": missing }))?;
        let made: Vec<String> = serde_json::from_value(made["inboxIds"].take())?;
        self.silent.extend(made);
        Ok(())
    }

    /// A process without a client.
    fn process(&self, ours: bool) -> anyhow::Result<Party> {
        match &self.sdk {
            _ if ours => Party::ours(&self.url),
            Some(sdk) => Ok(Party::official(sdk, &self.url, self.dir.path())),
            None => anyhow::bail!("there is no SDK"),
        }
    }

    /// Registers a client in a process; its inbox and its file.
    fn register(&self, party: &mut Party) -> anyhow::Result<(String, PathBuf)> {
        let secret: String = OsRng.bytes::<32>().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let name = secret.get(..8).context("no name")?;
        let db = self.dir.path().join(format!("{}-{name}", party.name()));
        let inbox = party.register(&db, &secret)?;
        Ok((inbox, db))
    }

    /// A client in a process, and its group, in which the speaker is.
    fn member_in(&mut self, mut party: Party) -> anyhow::Result<Member> {
        let (_, db) = self.register(&mut party)?;
        let mut members = vec![self.speaker.clone()];
        members.extend(self.silent.iter().take(MEMBERS - 2).cloned());
        let group = party.group(&members)?;
        self.others.tell("syncAll", json!({ "client": SPEAKER }))?;
        Ok(Member { party, group, db })
    }

    fn member(&mut self, ours: bool) -> anyhow::Result<Member> {
        let party = self.process(ours)?;
        self.member_in(party)
    }
}

/// What is said.
fn text() -> String {
    "m".repeat(TEXT)
}

/// Prints a figure of pairs, or of one side where the other is missing.
fn print(
    options: &Options,
    name: &str,
    pairs: &[(f64, f64)],
    goal: &'static str,
    unit: &'static str,
) -> anyhow::Result<()> {
    let figure = if pairs.iter().all(|pair| pair.1 == 0.0) {
        let ours = crate::figure::median(pairs.iter().map(|pair| pair.0));
        Figure::against(name, ours, 0.0, goal, unit)
    } else {
        Figure::paired(name, pairs, goal, unit)
    };
    figure.print(options.json)
}
