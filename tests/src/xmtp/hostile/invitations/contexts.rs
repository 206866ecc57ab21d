//! Contexts that say nothing, or not what they should.

use chancery_xmtp_wire::group::{GROUP_MEMBERSHIP, GROUP_PERMISSIONS, IMMUTABLE_METADATA, MUTABLE_METADATA, field};
use openmls::extensions::{Extension, ExtensionType, UnknownExtension};

use super::{Invitation, Invite, followed, to_group};

const CONTEXT: &str = "XMTP_JOIN_CONTEXT";

fn without(invite: &mut Invite, number: u16) {
    let mut context = invite.state.extensions().unwrap();
    context.remove(ExtensionType::Unknown(number));
    invite.context = Some(context);
}

fn garbled(invite: &mut Invite, number: u16) {
    let mut context = invite.state.extensions().unwrap();
    let garbled = Extension::Unknown(number, UnknownExtension(vec![0xff]));
    context.add_or_replace(garbled).unwrap();
    invite.context = Some(context);
}

pub(super) fn all() -> Vec<Invitation> {
    vec![
        to_group(CONTEXT, "nothing says what the group is", |_, _, invite| {
            without(invite, IMMUTABLE_METADATA)
        }),
        to_group(CONTEXT, "what the group is cannot be read", |_, _, invite| {
            garbled(invite, IMMUTABLE_METADATA)
        }),
        to_group(CONTEXT, "there is no metadata", |_, _, invite| {
            without(invite, MUTABLE_METADATA)
        }),
        to_group(CONTEXT, "the metadata cannot be read", |_, _, invite| {
            garbled(invite, MUTABLE_METADATA)
        }),
        to_group(CONTEXT, "there are no permissions", |_, _, invite| {
            without(invite, GROUP_PERMISSIONS)
        }),
        to_group(CONTEXT, "the permissions cannot be read", |_, _, invite| {
            garbled(invite, GROUP_PERMISSIONS)
        }),
        to_group(CONTEXT, "there is no membership", |_, _, invite| {
            without(invite, GROUP_MEMBERSHIP)
        }),
        to_group(CONTEXT, "the membership cannot be read", |_, _, invite| {
            garbled(invite, GROUP_MEMBERSHIP)
        }),
        followed("a version is demanded that is none", |_, _, invite| {
            let name = field::MINIMUM_SUPPORTED_PROTOCOL_VERSION;
            invite.state.metadata.attributes.insert(name.into(), "soon".into());
        }),
        followed("a name of 101 bytes", |_, _, invite| {
            invite
                .state
                .metadata
                .attributes
                .insert(field::GROUP_NAME.into(), "x".repeat(101));
        }),
        followed("another made the group, it says", |hall, _, invite| {
            invite.state.immutable.creator = hall.outsider.inbox().to_string();
        }),
        followed("nobody made the group, it says", |_, _, invite| {
            invite.state.immutable.creator = "nobody".into()
        }),
    ]
}
