//! What must hold between the members of a group.

use super::Client;
use crate::wait;

/// Waits until a conversation that somebody else made is there.
///
/// # Panics
/// When it does not come.
pub fn arrives(client: &Client, conversation: &str) {
    wait::until(&format!("a conversation to come to {}", client.name()), || {
        client.sync();
        client.has(conversation).then_some(())
    });
    client.sync_conversation(conversation);
}

/// Waits until these members are in the same epoch, then checks that none of them is forked: neither by its own suspicion,
/// nor by the authenticator of any epoch that it shares with another.
///
/// # Panics
/// When they are not.
pub fn agree(members: &[&Client], group: &str) {
    let states = wait::until("the members to be in one epoch", || {
        for member in members {
            member.sync_conversation(group);
        }
        let states: Vec<_> = members.iter().map(|member| member.debug(group)).collect();
        states
            .iter()
            .all(|state| state.epoch == states[0].epoch)
            .then_some(states)
    });
    for (member, state) in members.iter().zip(&states) {
        let who = format!("{} ({})", member.name(), member.driver().version());
        assert!(!state.maybe_forked, "{who} suspects a fork: {}", state.fork_details);
        assert_ne!(
            state.commit_log_forked,
            Some(true),
            "{who} differs from the commit log: {state:#?}"
        );
        let now = state.authenticators.get(&state.epoch);
        assert!(
            now.is_some(),
            "{who} has no authenticator of epoch {}: {state:#?}",
            state.epoch
        );
        for (other, theirs) in members.iter().zip(&states) {
            for (epoch, authenticator) in &state.authenticators {
                let same = theirs
                    .authenticators
                    .get(epoch)
                    .is_none_or(|theirs| theirs == authenticator);
                assert!(
                    same,
                    "{who} and {} are not in the same epoch {epoch}: {states:#?}",
                    other.name()
                );
            }
        }
    }
}
