//! Memory of a process with one client, in a group of ten, after it heard and said messages.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Options, SPEAKER, Stage, party::ONE, print, sends, text};

pub(super) fn measure(options: &Options, stage: &mut Stage) -> anyhow::Result<()> {
    let ours = after(options, stage, true)?;
    let official = if stage.sdk.is_some() {
        after(options, stage, false)?
    } else {
        Memory::default()
    };
    eprintln!(
        "memory after {} messages: ours {:.1} MiB ({:.1} RSS; {:.1} before it had a client), official {:.1} MiB ({:.1} RSS; {:.1} before it had a client)",
        options.remembered, ours.pss, ours.rss, ours.idle, official.pss, official.rss, official.idle
    );
    print(options, "xmtp.memory.pss", &[(ours.pss, official.pss)], "<=0.25", "MiB")?;
    print(options, "xmtp.memory.rss", &[(ours.rss, official.rss)], "<=0.25", "MiB")
}

/// MiB.
#[derive(Default)]
struct Memory {
    pss: f64,
    rss: f64,
    /// RSS of the process before the client.
    idle: f64,
}

fn after(options: &Options, stage: &mut Stage, ours: bool) -> anyhow::Result<Memory> {
    let party = stage.process(ours)?;
    let idle = look(party.pid())?.rss;
    let mut member = stage.member_in(party)?;
    member
        .party
        .tell("listen", json!({ "client": ONE, "conversation": member.group }))?;
    let half = options.remembered.div_ceil(2);
    let said = json!({
        "client": SPEAKER,
        "conversation": member.group,
        // what listens wants a number first
        "text": format!("0 {}", text()),
        "count": half,
        "inFlight": 16,
    });
    stage.others.ask::<Value>("sendMany", said)?;
    member.party.tell("heard", json!({ "client": ONE, "count": half }))?;
    sends::send(&mut member, half, 1)?;
    Ok(Memory {
        idle,
        ..look(member.party.pid())?
    })
}

/// What the kernel says, from the same file for both.
fn look(pid: u32) -> anyhow::Result<Memory> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let mib = |name: &str| -> anyhow::Result<f64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no such line")?;
        Ok(kib.trim().parse::<f64>()? / 1024.0)
    };
    Ok(Memory {
        pss: mib("Pss:")?,
        rss: mib("Rss:")?,
        idle: 0.0,
    })
}
