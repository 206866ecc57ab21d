//! What must not happen.

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// An acknowledged message is neither delivered nor listed with a reason.
    Lost,
    /// A message was delivered more often than crashes explain, or a repeat was not marked.
    Repeated,
    /// A message overtook another one of its lane.
    OutOfOrder,
    /// A message arrived otherwise than it was sent.
    Altered,
    /// A signed message was not verified end to end.
    Unverified,
    /// Something was done for or by a revoked agent, or its session outlived it by more than a second.
    Revoked,
    /// Something was accepted or delivered although revocations were not heard of for too long.
    Stale,
    /// One proof was accepted twice.
    ProofTwice,
    /// A delivered message has no receipt at its sender.
    NoReceipt,
    /// A receipt says what is not so.
    FalseReceipt,
    /// Something was acknowledged that is not in the store.
    Premature,
    /// Positions of a mailbox or lane have gaps, or stand for two messages.
    Position,
    /// The same request got another answer.
    Inconsistent,
    /// Everything is healed, and still something waits.
    Stuck,
    /// A task panicked.
    Panic,
}

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which.
    pub kind: Kind,
    /// Milliseconds of simulated time.
    pub at_ms: u64,
    /// What was seen.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {} ms: {}", self.kind, self.at_ms, self.what)
    }
}
