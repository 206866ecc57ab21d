//! What may not become of the context.

use chancery_xmtp_wire::group::{
    GROUP_MEMBERSHIP, GROUP_PERMISSIONS, IMMUTABLE_METADATA, ImmutableMetadata, MUTABLE_METADATA, field,
};

use super::{
    super::{Draft, Who},
    Case, Verdict, accepted, by, refused,
};

pub(super) fn all() -> Vec<Case> {
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
