//! Exit codes.

/// How a command ends (safeclaw spec 11.2). A failure that is none of the numbered kinds is [`Exit::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Called wrongly, or failed in a way that has no number of its own.
    Failed = 1,
    /// A manifest that is none.
    Manifest = 2,
    /// A signature that does not verify, or does not cover what it must.
    Signature = 3,
    /// A key that is not trusted, or not for this.
    Trust = 4,
    /// Something that was revoked.
    Revoked = 5,
    /// An older version than was installed, or another manifest of the same version.
    Downgrade = 6,
    /// Denied, by the owner.
    Denied = 7,
    /// The sandbox is not to be had.
    Sandbox = 8,
    /// The vault does not open, or is not what it should be.
    Vault = 9,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}
