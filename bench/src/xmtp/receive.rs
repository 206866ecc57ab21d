//! How long a message takes from the moment in which a member says it to the plaintext in another member's stream. Who says
//! it is the same for both: a client of ours in memory, which writes to no disk.

use serde::Deserialize;
use serde_json::json;

use super::{Member, Options, SPEAKER, Stage, party::ONE, print, text};
use crate::figure::median;

/// Milliseconds between two messages: more than one takes, so that none waits for another.
const EVERY_MS: u64 = 20;

#[derive(Deserialize)]
struct Took {
    nanoseconds: Vec<f64>,
}

/// Milliseconds: the middle, and what one of a hundred takes longer than.
struct Latency {
    p50: f64,
    p99: f64,
}

impl Latency {
    fn of(mut nanoseconds: Vec<f64>) -> Self {
        nanoseconds.sort_by(f64::total_cmp);
        let at = |per_cent: usize| {
            nanoseconds
                .get(nanoseconds.len() * per_cent / 100)
                .copied()
                .unwrap_or(0.0)
                / 1e6
        };
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}

pub(super) fn measure(options: &Options, stage: &mut Stage) -> anyhow::Result<()> {
    let mut ours = listener(stage, true)?;
    let mut official = stage.sdk.is_some().then(|| listener(stage, false)).transpose()?;
    let (mut p50, mut p99, mut saying) = (Vec::new(), Vec::new(), Vec::new());
    let count = options.received.max(1);
    for pair in 0..options.pairs.max(1) {
        let mut both = [None, None];
        for turn in 0..2 {
            // who goes first alternates
            let side = (turn + pair) % 2;
            let member = if side == 0 { Some(&mut ours) } else { official.as_mut() };
            if let Some(member) = member {
                let (heard, said) = hear(stage, member, count)?;
                saying.push(said.p50);
                if let Some(place) = both.get_mut(side) {
                    *place = Some(heard);
                }
            }
        }
        let at = |side: usize, which: fn(&Latency) -> f64| both.get(side).and_then(Option::as_ref).map_or(0.0, which);
        p50.push((at(0, |found| found.p50), at(1, |found| found.p50)));
        p99.push((at(0, |found| found.p99), at(1, |found| found.p99)));
    }
    eprintln!(
        "received: one message every {EVERY_MS} ms; the speaker's own send, which is part of it, takes {:.2} ms",
        median(saying.into_iter())
    );
    print(options, "xmtp.latency_p50.said_to_plaintext", &p50, "<=1", "ms")?;
    print(options, "xmtp.latency_p99.said_to_plaintext", &p99, "<=1", "ms")
}

/// A member that listens, and has heard something already.
fn listener(stage: &mut Stage, ours: bool) -> anyhow::Result<Member> {
    let mut member = stage.member(ours)?;
    let asked = json!({ "client": ONE, "conversation": member.group });
    member.party.tell("listen", asked)?;
    hear(stage, &mut member, 1)?;
    Ok(member)
}

/// The speaker says so much; how long each took to be heard, and to be said.
fn hear(stage: &mut Stage, member: &mut Member, count: usize) -> anyhow::Result<(Latency, Latency)> {
    let asked = json!({
        "client": SPEAKER,
        "conversation": member.group,
        "text": text(),
        "count": count,
        "everyMs": EVERY_MS,
    });
    let said: Took = stage.others.ask("say", asked)?;
    let heard: Took = member.party.ask("heard", json!({ "client": ONE, "count": count }))?;
    Ok((Latency::of(heard.nanoseconds), Latency::of(said.nanoseconds)))
}
