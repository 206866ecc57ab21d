//! What keys at rest fail with, as this command's failures.

use std::error::Error as _;

use chancery_base::{Category, ErrorCode as _};
use chancery_custody::CustodyError;
use chancery_signet_wire::Class;

use crate::Problem;

/// The failure that `error` is.
pub(crate) fn refused(error: CustodyError) -> Problem {
    let class = match (&error, error.category()) {
        (CustodyError::Cancelled, _) => Class::Cancelled,
        (CustodyError::SignerTimeout(_), _) => Class::Timeout,
        // keys that are not there are the admin's, and without them nobody is let in
        (CustodyError::NotInitialised(_), _) | (CustodyError::WrongPassphrase, _) => Class::Auth,
        (_, Category::Input | Category::Conflict | Category::Limited) => Class::Validation,
        (_, Category::Unauthenticated) => Class::Auth,
        (_, Category::Forbidden) => Class::Permission,
        (_, Category::NotFound) => Class::NotFound,
        _ => Class::Internal,
    };
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !message.contains(&cause_said) {
            message = format!("{message}: {cause_said}");
        }
        source = cause.source();
    }
    let problem = Problem::new(class, message);
    match error.hint() {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}
