//! Key packages that are good for everybody else and not by our clock (xmtp spec 3.3, 3.11).
//!
//! openmls holds the key packages in a commit to the clock of this machine at the time of reading, and official clients have
//! it so, too. Those who read the commit when it came have followed it; whoever passes over it has parted from them.

use openmls::{
    group::{ProcessMessageError, ProposalValidationError, StageCommitError, ValidationError},
    prelude::KeyPackageVerifyError,
    treesync::errors::{LeafNodeValidationError, LifetimeError},
};

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Why a commit is refused here that others have followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untimely {
    /// Our clock is behind: it will be good.
    Early,
    /// We read it when the key package was good no more, or our clock is ahead.
    Late,
}

/// Whether a commit that the node took at `taken_ns` is refused for our clock alone. One that adds what was not good then is
/// refused by everybody.
pub(super) fn untimely<E>(refused: &ProcessMessageError<E>, taken_ns: u64) -> Option<Untimely> {
    let lifetime = match refused {
        ProcessMessageError::ValidationError(ValidationError::KeyPackageVerifyError(
            KeyPackageVerifyError::LifetimeError(lifetime),
        ))
        | ProcessMessageError::InvalidCommit(StageCommitError::ProposalValidationError(
            ProposalValidationError::LeafNodeValidation(LeafNodeValidationError::Lifetime(lifetime)),
        )) => lifetime,
        _ => return None,
    };
    let taken = taken_ns / SECOND;
    match lifetime {
        LifetimeError::NotValidYet { not_before, .. } => (*not_before <= taken).then_some(Untimely::Early),
        LifetimeError::Expired { not_after, .. } => (*not_after > taken).then_some(Untimely::Late),
        LifetimeError::SystemTimeBeforeUnixEpoch => Some(Untimely::Early),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: u64 = 1_000;

    fn refused(lifetime: LifetimeError) -> [ProcessMessageError<()>; 2] {
        let leaf = LeafNodeValidationError::Lifetime(lifetime.clone());
        let package = KeyPackageVerifyError::LifetimeError(lifetime);
        [
            ProcessMessageError::InvalidCommit(ProposalValidationError::LeafNodeValidation(leaf).into()),
            ProcessMessageError::ValidationError(package.into()),
        ]
    }

    fn judged(lifetime: &LifetimeError) -> [Option<Untimely>; 2] {
        refused(lifetime.clone()).map(|refused| untimely(&refused, TAKEN * SECOND + 1))
    }

    #[test]
    fn what_was_good_when_it_was_taken_was_followed_by_others() {
        let early = LifetimeError::NotValidYet {
            not_before: TAKEN,
            now: TAKEN - 500,
        };
        assert_eq!(judged(&early), [Some(Untimely::Early); 2]);
        let late = LifetimeError::Expired {
            not_after: TAKEN + 1,
            now: TAKEN + 500,
        };
        assert_eq!(judged(&late), [Some(Untimely::Late); 2]);
        assert_eq!(
            judged(&LifetimeError::SystemTimeBeforeUnixEpoch),
            [Some(Untimely::Early); 2]
        );
    }

    #[test]
    fn what_was_not_good_then_was_followed_by_nobody() {
        let never = LifetimeError::NotValidYet {
            not_before: TAKEN + 1,
            now: TAKEN,
        };
        assert_eq!(judged(&never), [None; 2]);
        let over = LifetimeError::Expired {
            not_after: TAKEN,
            now: TAKEN + 500,
        };
        assert_eq!(judged(&over), [None; 2]);
        let other = ProcessMessageError::<()>::ValidationError(ValidationError::WrongEpoch);
        assert_eq!(untimely(&other, TAKEN * SECOND), None);
    }
}
