//! A commit that is still to be made.

use chancery_xmtp_wire::identity::InstallationKey;
use openmls::{
    credentials::CredentialWithKey, extensions::Extensions, group::GroupContext, key_packages::KeyPackage,
    messages::proposals::Proposal,
};

/// What a commit is to say. The default is to renew the committer's keys.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Installations to add.
    pub adds: Vec<KeyPackage>,
    /// Installations to remove.
    pub removes: Vec<InstallationKey>,
    /// The context after it.
    pub context: Option<Extensions<GroupContext>>,
    /// Anything else.
    pub proposals: Vec<Proposal>,
    /// The credential of the committer's new leaf.
    pub leaf: Option<CredentialWithKey>,
    /// Whether those who are added get no tree.
    pub without_tree: bool,
}

impl Draft {
    /// A commit that changes the context.
    #[must_use]
    pub fn context(context: Extensions<GroupContext>) -> Self {
        Self {
            context: Some(context),
            ..Self::default()
        }
    }

    /// The same, which adds installations.
    #[must_use]
    pub fn adding(mut self, key_packages: impl IntoIterator<Item = KeyPackage>) -> Self {
        self.adds.extend(key_packages);
        self
    }

    /// The same, which removes installations.
    #[must_use]
    pub fn removing(mut self, installations: impl IntoIterator<Item = InstallationKey>) -> Self {
        self.removes.extend(installations);
        self
    }
}
