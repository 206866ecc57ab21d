//! What groups of different sizes cost us: a figure is what a member of the group costs, beside the same in the next smaller
//! group. The work grows with the members, so that this must not grow.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    Options, Stage,
    party::{ONE, Party},
    sends,
};
use crate::{
    figure::{Figure, median},
    xmtp::Member,
};

/// Members of the groups.
const SIZES: [usize; 4] = [2, 10, 50, 250];
/// How often each is done.
const TIMES: usize = 7;
/// Messages sent.
const MESSAGES: usize = 100;
/// Commits that somebody finds who was away.
const COMMITS: usize = 20;

/// What one size costs, in microseconds.
struct Costs {
    members: usize,
    /// One of each of [`NAMES`].
    took: [f64; 4],
}

const NAMES: [&str; 4] = ["add_all_at_once", "add_one", "send", "process_commit"];

pub(super) fn measure(options: &Options, stage: &mut Stage) -> anyhow::Result<()> {
    let sizes: Vec<_> = SIZES.into_iter().filter(|size| *size <= options.members).collect();
    stage.have_silent(sizes.last().copied().unwrap_or(0))?;
    let mut maker = stage.member(true)?;
    let mut reader = stage.process(true)?;
    let (reader_inbox, _) = stage.register(&mut reader)?;
    let mut before: Option<Costs> = None;
    for members in sizes {
        let costs = cost(stage, &mut maker, &mut reader, &reader_inbox, members)?;
        for (place, (name, took)) in NAMES.iter().zip(costs.took).enumerate() {
            let each = |costs: &Costs| costs.took.get(place).copied().unwrap_or(0.0) / costs.members as f64;
            eprintln!("{name} in a group of {members}: {took:.0} us");
            let goal = if before.is_some() { "<=1" } else { "none" };
            let smaller = before.as_ref().map_or(0.0, each);
            let name = format!("xmtp.curve.{name}.{members}_members");
            Figure::against(&name, each(&costs), smaller, goal, "us/member").print(options.json)?;
        }
        before = Some(costs);
    }
    Ok(())
}

/// Asks and says how long it took inside, in microseconds.
fn timed(party: &mut Party, operation: &str, parameters: Value) -> anyhow::Result<f64> {
    let answer: Value = party.ask(operation, parameters)?;
    Ok(answer["took"].as_f64().context("no time")? * 1e6)
}

fn cost(
    stage: &Stage,
    maker: &mut Member,
    reader: &mut Party,
    reader_inbox: &str,
    members: usize,
) -> anyhow::Result<Costs> {
    // the maker and the reader are two of them
    let mut invited = vec![reader_inbox.to_owned()];
    invited.extend(stage.silent.iter().take(members - 2).cloned());
    let mut all_at_once = Vec::new();
    for _ in 0..TIMES {
        let made: Value = maker
            .party
            .ask("newGroup", json!({ "client": ONE, "members": invited }))?;
        all_at_once.push(made["took"].as_f64().context("no time")? * 1e6);
        made["id"].as_str().context("no group")?.clone_into(&mut maker.group);
    }
    reader.tell("syncAll", json!({ "client": ONE }))?;
    let conversation = maker.group.clone();

    let one = stage.silent.get(members - 2).context("nobody is left")?;
    let change = json!({ "client": ONE, "conversation": conversation, "members": [one] });
    let mut add_one = Vec::new();
    for _ in 0..TIMES {
        add_one.push(timed(&mut maker.party, "addMembers", change.clone())?);
        maker.party.tell("removeMembers", change.clone())?;
    }
    let (sends_per_second, _) = sends::send(maker, MESSAGES, 1)?;

    let mut process = Vec::new();
    for _ in 0..TIMES.div_ceil(2) {
        let sync = json!({ "client": ONE, "conversation": conversation });
        timed(reader, "syncConversation", sync.clone())?;
        for number in 0..COMMITS {
            let name = format!("name {number}");
            let rename = json!({ "client": ONE, "conversation": conversation, "name": name });
            maker.party.tell("rename", rename)?;
        }
        process.push(timed(reader, "syncConversation", sync)? / COMMITS as f64);
    }
    Ok(Costs {
        members,
        took: [
            median(all_at_once.into_iter()),
            median(add_one.into_iter()),
            1e6 / sends_per_second,
            median(process.into_iter()),
        ],
    })
}
