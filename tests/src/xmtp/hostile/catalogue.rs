//! The ways to break the rules, and those that only look like it.

use chancery_xmtp_client::identity::Installation;
use chancery_xmtp_wire::{
    group::{
        GROUP_MEMBERSHIP, GROUP_PERMISSIONS, IMMUTABLE_METADATA, ImmutableMetadata, MUTABLE_METADATA, MemberRule,
        Policy, field,
    },
    identity::InboxId,
};
use openmls::credentials::{BasicCredential, CredentialWithKey};

use super::{Draft, Insider, Who, World};

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It takes effect.
    Accepted,
    /// It is refused by the rule of this code.
    Refused(&'static str),
}

/// A commit that somebody sends.
pub struct Attempt {
    /// Who.
    pub by: Who,
    /// What it says.
    pub draft: Draft,
}

/// A way to break a rule.
pub struct Case {
    /// What is done.
    pub name: &'static str,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The commit.
    pub attempt: fn(&World) -> Attempt,
    /// The same without the fault, which is accepted.
    pub honest: fn(&World) -> Attempt,
}

fn by(by: Who, draft: Draft) -> Attempt {
    Attempt { by, draft }
}

fn keys_renewed(_: &World) -> Attempt {
    by(Who::Maker, Draft::default())
}

fn claims(insider: &Insider, inbox: InboxId) -> Draft {
    let installation = Installation::new(insider.installation.key().clone(), inbox);
    Draft {
        leaf: Some(installation.credential()),
        ..Draft::default()
    }
}

fn adds_stranger(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.stranger.inbox(), world.last(&world.stranger));
    });
    Draft::context(context).adding([world.stranger.key_package()])
}

fn removes_reduced(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership.members.remove(&world.reduced.inbox());
    });
    Draft::context(context).removing([world.reduced.key(), world.stale.key()])
}

fn removes_super(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership.members.remove(&world.other_super.inbox());
    });
    Draft::context(context).removing([world.other_super.key()])
}

fn drops_stale(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.reduced.inbox(), world.last(&world.reduced));
    });
    Draft::context(context).removing([world.stale.key()])
}

fn adds_fresh(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.member.inbox(), world.last(&world.member));
    });
    Draft::context(context).adding([world.fresh.key_package()])
}

fn renames(world: &World) -> Draft {
    Draft::context(world.field(field::GROUP_NAME, "renamed"))
}

fn admins(world: &World, change: impl FnOnce(&mut Vec<String>, &mut Vec<String>)) -> Draft {
    Draft::context(world.metadata(|metadata| change(&mut metadata.admins, &mut metadata.super_admins)))
}

fn promotes(world: &World, who: &Insider) -> Draft {
    admins(world, |admins, _| admins.push(who.inbox().to_string()))
}

fn demotes_admin(world: &World) -> Draft {
    admins(world, |admins, _| admins.clear())
}

fn exalts(world: &World, who: &Insider) -> Draft {
    admins(world, |_, supers| supers.push(who.inbox().to_string()))
}

fn humbles_other(world: &World) -> Draft {
    admins(world, |_, supers| {
        supers.retain(|id| *id != world.other_super.inbox().to_string())
    })
}

fn opens_up(world: &World) -> Draft {
    Draft::context(world.permissions(|set| set.add_member = Policy::Rule(MemberRule::Everybody)))
}

macro_rules! refused {
    ($code:literal, $name:literal, $attempt:expr, $honest:expr) => {
        Case {
            name: $name,
            verdict: Verdict::Refused($code),
            attempt: $attempt,
            honest: $honest,
        }
    };
}

macro_rules! accepted {
    ($name:literal, $attempt:expr) => {
        Case {
            name: $name,
            verdict: Verdict::Accepted,
            attempt: $attempt,
            honest: $attempt,
        }
    };
}

/// All of them.
#[must_use]
pub fn catalogue() -> Vec<Case> {
    let mut all = permissions();
    all.extend(contexts());
    all.extend(installations());
    all.extend(actors());
    all
}

fn permissions() -> Vec<Case> {
    vec![
        refused!(
            "XMTP_COMMIT_DENIED_ADD_MEMBER",
            "a member adds somebody",
            |world| by(Who::Member, adds_stranger(world)),
            |world| by(Who::Admin, adds_stranger(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_MEMBER",
            "a member removes another",
            |world| by(Who::Member, removes_reduced(world)),
            |world| by(Who::Admin, removes_reduced(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_SUPER_ADMIN_MEMBER",
            "a super admin removes another super admin",
            |world| by(Who::Maker, removes_super(world)),
            |world| by(Who::Maker, removes_reduced(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_METADATA",
            "a member renames the group",
            |world| by(Who::Member, renames(world)),
            |world| by(Who::Admin, renames(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_METADATA",
            "a member sets a field that nobody knows",
            |world| by(Who::Member, Draft::context(world.field("colour", "red"))),
            |world| by(Who::Admin, Draft::context(world.field("colour", "red")))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_METADATA",
            "an admin sets a field that is for super admins",
            |world| by(Who::Admin, Draft::context(world.field("_colour", "red"))),
            |world| by(Who::Super, Draft::context(world.field("_colour", "red")))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_ADD_ADMIN",
            "a member makes itself an admin",
            |world| by(Who::Member, promotes(world, &world.member)),
            |world| by(Who::Super, promotes(world, &world.member))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_ADMIN",
            "a member unmakes an admin",
            |world| by(Who::Member, demotes_admin(world)),
            |world| by(Who::Super, demotes_admin(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_ADD_SUPER_ADMIN",
            "an admin makes itself a super admin",
            |world| by(Who::Admin, exalts(world, &world.admin)),
            |world| by(Who::Maker, exalts(world, &world.admin))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_SUPER_ADMIN",
            "an admin unmakes a super admin",
            |world| by(Who::Admin, humbles_other(world)),
            |world| by(Who::Maker, humbles_other(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_LAST_SUPER_ADMIN",
            "a super admin leaves the group without one",
            |world| by(Who::Maker, admins(world, |_, supers| supers.clear())),
            |world| by(Who::Maker, humbles_other(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_PERMISSIONS",
            "an admin changes the permissions",
            |world| by(Who::Admin, opens_up(world)),
            |world| by(Who::Super, opens_up(world))
        ),
    ]
}

fn contexts() -> Vec<Case> {
    vec![
        refused!(
            "XMTP_COMMIT_FIELD_LENGTH",
            "a name of 101 bytes",
            |world| by(
                Who::Maker,
                Draft::context(world.field(field::GROUP_NAME, &"x".repeat(101)))
            ),
            |world| by(
                Who::Maker,
                Draft::context(world.field(field::GROUP_NAME, &"x".repeat(100)))
            )
        ),
        refused!(
            "XMTP_COMMIT_FIELD_LENGTH",
            "a description of 1,001 bytes",
            |world| by(
                Who::Maker,
                Draft::context(world.field(field::DESCRIPTION, &"x".repeat(1001)))
            ),
            |world| by(
                Who::Maker,
                Draft::context(world.field(field::DESCRIPTION, &"x".repeat(1000)))
            )
        ),
        accepted!("the group becomes nobody's", |world| {
            let old = world.context();
            let old = &old.unknown(IMMUTABLE_METADATA).unwrap().0;
            let mut metadata = ImmutableMetadata::parse(old).unwrap();
            metadata.creator = "nobody".to_owned();
            let context = world.extension(IMMUTABLE_METADATA, Some(metadata.encode().unwrap()));
            by(Who::Member, Draft::context(context))
        }),
        refused!(
            "XMTP_COMMIT_CONTEXT",
            "the metadata goes",
            |world| by(Who::Maker, Draft::context(world.extension(MUTABLE_METADATA, None))),
            |world| by(Who::Maker, Draft::context(world.context()))
        ),
        refused!(
            "XMTP_COMMIT_CONTEXT",
            "the metadata loses its lists",
            |world| by(
                Who::Maker,
                Draft::context(world.extension(MUTABLE_METADATA, Some(Vec::new())))
            ),
            |world| by(Who::Maker, Draft::context(world.context()))
        ),
        refused!(
            "XMTP_COMMIT_CONTEXT",
            "the permissions go",
            |world| by(Who::Maker, Draft::context(world.extension(GROUP_PERMISSIONS, None))),
            |world| by(Who::Maker, Draft::context(world.context()))
        ),
        refused!(
            "XMTP_COMMIT_CONTEXT",
            "the permissions cannot be read",
            |world| by(
                Who::Maker,
                Draft::context(world.extension(GROUP_PERMISSIONS, Some(vec![0xff])))
            ),
            |world| by(Who::Maker, Draft::context(world.context()))
        ),
        refused!(
            "XMTP_COMMIT_CONTEXT",
            "the membership goes",
            |world| by(Who::Maker, Draft::context(world.extension(GROUP_MEMBERSHIP, None))),
            |world| by(Who::Maker, Draft::context(world.context()))
        ),
        refused!(
            "XMTP_COMMIT_VERSION",
            "a version is demanded that is none",
            |world| by(
                Who::Maker,
                Draft::context(world.field(field::MINIMUM_SUPPORTED_PROTOCOL_VERSION, "soon"))
            ),
            |world| by(
                Who::Maker,
                Draft::context(world.field(field::MINIMUM_SUPPORTED_PROTOCOL_VERSION, "1.0.0"))
            )
        ),
    ]
}

fn installations() -> Vec<Case> {
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

/// The one on which we and official clients differ: they take it, and cannot open the group after it, for nothing says any
/// more what it is.
#[must_use]
pub fn fatal() -> Case {
    refused!(
        "XMTP_COMMIT_CONTEXT",
        "what the group is goes",
        |world| by(Who::Member, Draft::context(world.extension(IMMUTABLE_METADATA, None))),
        |world| by(Who::Member, Draft::context(world.context()))
    )
}

fn actors() -> Vec<Case> {
    vec![
        refused!(
            "XMTP_COMMIT_PRE_SHARED_KEY",
            "a pre-shared key that everybody has",
            |world| {
                for insider in world.inside() {
                    let _ = insider.pre_shared_key();
                }
                let proposals = vec![world.maker.pre_shared_key()];
                by(
                    Who::Maker,
                    Draft {
                        proposals,
                        ..Draft::default()
                    },
                )
            },
            keys_renewed
        ),
        refused!(
            "XMTP_COMMIT_CREDENTIAL",
            "a leaf names nobody",
            |world| {
                let leaf = CredentialWithKey {
                    credential: BasicCredential::new(b"nobody".to_vec()).into(),
                    signature_key: world.member.key().as_bytes().as_slice().into(),
                };
                let leaf = Some(leaf);
                by(
                    Who::Member,
                    Draft {
                        leaf,
                        ..Draft::default()
                    },
                )
            },
            keys_renewed
        ),
        refused!(
            "XMTP_COMMIT_NOT_AN_INSTALLATION",
            "a member says that it is the maker",
            |world| by(Who::Member, claims(&world.member, world.maker.inbox())),
            keys_renewed
        ),
        refused!(
            "XMTP_COMMIT_NOT_IN_MEMBERSHIP",
            "a member says that it is a stranger",
            |world| by(Who::Member, claims(&world.member, world.stranger.inbox())),
            keys_renewed
        ),
        refused!(
            "XMTP_COMMIT_NOT_IN_MEMBERSHIP",
            "an admin strikes itself from the membership and keeps its leaf",
            |world| {
                let context = world.membership(|membership| {
                    membership.members.remove(&world.admin.inbox());
                    let kept = world.admin.key().as_bytes().to_vec();
                    membership.failed_installations.insert(kept);
                });
                by(Who::Admin, Draft::context(context))
            },
            |world| by(Who::Admin, Draft::context(world.context()))
        ),
        refused!(
            "XMTP_COMMIT_NOT_AN_INSTALLATION",
            "a revoked installation tells the group of its inbox, and stays",
            |world| {
                let context = world.membership(|membership| {
                    membership.members.insert(world.maker.inbox(), world.last(&world.maker));
                    let kept = world.revoked.key().as_bytes().to_vec();
                    membership.failed_installations.insert(kept);
                });
                by(Who::Revoked, Draft::context(context))
            },
            |world| {
                let context = world.membership(|membership| {
                    membership.members.insert(world.maker.inbox(), world.last(&world.maker));
                });
                by(Who::Maker, Draft::context(context).removing([world.revoked.key()]))
            }
        ),
    ]
}
