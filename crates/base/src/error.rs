//! The shape that every error of Chancery has at its edges.

/// What kind of failure this is. Exit codes and retry decisions depend on the category, never on the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// The caller sent something malformed; sending it again cannot help.
    Input,
    /// The caller could not prove who they are.
    Unauthenticated,
    /// The caller is known, and may not do this.
    Forbidden,
    /// The thing does not exist (or the caller may not know that it does).
    NotFound,
    /// The state does not allow it: already used, already there, lost a race.
    Conflict,
    /// A limit was reached; later, or with less, it may work.
    Limited,
    /// Something this depends on is away; retrying later may work.
    Unavailable,
    /// A defect or a broken environment on our side.
    Internal,
}

/// A failure with a stable, machine-readable name.
///
/// Every crate owns the table of its codes by implementing this on its error enums. `code` is unique over all of
/// Chancery (a test of the `chancery` command proves it), upper snake case, and never changes once released.
pub trait ErrorCode: std::error::Error {
    /// Stable name, such as `PROXY_AUTH_REPLAY`.
    fn code(&self) -> &'static str;

    /// Kind of failure.
    fn category(&self) -> Category;

    /// HTTP status that carries this error. The default follows the category.
    fn status(&self) -> u16 {
        match self.category() {
            Category::Input => 400,
            Category::Unauthenticated => 401,
            Category::Forbidden => 403,
            Category::NotFound => 404,
            Category::Conflict => 409,
            Category::Limited => 429,
            Category::Unavailable => 503,
            Category::Internal => 500,
        }
    }

    /// What to do next, in one line, when there is something to do.
    fn hint(&self) -> Option<&'static str> {
        None
    }

    /// Seconds after which trying again makes sense, for `Retry-After`.
    fn retry_after_secs(&self) -> Option<u64> {
        None
    }
}
