//! Leaves and installations that do not belong together.

use super::{Invitation, to_group};

pub(super) fn all() -> Vec<Invitation> {
    vec![
        to_group(
            "XMTP_JOIN_NOT_IN_MEMBERSHIP",
            "a leaf of somebody who is not in the membership",
            |hall, _, invite| {
                invite.leaves.push(hall.outsider.key_package());
            },
        ),
        to_group(
            "XMTP_JOIN_NOT_AN_INSTALLATION",
            "a leaf that names the maker, and is not the maker's",
            |hall, _, invite| {
                invite.leaves.push(hall.outsider.key_package_as(hall.maker.inbox()));
            },
        ),
        to_group("XMTP_JOIN_CREDENTIAL", "a leaf that names nobody", |hall, _, invite| {
            invite.leaves.push(hall.outsider.key_package_naming(b"nobody".to_vec()));
        }),
        to_group("XMTP_JOIN_MISSING", "a member lacks one leaf of two", |_, _, invite| {
            invite.leaves.pop();
        }),
        to_group("XMTP_JOIN_MISSING", "a member has no leaf", |_, _, invite| {
            invite.leaves.clear()
        }),
        to_group(
            "XMTP_JOIN_SEQUENCE_UNKNOWN",
            "a member is there as of entry 0",
            |hall, _, invite| {
                invite.state.membership.members.insert(hall.other.inbox(), 0);
            },
        ),
        to_group(
            "XMTP_JOIN_SEQUENCE_UNKNOWN",
            "a member is there as of an entry that its log does not have",
            |hall, _, invite| {
                invite.state.membership.members.insert(hall.other.inbox(), 1_000_000);
            },
        ),
        to_group(
            "XMTP_JOIN_SEQUENCE_UNKNOWN",
            "a member is there as of what is no number of a log",
            |hall, _, invite| {
                invite.state.membership.members.insert(hall.other.inbox(), u64::MAX);
            },
        ),
        to_group(
            "XMTP_JOIN_NOT_IN_MEMBERSHIP",
            "the guest is not in the membership",
            |_, guest, invite| {
                invite.state.membership.members.remove(&guest);
            },
        ),
    ]
}
