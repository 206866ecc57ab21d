//! A group context, written.

use chancery_xmtp_wire::group::{
    GROUP_MEMBERSHIP, GROUP_PERMISSIONS, GroupMembership, IMMUTABLE_METADATA, MUTABLE_METADATA, MutableMetadata,
    PolicySet,
};
use openmls::{
    credentials::CredentialType,
    extensions::{Extension, ExtensionType, Extensions, RequiredCapabilitiesExtension, UnknownExtension},
    group::GroupContext,
    messages::proposals::ProposalType,
};

use super::{GroupError, GroupState};

/// What every member must be able to read, in the order of official clients (xmtp spec 3.5).
const REQUIRED: [u16; 4] = [
    GROUP_MEMBERSHIP,
    MUTABLE_METADATA,
    GROUP_PERMISSIONS,
    IMMUTABLE_METADATA,
];

impl GroupState {
    /// The extensions of a new group's context: these four, and what its members must be capable of.
    ///
    /// # Errors
    /// [`GroupError::Part`] or [`GroupError::Extension`], which do not happen to a state that [`GroupState::new_group`] or
    /// [`GroupState::new_dm`] made.
    pub fn extensions(&self) -> Result<Extensions<GroupContext>, GroupError> {
        let readable = REQUIRED
            .map(ExtensionType::Unknown)
            .into_iter()
            .chain([ExtensionType::LastResort, ExtensionType::ApplicationId]);
        let required = RequiredCapabilitiesExtension::new(
            &readable.collect::<Vec<_>>(),
            &[ProposalType::GroupContextExtensions],
            &[CredentialType::Basic],
        );
        Ok(Extensions::from_vec(vec![
            unknown(IMMUTABLE_METADATA, self.immutable.encode()?),
            unknown(MUTABLE_METADATA, self.metadata.encode()),
            unknown(GROUP_MEMBERSHIP, self.membership.encode()),
            unknown(GROUP_PERMISSIONS, self.permissions.encode()),
            Extension::RequiredCapabilities(required),
        ])?)
    }
}

/// The extensions with another membership: what a commit proposes that adds or removes installations.
///
/// # Errors
/// [`GroupError::Extension`], which does not happen.
pub fn with_membership(
    extensions: &Extensions<GroupContext>,
    membership: &GroupMembership,
) -> Result<Extensions<GroupContext>, GroupError> {
    with(extensions, GROUP_MEMBERSHIP, membership.encode())
}

/// The extensions with other metadata: what a commit proposes that renames the group or makes admins.
///
/// # Errors
/// [`GroupError::Extension`], which does not happen.
pub fn with_metadata(
    extensions: &Extensions<GroupContext>,
    metadata: &MutableMetadata,
) -> Result<Extensions<GroupContext>, GroupError> {
    with(extensions, MUTABLE_METADATA, metadata.encode())
}

/// The extensions with other permissions.
///
/// # Errors
/// [`GroupError::Extension`], which does not happen.
pub fn with_permissions(
    extensions: &Extensions<GroupContext>,
    permissions: &PolicySet,
) -> Result<Extensions<GroupContext>, GroupError> {
    with(extensions, GROUP_PERMISSIONS, permissions.encode())
}

/// What was there before in this place is replaced as a whole; everything else stays byte for byte.
fn with(
    extensions: &Extensions<GroupContext>,
    number: u16,
    data: Vec<u8>,
) -> Result<Extensions<GroupContext>, GroupError> {
    let mut changed = extensions.clone();
    changed.add_or_replace(unknown(number, data))?;
    Ok(changed)
}

fn unknown(number: u16, data: Vec<u8>) -> Extension {
    Extension::Unknown(number, UnknownExtension(data))
}
