//! From what a caller wrote to the one thing it stands for (signet spec 1.1).

use chancery_base::short_id::{self, MAX_SUGGESTIONS, ShortIdError};

use crate::{AnyId, Class, Failure, Id, InboxId, Reference, Resource, ResourceKind};

/// Returns the id of the `K` that `reference` stands for: one of `candidates`, each with its label.
///
/// What begins like an id of the kind is an id or the beginning of one. Anything else is a label, exactly; and, where nothing
/// has that label, the beginning of an id without its prefix. Candidates are what the caller may know of.
///
/// # Errors
/// `validation` when it is no id, or stands for more than one; `not_found` when it stands for none.
pub fn resolve<'a, K: Resource>(
    reference: &Reference,
    candidates: impl IntoIterator<Item = (Id<K>, Option<&'a str>)>,
) -> Result<Id<K>, Failure> {
    let text = reference.as_str();
    let candidates: Vec<(Id<K>, Option<&str>)> = candidates.into_iter().collect();
    let ids = || candidates.iter().map(|(id, _)| *id);
    if let Some(digits) = text.strip_prefix(K::KIND.prefix()) {
        if !short_id::is_digits(digits) || digits.len() > short_id::BODY_DIGITS {
            let field = format!("{}Id", K::KIND);
            let reason = format!("invalid {} ID format", K::KIND);
            return Err(Failure::validation(&field, &reason));
        }
        return short(text, K::KIND.as_str(), ids());
    }
    let labelled: Vec<Id<K>> = candidates
        .iter()
        .filter(|(_, label)| *label == Some(text))
        .map(|(id, _)| *id)
        .collect();
    match labelled.as_slice() {
        [one] => Ok(*one),
        [] if short_id::is_digits(text) => short(text, K::KIND.as_str(), ids()),
        [] => Err(Failure::not_found(K::KIND.as_str(), text)),
        many => {
            let ids: Vec<String> = many.iter().take(MAX_SUGGESTIONS).map(ToString::to_string).collect();
            Err(
                Failure::new(Class::Validation, format!("More than one {} has this label", K::KIND))
                    .with("label", text)
                    .with("matchingIds", ids),
            )
        }
    }
}

/// Returns the one of `candidates`, of any kinds, that `text` is the id of or the beginning of the id of.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_any(text: &str, candidates: impl IntoIterator<Item = AnyId>) -> Result<AnyId, Failure> {
    short(text, "resource", candidates)
}

/// An identity that may act.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Its id.
    pub id: InboxId,
    /// Its label.
    pub label: Option<&'a str>,
    /// What the network calls it.
    pub network_id: Option<&'a str>,
}

/// Returns the identity that acts: the first of `identities`, which are in the order in which they were made, when nothing
/// is `wanted`; else the one with that label, that network id, or that id.
///
/// # Errors
/// `not_found` of an `identity`, or `validation` when an id is malformed or ambiguous.
pub fn select_identity(wanted: Option<&Reference>, identities: &[Identity<'_>]) -> Result<InboxId, Failure> {
    let Some(wanted) = wanted else {
        return identities
            .first()
            .map(|identity| identity.id)
            .ok_or_else(|| Failure::not_found("identity", "default"));
    };
    let text = wanted.as_str();
    identities
        .iter()
        .find(|identity| identity.label == Some(text))
        .or_else(|| identities.iter().find(|identity| identity.network_id == Some(text)))
        .map_or_else(
            || {
                let ids = identities.iter().map(|identity| (identity.id, None));
                resolve(wanted, ids).map_err(|failure| match failure.class {
                    Class::NotFound => Failure::not_found("identity", text),
                    _ => failure,
                })
            },
            |identity| Ok(identity.id),
        )
}

fn short<T>(text: &str, kind: &str, candidates: impl IntoIterator<Item = T>) -> Result<T, Failure>
where
    T: Copy + ToString,
{
    let known: Vec<(T, String)> = candidates.into_iter().map(|id| (id, id.to_string())).collect();
    let found = short_id::resolve(text, &ResourceKind::PREFIXES, known.iter().map(|(_, id)| id.as_str()));
    match found {
        Ok(found) => known
            .iter()
            .find(|(_, id)| id == found)
            .map(|(id, _)| *id)
            .ok_or_else(|| Failure::not_found(kind, text)),
        Err(ShortIdError::Ambiguous { suggestions }) => Err(Failure::new(Class::Validation, "Ambiguous short ID")
            .with("shortId", text)
            .with("suggestions", suggestions)),
        Err(ShortIdError::NotFound) => Err(Failure::not_found(kind, text)),
        Err(error) => Err(Failure::validation("id", &error.to_string())),
    }
}
