//! Who we are on the network: an installation of an inbox, and the key packages by which others add it to groups.

mod error;
mod installation;
mod key_package;
mod register;
#[cfg(test)]
mod tests;

pub use error::IdentityError;
pub use installation::Installation;
pub use key_package::{LIFETIME_SECS, MARGIN_SECS};
pub use register::{inbox_of, revocation};
