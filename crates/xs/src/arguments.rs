//! How arguments are read: as the types of the wire, so that what does not fit is refused before anybody is asked.

use chancery_policy::messaging::{Scope, Scopes};
use chancery_signet_wire::{Flag, List, Positive, Reference};
use chancery_terminal::secret;
use zeroize::Zeroizing;

use crate::{Problem, problem::Result};

/// Scopes with commas between them; nothing for none.
pub(crate) fn scopes(text: &str) -> std::result::Result<Scopes, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| word.parse::<Scope>().map_err(|_| format!("there is no scope {word:?}")))
        .collect()
}

/// A whole number from 1.
pub(crate) fn positive(text: &str) -> std::result::Result<Positive, String> {
    let number: u64 = text.parse().map_err(|_| "expected a whole number".to_owned())?;
    Positive::try_from(number).map_err(|error| error.to_string())
}

/// Entries as the list that an input takes.
pub(crate) fn list<T, const MIN: usize>(name: &str, entries: Vec<T>) -> Result<List<T, MIN>> {
    List::try_from(entries).map_err(|error| Problem::argument(name, error))
}

/// A flag that is sent only when it is set.
pub(crate) fn given(flag: bool) -> Option<bool> {
    flag.then_some(true)
}

/// The same where old clients write text.
pub(crate) fn given_flag(flag: bool) -> Option<Flag> {
    flag.then_some(Flag(true))
}

/// Entries with commas between them, or one after another.
pub(crate) fn none_if_empty<T>(entries: Vec<T>) -> Option<Vec<T>> {
    (!entries.is_empty()).then_some(entries)
}

/// What a reference names in a sentence for people.
pub(crate) fn quoted(reference: &Reference) -> String {
    format!("'{reference}'")
}

/// The secret at `place`: `-` is one line of stdin, `@FILE` the first line of a file. One that stands there itself is refused and
/// not repeated: arguments are for everybody to see.
pub(crate) fn secret_at(name: &str, place: &str) -> Result<Zeroizing<String>> {
    if place == "-" || place.starts_with('@') {
        return Ok(secret::from_arg(place)?);
    }
    let reason =
        "arguments are for everybody to see; use - for one line of stdin, or @FILE for the first line of a file";
    Err(Problem::argument(name, reason))
}
