//! What each inbox holds in the end, held to the rules.

use std::collections::BTreeSet;

use chancery_xmtp_client::client::Delivery;
use openmls::group::GroupId;

use super::{FOUNDERS, Report, Rule, Violation, player::Player, texts};

pub(super) fn of(group: &GroupId, players: Vec<Player>) -> Report {
    let mut report = Report::default();
    let mut found = Vec::new();
    let mut wrong = |rule, seen| found.push(Violation { rule, seen });
    let held: Vec<_> = players.iter().map(|player| texts(player.client(), group)).collect();
    let all = &held[0];

    for player in &players {
        for text in player.sent.iter().filter(|_| player.counts()) {
            for (number, held) in held.iter().enumerate().take(FOUNDERS) {
                if !held.contains(text) {
                    wrong(Rule::NothingLost, format!("{text:?} is not in the inbox of {number}"));
                }
            }
        }
    }
    for (number, held) in held.iter().enumerate() {
        let distinct: BTreeSet<_> = held.iter().collect();
        if distinct.len() < held.len() {
            wrong(Rule::NothingTwice, format!("player {number} has {held:?}"));
        }
        // founders have all of it; the others, who came later, a part
        let mut rest = all.iter();
        let in_order = held.iter().all(|text| rest.any(|other| other == text));
        if !in_order || (number < FOUNDERS && held.len() < all.len()) {
            wrong(
                Rule::OneOrder,
                format!("player {number} has {held:?}, player 0 {all:?}"),
            );
        }
    }

    let first = players[0].client().debug(group).unwrap();
    report.epoch = first.epoch;
    for player in &players {
        let Ok(debug) = player.client().debug(group) else {
            if player.number < FOUNDERS {
                wrong(Rule::NoFork, format!("founder {} is in no group", player.number));
            }
            continue;
        };
        let active = player.client().conversation(group).is_ok_and(|found| found.active);
        let member = first.members.iter().any(|(inbox, _)| *inbox == player.client().inbox());
        if active != member {
            let seen = format!("player {} is a member: {active} here, {member} there", player.number);
            wrong(Rule::NoFork, seen);
        }
        if !active {
            continue;
        }
        if debug.maybe_forked
            || (debug.epoch, &debug.epoch_authenticator, &debug.members)
                != (first.epoch, &first.epoch_authenticator, &first.members)
        {
            wrong(
                Rule::NoFork,
                format!("player {}: {debug:?}, player 0: {first:?}", player.number),
            );
        }
        if !debug.intents.is_empty() {
            wrong(
                Rule::NothingLeft,
                format!("player {}: {:?}", player.number, debug.intents),
            );
        }
        let unsent = player.client().messages(group).unwrap_or_default();
        let unsent: Vec<_> = unsent
            .iter()
            .map(|message| message.delivery)
            // who is thrown out reads no further, and cannot know what became of what it said after that
            .filter(|delivery| *delivery != Delivery::Sent && (player.counts() || *delivery != Delivery::Failed))
            .collect();
        if !unsent.is_empty() {
            wrong(Rule::NothingLeft, format!("player {} has {unsent:?}", player.number));
        }
    }

    for player in players {
        report.sent += player.sent.len();
        report.deaths += player.deaths;
        let log = player.log.into_inner();
        report.failures += log.failures;
        report.trace.extend(log.trace);
        found.extend(log.violations);
    }
    report.trace.sort();
    report.violations = found;
    report
}
