//! Short ids: the beginning of an id, where it stands for one thing only.
//!
//! An id is a prefix that tells its kind and [`BODY_DIGITS`] lower-case hex digits, such as `op_a7f30c2e91d4b856`; `op_a7f3`
//! and `a7f3` stand for it as long as nothing else begins like that.

/// Hex digits after the prefix of a full id: 8 bytes.
pub const BODY_DIGITS: usize = 16;

/// How many ids a refusal names at most: enough to choose from, few enough to read.
pub const MAX_SUGGESTIONS: usize = 10;

/// Why a short id stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShortIdError {
    /// What follows the prefix is empty, or not all lower-case hex.
    #[error("not an id, nor the beginning of one: lower-case hex digits, with or without a prefix before them")]
    Malformed,
    /// No candidate begins like that.
    #[error("nothing has an id that begins like this")]
    NotFound,
    /// More than one candidate does.
    #[error("more than one id begins like this")]
    Ambiguous {
        /// The first of them in order, [`MAX_SUGGESTIONS`] at most.
        suggestions: Vec<String>,
    },
}

/// Returns the one of `candidates`, which are full ids, that `input` stands for.
///
/// A full id stands for itself. With one of `prefixes` in front, what follows is compared with the ids of that kind;
/// without, with all. No prefix may be the beginning of another. Who may not know of an id must not be handed it as a
/// candidate: a refusal names some.
///
/// # Errors
/// [`ShortIdError`].
pub fn resolve<'c>(
    input: &str,
    prefixes: &[&str],
    candidates: impl IntoIterator<Item = &'c str>,
) -> Result<&'c str, ShortIdError> {
    let prefix = prefixes.iter().find(|prefix| input.starts_with(**prefix));
    let digits = prefix.map_or(input, |prefix| input.strip_prefix(*prefix).unwrap_or(input));
    if !is_digits(digits) {
        return Err(ShortIdError::Malformed);
    }
    let mut found: Vec<&str> = candidates
        .into_iter()
        .filter(|candidate| match prefix {
            Some(prefix) => candidate
                .strip_prefix(*prefix)
                .is_some_and(|body| body.starts_with(digits)),
            None => candidate
                .rsplit_once('_')
                .is_some_and(|(_, body)| body.starts_with(digits)),
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Err(ShortIdError::NotFound),
        [one] => Ok(one),
        many => Err(ShortIdError::Ambiguous {
            suggestions: many.iter().take(MAX_SUGGESTIONS).map(ToString::to_string).collect(),
        }),
    }
}

/// Whether `text` is one lower-case hex digit or more.
#[must_use]
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
