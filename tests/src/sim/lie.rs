//! Faults that no correct part has. A run with one of them must be found out: this is how the invariants are tested.

use super::violation::Kind;

/// What one part lies about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lie {
    /// The relay acknowledges before it commits: a crash takes back its last seconds.
    RelayForgets,
    /// Something on the way answers `enqueue_ack` for messages that it drops.
    MessageSwallowed,
    /// The connector acknowledges before it commits: after a crash its inbox is empty.
    ConnectorForgets,
    /// Deliveries are made twice.
    DeliveredTwice,
    /// Every message is handed over behind its successor.
    DeliveredLate,
    /// The payload is rewritten on its last step, without changing what it means.
    PayloadRewritten,
    /// The relay is told of a revocation and does nothing.
    RevocationIgnored,
    /// The relay takes a proof twice.
    ProofTakenTwice,
    /// Receipts are lost between the agents.
    ReceiptsDropped,
    /// The relay goes on although nothing is heard of revocations.
    StaleAccepted,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RelayForgets,
        Self::MessageSwallowed,
        Self::ConnectorForgets,
        Self::DeliveredTwice,
        Self::DeliveredLate,
        Self::PayloadRewritten,
        Self::RevocationIgnored,
        Self::ProofTakenTwice,
        Self::ReceiptsDropped,
        Self::StaleAccepted,
    ];

    /// As what it must be found out.
    #[must_use]
    pub fn shows_as(self) -> Kind {
        match self {
            Self::RelayForgets | Self::MessageSwallowed | Self::ConnectorForgets => Kind::Lost,
            Self::DeliveredTwice => Kind::Repeated,
            Self::DeliveredLate => Kind::OutOfOrder,
            Self::PayloadRewritten => Kind::Altered,
            Self::RevocationIgnored => Kind::Revoked,
            Self::ProofTakenTwice => Kind::ProofTwice,
            Self::ReceiptsDropped => Kind::NoReceipt,
            Self::StaleAccepted => Kind::Stale,
        }
    }
}
