//! Messages sent, one after the other and 16 in flight.

use serde::Deserialize;
use serde_json::json;

use super::{Member, Options, party::ONE, print, text};

/// Sends that wait at the same time.
const IN_FLIGHT: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    /// Until the last send returned: the node has it.
    seconds: f64,
    /// Until all came back from the node, and thereby have their place in the group.
    settled_seconds: f64,
}

/// Messages of a run one after the other.
pub(super) fn sequential(messages: usize) -> usize {
    (messages / 4).max(1)
}

/// Has a client send.
pub(super) fn send(member: &mut Member, count: usize, in_flight: usize) -> anyhow::Result<(f64, f64)> {
    let asked = json!({
        "client": ONE,
        "conversation": member.group,
        "text": text(),
        "count": count,
        "inFlight": in_flight,
    });
    let sent: Sent = member.party.ask("sendMany", asked)?;
    Ok((count as f64 / sent.seconds, count as f64 / sent.settled_seconds))
}

pub(super) fn measure(options: &Options, ours: &mut Member, mut official: Option<&mut Member>) -> anyhow::Result<()> {
    for (name, in_flight, count, goal) in [
        ("sequential", 1, sequential(options.messages), ">=1"),
        ("16_in_flight", IN_FLIGHT, options.messages, ">=2"),
    ] {
        let mut run = |ours_first: bool| -> anyhow::Result<[(f64, f64); 2]> {
            let mut theirs = || {
                official
                    .as_mut()
                    .map_or(Ok((0.0, 0.0)), |member| send(member, count, in_flight))
            };
            if ours_first {
                Ok([send(ours, count, in_flight)?, theirs()?])
            } else {
                let theirs = theirs()?;
                Ok([send(ours, count, in_flight)?, theirs])
            }
        };
        // one that does not count
        run(true)?;
        let (mut sent, mut settled) = (Vec::new(), Vec::new());
        for pair in 0..options.pairs.max(1) {
            let [a, b] = run(pair % 2 == 0)?;
            eprintln!(
                "sends {name}, pair {}: ours {:.0}/s (settled {:.0}/s), official {:.0}/s (settled {:.0}/s)",
                pair + 1,
                a.0,
                a.1,
                b.0,
                b.1
            );
            sent.push((a.0, b.0));
            settled.push((a.1, b.1));
        }
        print(
            options,
            &format!("xmtp.sends_per_second.{name}"),
            &sent,
            goal,
            "messages/s",
        )?;
        let name = format!("xmtp.sends_per_second.{name}.settled");
        print(options, &name, &settled, goal, "messages/s")?;
    }
    Ok(())
}
