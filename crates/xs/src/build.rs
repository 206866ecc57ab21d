//! What was built.

/// `<version> (<short commit>, <build time>)` where whoever built it said which and when, else `dev (dev)`.
pub(crate) const VERSION: &str = match option_env!("CHANCERY_BUILD") {
    Some(build) => build,
    None => "dev (dev)",
};
