//! Installations that come and go against what the membership and the logs say.

use super::{
    super::{Draft, Who},
    Case, Verdict, accepted, by,
    drafts::{adds_fresh, adds_stranger, drops_stale, removes_reduced},
    refused,
};

pub(super) fn all() -> Vec<Case> {
    vec![
        refused!(
            "XMTP_COMMIT_SEQUENCE_DECREASED",
            "a sequence id goes back",
            |world| {
                let context = world.membership(|membership| {
                    let first = world.logs[&world.reduced.inbox()][0];
                    membership.members.insert(world.reduced.inbox(), first);
                });
                by(Who::Maker, Draft::context(context))
            },
            |world| by(Who::Maker, drops_stale(world))
        ),
        refused!(
            "XMTP_COMMIT_SEQUENCE_UNKNOWN",
            "a member is added as of an entry that its log does not have",
            |world| {
                let context = world.membership(|membership| {
                    membership.members.insert(world.stranger.inbox(), 1_000_000);
                });
                by(
                    Who::Maker,
                    Draft::context(context).adding([world.stranger.key_package()]),
                )
            },
            |world| by(Who::Maker, adds_stranger(world))
        ),
        refused!(
            "XMTP_COMMIT_SEQUENCE_UNKNOWN",
            "a sequence id goes beyond the end of a log, over entries",
            |world| {
                let context = world.membership(|membership| {
                    membership.members.insert(world.reduced.inbox(), 1_000_000);
                });
                by(Who::Maker, Draft::context(context).removing([world.stale.key()]))
            },
            |world| by(Who::Maker, drops_stale(world))
        ),
        refused!(
            "XMTP_COMMIT_SEQUENCE_UNKNOWN",
            "a sequence id that is no number of a log",
            |world| {
                let context = world.membership(|membership| {
                    membership.members.insert(world.reduced.inbox(), u64::MAX);
                });
                by(Who::Maker, Draft::context(context).removing([world.stale.key()]))
            },
            |world| by(Who::Maker, drops_stale(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_ADD",
            "an installation is added without a membership",
            |world| by(Who::Maker, Draft::default().adding([world.stranger.key_package()])),
            |world| by(Who::Maker, adds_stranger(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_ADD",
            "one member is written down, another's installation is added",
            |world| {
                let mut draft = adds_stranger(world);
                draft.adds = vec![world.outsider.key_package()];
                by(Who::Maker, draft)
            },
            |world| by(Who::Maker, adds_stranger(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_ADD",
            "a new installation is added while the membership knows the old ones only",
            |world| by(Who::Member, Draft::default().adding([world.fresh.key_package()])),
            |world| by(Who::Member, adds_fresh(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_REMOVE",
            "an installation is removed that the membership keeps",
            |world| by(Who::Maker, Draft::default().removing([world.member.key()])),
            |world| by(Who::Maker, drops_stale(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_REMOVE",
            "a member is struck from the membership and keeps its leaves",
            |world| {
                let mut draft = removes_reduced(world);
                draft.removes.clear();
                by(Who::Maker, draft)
            },
            |world| by(Who::Maker, removes_reduced(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_REMOVE",
            "a member loses one leaf of two",
            |world| {
                let mut draft = removes_reduced(world);
                draft.removes.pop();
                by(Who::Maker, draft)
            },
            |world| by(Who::Maker, removes_reduced(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_REMOVE",
            "a revoked installation keeps its leaf",
            |world| {
                let mut draft = drops_stale(world);
                draft.removes.clear();
                by(Who::Maker, draft)
            },
            |world| by(Who::Maker, drops_stale(world))
        ),
        refused!(
            "XMTP_COMMIT_UNEXPECTED_REMOVE",
            "an admin removes an installation and adds it again",
            |world| {
                let draft = Draft::default().removing([world.member.key()]);
                by(Who::Admin, draft.adding([world.member.key_package()]))
            },
            |world| {
                let draft = Draft::default().removing([world.member.key()]);
                by(Who::Super, draft.adding([world.member.key_package()]))
            }
        ),
        accepted!("a new installation is written down, and added another time", |world| {
            let mut draft = adds_fresh(world);
            draft.adds.clear();
            by(Who::Member, draft)
        }),
        accepted!("a sequence id goes beyond the end of a log, over no entry", |world| {
            let context = world.membership(|membership| {
                let beyond = world.last(&world.other_super) + 1_000_000;
                membership.members.insert(world.other_super.inbox(), beyond);
            });
            by(Who::Maker, Draft::context(context))
        }),
        accepted!("an installation is added whose leaf names another member", |world| {
            let mut draft = adds_stranger(world);
            draft.adds = vec![world.stranger.key_package_as(world.admin.inbox())];
            by(Who::Maker, draft)
        }),
    ]
}
