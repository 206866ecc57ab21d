//! Who says that it acts.

use openmls::credentials::{BasicCredential, CredentialWithKey};

use super::{
    super::{Draft, Who},
    Case, Verdict, by,
    drafts::{claims, keys_renewed},
    refused,
};

pub(super) fn all() -> Vec<Case> {
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
