//! Who we are on the network: an installation of an inbox, and the key packages by which others add it to groups. And who
//! the others are: the [`Directory`] of their identity logs.

mod directory;
#[cfg(test)]
mod directory_tests;
mod error;
mod installation;
mod key_package;
mod register;
#[cfg(test)]
mod tests;

pub use directory::{Directory, DirectoryError, Entry};
pub use error::IdentityError;
pub use installation::Installation;
pub use key_package::{LIFETIME_SECS, MARGIN_SECS};
pub(crate) use key_package::{capabilities, lifetime};
pub use register::{inbox_of, revocation};
