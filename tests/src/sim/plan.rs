//! What a seed asks for: who takes part, how bad the weather is, and what happens when.

use std::time::Duration;

use chancery_identity::revocation::Scope;

/// The whole of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) agents: Vec<AgentPlan>,
    pub(super) weather: Weather,
    pub(super) relay: RelayPlan,
    /// (owner, peer): the owner's mailbox refuses the peer.
    pub(super) blocked: Option<(usize, usize)>,
    /// When the last event of the script is over.
    pub(super) length: Duration,
    pub(super) script: Vec<(Duration, Event)>,
}

/// One agent.
#[derive(Debug, Clone)]
pub(super) struct AgentPlan {
    pub(super) hook: HookPlan,
    /// How far its clock is off, milliseconds.
    pub(super) skew: i64,
    /// Messages that its inbox holds.
    pub(super) inbox: u64,
}

/// How an agent's webhook behaves. Shares are in thousandths.
#[derive(Debug, Clone, Copy)]
pub(super) struct HookPlan {
    pub(super) deduplicates: bool,
    /// Milliseconds that a message takes, from and to.
    pub(super) work: (u64, u64),
    /// Failures that time mends.
    pub(super) fails: u64,
    /// Failures that it does not.
    pub(super) rejects: u64,
    /// Answers that are lost on the way back.
    pub(super) answers_lost: u64,
    /// Requests without any answer.
    pub(super) hangs: u64,
}

impl HookPlan {
    /// Quick and without failures.
    pub(super) fn calm(deduplicates: bool) -> Self {
        Self {
            deduplicates,
            work: (1, 20),
            fails: 0,
            rejects: 0,
            answers_lost: 0,
            hangs: 0,
        }
    }
}

/// What the network does to a frame. Shares are in thousandths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// Milliseconds that a frame takes, from and to.
    pub(super) delay: (u64, u64),
    pub(super) lost: u64,
    pub(super) twice: u64,
    /// Frames overtake one another. A TCP connection does none of these three.
    pub(super) shuffled: bool,
    /// Attempts to connect that fail.
    pub(super) no_answer: u64,
}

impl Weather {
    pub(super) const CALM: Self = Self {
        delay: (1, 20),
        lost: 0,
        twice: 0,
        shuffled: false,
        no_answer: 0,
    };
}

/// Limits of the relay.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelayPlan {
    pub(super) max_messages: u64,
    pub(super) ttl_ms: i64,
    pub(super) ack_timeout_ms: u64,
    pub(super) max_attempts: u32,
    pub(super) rate: u32,
    pub(super) stale_after_ms: u64,
    pub(super) max_in_flight: usize,
    pub(super) window: usize,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// An agent hands a message to its connector.
    Send {
        from: usize,
        to: usize,
        lane: u8,
    },
    /// The same, and does not wait for the answer.
    SendAndLeave {
        from: usize,
        to: usize,
        lane: u8,
    },
    /// It hands in an earlier one once more.
    Again {
        from: usize,
    },
    /// It uses the id of an earlier one for another.
    Conflict {
        from: usize,
    },
    /// An agent sends over HTTP, itself.
    Post {
        from: usize,
        to: usize,
    },
    CrashConnector {
        agent: usize,
        down: Duration,
        silently: bool,
    },
    CrashRelay {
        down: Duration,
        silently: bool,
    },
    /// Crashes somebody at the moment named, the `skip`th time that it comes.
    Ambush {
        moment: Moment,
        victim: Victim,
        skip: u32,
    },
    /// A connection breaks.
    Cut {
        agent: usize,
    },
    /// Nothing passes between an agent and the relay. Existing connections are dead after it, or only late.
    Hole {
        agent: usize,
        time: Duration,
        kills: bool,
    },
    /// The feed says nothing.
    FeedSilent {
        time: Duration,
        ends: bool,
    },
    /// The registry does not answer.
    RegistryDown {
        time: Duration,
    },
    Revoke {
        agent: usize,
        scope: Scope,
    },
    /// Somebody sends a proof again that it has seen.
    Replay,
    Mute {
        owner: usize,
        peer: usize,
        time: Duration,
    },
    /// The owner looks at what is held.
    Release {
        agent: usize,
    },
    /// The store is asked again what it said before.
    Audit,
}

/// A moment at which a crash hurts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The relay has written a frame of this kind.
    RelayWrote(&'static str),
    /// A frame of this kind has reached the relay.
    RelayRead(&'static str),
    /// A frame of this kind has reached a connector.
    ConnectorRead(&'static str),
    /// A message has reached the webhook.
    Posted,
    /// The webhook has answered.
    Answered,
    /// A connector was admitted.
    Admitted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Relay,
    /// The connector of the agent that the moment is about.
    Connector,
}
