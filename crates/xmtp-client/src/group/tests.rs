//! Contexts, there and back.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use chancery_xmtp_wire::{
    group::{GROUP_PERMISSIONS, PolicySet, field},
    identity::InboxId,
};
use openmls::extensions::{Extension, ExtensionType};

use super::{GroupError, GroupState, with_metadata};

const ME: InboxId = InboxId::from_bytes([1; 32]);
const PEER: InboxId = InboxId::from_bytes([2; 32]);

#[test]
fn what_a_new_context_says_can_be_read_back() {
    for state in [
        GroupState::new_group(ME, PolicySet::admins_only()),
        GroupState::new_dm(ME, PEER),
    ] {
        assert_eq!(GroupState::parse(&state.extensions().unwrap()).unwrap(), state);
    }
}

#[test]
fn a_new_group_requires_of_its_members_what_official_ones_require() {
    // xmtp spec 3.5
    let extensions = GroupState::new_dm(ME, PEER).extensions().unwrap();
    let required = extensions.required_capabilities().unwrap();
    let numbers: Vec<_> = required.extension_types().iter().map(|kind| u16::from(*kind)).collect();
    assert_eq!(numbers, [0xff01, 0xff00, 0xff02, 0xf000, 0x000a, 0x0001]);
    let proposals: Vec<_> = required.proposal_types().iter().map(|kind| u16::from(*kind)).collect();
    assert_eq!(proposals, [7]);
    let credentials: Vec<_> = required
        .credential_types()
        .iter()
        .map(|kind| u16::from(*kind))
        .collect();
    assert_eq!(credentials, [1]);
}

#[test]
fn a_change_of_one_part_leaves_the_others_as_they_are() {
    let mut state = GroupState::new_group(ME, PolicySet::all_members());
    let before = state.extensions().unwrap();
    state.metadata.attributes.insert(field::GROUP_NAME.into(), "new".into());
    let after = with_metadata(&before, &state.metadata).unwrap();
    assert_eq!(GroupState::parse(&after).unwrap(), state);
    let others = |extensions: &openmls::extensions::Extensions<_>| {
        let mut others: Vec<Extension> = extensions.iter().cloned().collect();
        others.retain(|extension| extension.extension_type() != ExtensionType::Unknown(0xff00));
        others
    };
    assert_eq!(others(&after), others(&before));
}

#[test]
fn a_context_without_one_of_the_parts_is_refused_by_its_name() {
    let mut extensions = GroupState::new_dm(ME, PEER).extensions().unwrap();
    extensions.remove(ExtensionType::Unknown(GROUP_PERMISSIONS));
    assert!(matches!(
        GroupState::parse(&extensions),
        Err(GroupError::Missing("permissions"))
    ));
}
