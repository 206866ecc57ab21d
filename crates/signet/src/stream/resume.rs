//! Where a harness goes on (signet spec 5.3, 14.4).

/// What a harness says it has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Checkpoint {
    /// Number of the last event that it has.
    pub(crate) seq: Option<u64>,
    /// The stream that the number is of; this one when it does not say.
    pub(crate) epoch: Option<String>,
}

/// What is kept of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Which stream it is.
    pub(crate) epoch: String,
    /// The first event that can be sent again; one more than `last` when there is none.
    pub(crate) first: u64,
    /// The last event; 0 when there never was one.
    pub(crate) last: u64,
}

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what comes from now on.
    Fresh,
    /// With what came after this number.
    After(u64),
    /// With what comes from now on: what the harness lacks is gone, at least in part. The first and the last of it.
    Gap(u64, u64),
    /// With what comes from now on: the number is of no stream that is known.
    Reset,
}

impl Start {
    pub(crate) fn of(checkpoint: &Checkpoint, kept: &Kept) -> Self {
        let foreign = checkpoint.epoch.as_ref().is_some_and(|epoch| *epoch != kept.epoch);
        match checkpoint.seq {
            None if foreign => Self::Reset,
            None => Self::Fresh,
            Some(seq) if foreign || seq > kept.last => Self::Reset,
            Some(seq) if seq + 1 < kept.first => Self::Gap(seq + 1, kept.last),
            Some(seq) => Self::After(seq),
        }
    }

    /// The number after which a connection is sent events.
    pub(crate) fn position(self, kept: &Kept) -> u64 {
        match self {
            Self::After(seq) => seq,
            Self::Fresh | Self::Gap(..) | Self::Reset => kept.last,
        }
    }

    /// `resumedFromSeq`: told only when something is sent again.
    pub(crate) fn resumed_from(self, kept: &Kept) -> Option<u64> {
        match self {
            Self::After(seq) if seq < kept.last => Some(seq),
            _ => None,
        }
    }

    /// Whether an end of the catch-up is told: always, but to who came without a checkpoint and so has nothing to catch
    /// up with.
    pub(crate) fn recovers(self) -> bool {
        self != Self::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(first: u64, last: u64) -> Kept {
        Kept {
            epoch: "e1".to_owned(),
            first,
            last,
        }
    }

    fn start(seq: Option<u64>, epoch: Option<&str>, kept: &Kept) -> Start {
        let checkpoint = Checkpoint {
            seq,
            epoch: epoch.map(str::to_owned),
        };
        Start::of(&checkpoint, kept)
    }

    // spec 5.3: "resend all stored frames with seq > n in order; resumedFromSeq = n if at least one frame was resent"
    #[test]
    fn what_came_after_the_checkpoint_is_sent_again() {
        let kept = kept(1, 9);
        let start = start(Some(4), Some("e1"), &kept);
        assert_eq!(start, Start::After(4));
        assert_eq!((start.position(&kept), start.resumed_from(&kept)), (4, Some(4)));
        assert!(start.recovers());
    }

    #[test]
    fn who_has_everything_is_told_so_and_resumes_from_nowhere() {
        let kept = kept(1, 9);
        let start = start(Some(9), None, &kept);
        assert_eq!((start.position(&kept), start.resumed_from(&kept)), (9, None));
        assert!(start.recovers());
    }

    #[test]
    fn who_comes_without_a_checkpoint_gets_what_comes_from_now_on() {
        let kept = kept(1, 9);
        let start = start(None, None, &kept);
        assert_eq!((start.position(&kept), start.resumed_from(&kept)), (9, None));
        assert!(!start.recovers());
    }

    // spec 5.3: "buffer oldest seq > n+1 (gap): nothing is replayed"
    #[test]
    fn what_is_gone_is_told_and_nothing_is_sent_again() {
        let kept = kept(6, 9);
        assert_eq!(start(Some(4), None, &kept), Start::Gap(5, 9));
        assert_eq!(start(Some(4), None, &kept).position(&kept), 9);
        assert_eq!(start(Some(5), None, &kept), Start::After(5));
        assert_eq!(start(Some(0), None, &kept), Start::Gap(1, 9));
    }

    #[test]
    fn a_number_that_was_never_given_or_of_another_stream_resets() {
        let kept = kept(1, 9);
        assert_eq!(start(Some(10), None, &kept), Start::Reset);
        assert_eq!(start(Some(3), Some("e0"), &kept), Start::Reset);
        assert_eq!(start(None, Some("e0"), &kept), Start::Reset);
        assert_eq!(start(Some(1), None, &self::kept(1, 0)), Start::Reset);
    }

    #[test]
    fn a_stream_without_events_can_be_resumed_from_its_beginning() {
        let kept = kept(1, 0);
        assert_eq!(start(Some(0), Some("e1"), &kept), Start::After(0));
        assert_eq!(start(Some(0), Some("e1"), &kept).resumed_from(&kept), None);
    }
}
