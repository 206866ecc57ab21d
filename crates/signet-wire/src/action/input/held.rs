//! Inputs about what waits for the owner, reveals, and events that are fetched.

use chancery_policy::messaging::{RevealError, RevealScope, RevealTarget};

use super::foreign;
use crate::{OrNull, Positive, Reference, Refusal, Timestamp, Uuid};

shape! {
    /// `reveal.request`.
    input RevealRequest {
        /// The credential whose harness is to see it.
        credential_id: Reference,
        /// The chat.
        chat_id: Reference,
        /// Along what messages are revealed.
        #[schemars(with = "foreign::RevealScopeWord")]
        scope: RevealScope,
        /// Which: a message, a sender, a content type, or `start|end`.
        target_id: Reference,
        /// Who asks; it has to be who calls.
        requested_by?: Reference,
        /// Until when; `null` for as long as the credential lasts.
        expires_at: OrNull<Timestamp>,
    }
}

impl RevealRequest {
    /// Which messages are asked for.
    ///
    /// # Errors
    /// [`Refusal`] when the target is none of its scope.
    pub fn target(&self) -> Result<RevealTarget, Refusal> {
        RevealTarget::parse(self.scope, self.target_id.as_str())
            .map_err(|error: RevealError| Refusal::new("targetId", error))
    }
}

shape! {
    /// `reveal.list`.
    #[derive(Default)]
    input RevealList {
        /// The credential; all of them when absent, for who may see all.
        credential_id?: Reference,
    }
}

shape! {
    /// What names a reveal that was asked for.
    input ByReveal {
        /// The reveal.
        reveal_id: Uuid,
    }
}

shape! {
    /// `reveal.approve`.
    input RevealApprove {
        /// The reveal.
        reveal_id: Uuid,
        /// Until when, if that is sooner than what was asked for.
        expires_at?: Timestamp,
    }
}

shape! {
    /// `action.list`.
    #[derive(Default)]
    input ActionList {
        /// Only those of this credential.
        credential_id?: Reference,
    }
}

shape! {
    /// What names an action that is held.
    input ByAction {
        /// The action.
        action_id: Uuid,
    }
}

shape! {
    /// `events.poll`.
    #[derive(Default)]
    input EventsPoll {
        /// Only events after this number.
        since_seq?: u64,
        /// How many at most.
        limit?: Positive,
    }
}
