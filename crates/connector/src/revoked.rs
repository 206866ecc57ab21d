//! The end of an agent: what relay or registry say of it is for good, so nothing waits for better times.

use crate::core::Core;

/// Relay or registry say that the agent was revoked: what waits for the relay becomes dead letters, and nothing more is
/// taken until a relay takes the agent again.
pub(crate) async fn mark(core: &Core, said: String) {
    let reason = format!("the agent was revoked: {said}");
    {
        let mut gauges = core.gauges();
        if gauges.revoked.is_none() {
            tracing::error!(said, "this agent was revoked; what waits for the relay is given up");
        }
        // first, so that what is taken at this moment is either in the store already or gives itself up
        gauges.revoked = Some(said);
    }
    core.outbox.clear();
    let waiting = match core.store.queued_outbound().await {
        Ok(waiting) => waiting,
        // the relay is asked again, and refuses again
        Err(error) => return tracing::error!(%error, "the outbox of the revoked agent cannot be read"),
    };
    for message in waiting {
        if let Err(error) = core.store.outbound_dead(message.id, reason.clone(), core.now()).await {
            return tracing::error!(%error, "a message of the revoked agent cannot be given up");
        }
    }
}

/// A relay has taken the agent: the word against it was of another identity token, or is taken back.
pub(crate) fn clear(core: &Core) {
    core.gauges().revoked = None;
}

/// What was said of the agent, when it was revoked.
pub(crate) fn said(core: &Core) -> Option<String> {
    core.gauges().revoked.clone()
}
