//! Proposals that stand alone, and the commits that name them.

use bytes::Bytes;
use chancery_xmtp_wire::group::field;
use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    group::Propose,
    prelude::LeafNodeParameters,
};

use super::{Insider, Verdict, Who, World};

/// What is proposed, and who commits to it.
pub struct Moved {
    /// The proposals, made and not sent.
    pub proposals: Vec<Bytes>,
    /// Who makes the commit.
    pub by: Who,
    /// Whether the commit renews keys.
    pub path: bool,
}

/// A way to break a rule by a proposal.
pub struct Motion {
    /// What is done.
    pub name: &'static str,
    /// What becomes of the commit with who keeps proposals.
    pub verdict: Verdict,
    /// The proposals.
    pub attempt: fn(&World) -> Moved,
    /// The same without the fault.
    pub honest: fn(&World) -> Moved,
}

fn moved(by: Who, proposals: Vec<Bytes>) -> Moved {
    Moved {
        proposals,
        by,
        path: true,
    }
}

fn motion(name: &'static str, code: &'static str, attempt: fn(&World) -> Moved, honest: fn(&World) -> Moved) -> Motion {
    Motion {
        name,
        verdict: Verdict::Refused(code),
        attempt,
        honest,
    }
}

/// `who` proposes that the stranger comes, in the membership and with a leaf.
fn add(world: &World, who: &Insider) -> Vec<Bytes> {
    let context = world.membership(|membership| {
        let last = world.last(&world.stranger);
        membership.members.insert(world.stranger.inbox(), last);
    });
    vec![
        who.moves(&world.group, Propose::GroupContextExtensions(context)),
        who.moves(&world.group, Propose::Add(world.stranger.key_package())),
    ]
}

/// `who` proposes that the reduced member goes, out of the membership and with both leaves.
fn removal(world: &World, who: &Insider) -> Vec<Bytes> {
    let context = world.membership(|membership| {
        membership.members.remove(&world.reduced.inbox());
    });
    let mut proposals = vec![who.moves(&world.group, Propose::GroupContextExtensions(context))];
    for gone in [&world.reduced, &world.stale] {
        proposals.push(who.moves(&world.group, who.removal(&world.group, gone.key())));
    }
    proposals
}

fn renaming(world: &World, who: &Insider) -> Vec<Bytes> {
    let context = world.field(field::GROUP_NAME, "proposed");
    vec![who.moves(&world.group, Propose::GroupContextExtensions(context))]
}

/// The member proposes to renew its leaf, under this name.
fn renewal(world: &World, credential: Option<CredentialWithKey>) -> Vec<Bytes> {
    let mut leaf = LeafNodeParameters::builder();
    if let Some(credential) = credential {
        leaf = leaf.with_credential_with_key(credential);
    }
    vec![world.member.moves(&world.group, Propose::Update(leaf.build()))]
}

fn nobody(world: &World) -> CredentialWithKey {
    CredentialWithKey {
        credential: BasicCredential::new(b"nobody".to_vec()).into(),
        signature_key: world.member.key().as_bytes().as_slice().into(),
    }
}

fn somebody_else(world: &World) -> CredentialWithKey {
    let mut credential = world.maker.installation.credential();
    credential.signature_key = world.member.key().as_bytes().as_slice().into();
    credential
}

fn renews(world: &World) -> Moved {
    moved(Who::Admin, renewal(world, None))
}

/// All of them.
#[must_use]
pub fn motions() -> Vec<Motion> {
    vec![
        motion(
            "a member proposes to add somebody, an admin commits",
            "XMTP_COMMIT_DENIED_ADD_MEMBER",
            |world| moved(Who::Admin, add(world, &world.member)),
            |world| moved(Who::Admin, add(world, &world.other_super)),
        ),
        motion(
            "an admin proposes to add somebody, without a membership",
            "XMTP_COMMIT_UNEXPECTED_ADD",
            |world| moved(Who::Super, add(world, &world.admin).split_off(1)),
            |world| moved(Who::Super, add(world, &world.admin)),
        ),
        motion(
            "a member proposes to remove another, an admin commits",
            "XMTP_COMMIT_DENIED_REMOVE_MEMBER",
            |world| moved(Who::Admin, removal(world, &world.member)),
            |world| moved(Who::Admin, removal(world, &world.other_super)),
        ),
        motion(
            "an admin proposes to remove a leaf of two",
            "XMTP_COMMIT_UNEXPECTED_REMOVE",
            |world| {
                let mut proposals = removal(world, &world.admin);
                let _ = proposals.pop();
                moved(Who::Super, proposals)
            },
            |world| moved(Who::Super, removal(world, &world.admin)),
        ),
        motion(
            "an admin proposes a name, a member commits",
            "XMTP_COMMIT_DENIED_METADATA",
            |world| moved(Who::Member, renaming(world, &world.admin)),
            |world| moved(Who::Super, renaming(world, &world.admin)),
        ),
        motion(
            "a member proposes to be the maker",
            "XMTP_COMMIT_NOT_AN_INSTALLATION",
            |world| moved(Who::Admin, renewal(world, Some(somebody_else(world)))),
            renews,
        ),
        motion(
            "a member proposes to be nobody",
            "XMTP_COMMIT_CREDENTIAL",
            |world| moved(Who::Admin, renewal(world, Some(nobody(world)))),
            renews,
        ),
        motion(
            "somebody asks to be added, an admin commits",
            "XMTP_COMMIT_PROPOSER_NOT_MEMBER",
            |world| {
                let epoch = world.maker.look(&world.group, |group| group.epoch().as_u64());
                moved(Who::Admin, vec![world.stranger.asks_to_join(&world.group, epoch)])
            },
            |world| moved(Who::Super, add(world, &world.admin)),
        ),
        motion(
            "two add somebody each, and the committer renews no keys",
            "XMTP_COMMIT_NO_ACTOR",
            |world| {
                let add = |who: &Insider, whom: &Insider| who.moves(&world.group, Propose::Add(whom.key_package()));
                Moved {
                    proposals: vec![
                        add(&world.admin, &world.stranger),
                        add(&world.other_super, &world.outsider),
                    ],
                    by: Who::Maker,
                    path: false,
                }
            },
            |world| moved(Who::Super, add(world, &world.admin)),
        ),
    ]
}
