//! How the original matched (safeclaw spec 5.2), for differential tests only. Nothing that enforces calls this: it lets
//! siblings through, and symbolic links, and whatever is empty or misspelt.

use super::{Capability, Denial, DenialReason, Dimension};

/// A grant of the original.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// Whose.
    pub skill_id: String,
    /// Any name at all.
    pub capability: String,
    /// Lists, each of which may be absent.
    pub constraints: Constraints,
}

/// What the original knew about limits: unknown members were dropped, and an absent list limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraints {
    /// Prefixes of paths.
    pub paths: Option<Vec<String>>,
    /// Exact names.
    pub hosts: Option<Vec<String>>,
    /// Exact names.
    pub executables: Option<Vec<String>>,
}

/// The original's context.
pub use super::Context;

/// The original's `check`, with the process's working directory, against which it resolved relative paths.
///
/// # Errors
/// [`Denial`] with the reasons that the original knew.
pub fn check(
    grants: &[Grant],
    skill_id: &str,
    capability: Capability,
    context: Option<&Context<'_>>,
    cwd: &str,
) -> Result<(), Denial> {
    let deny = |reason| Err(Denial::new(skill_id, capability, reason));
    let of_kind: Vec<_> = grants
        .iter()
        .filter(|grant| grant.skill_id == skill_id && grant.capability == capability.as_str())
        .collect();
    if of_kind.is_empty() {
        return deny(DenialReason::NoGrant);
    }
    let Some(context) = context else { return Ok(()) };
    for (dimension, value) in [
        (Dimension::Path, context.path),
        (Dimension::Host, context.host),
        (Dimension::Executable, context.executable),
    ] {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            continue;
        };
        let mut lists = of_kind
            .iter()
            .filter_map(|grant| match dimension {
                Dimension::Path => grant.constraints.paths.as_ref(),
                Dimension::Host => grant.constraints.hosts.as_ref(),
                Dimension::Executable => grant.constraints.executables.as_ref(),
                Dimension::Name => None,
            })
            .peekable();
        let fits = |allowed: &String| match dimension {
            Dimension::Path => resolve(value, cwd).starts_with(&resolve(allowed, cwd)),
            _ => value == allowed,
        };
        if lists.peek().is_some() && !lists.any(|list| list.iter().any(fits)) {
            return deny(DenialReason::Outside(dimension, value.to_owned()));
        }
    }
    Ok(())
}

/// Node's `path.resolve(path)` on POSIX.
fn resolve(path: &str, cwd: &str) -> String {
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{cwd}/{path}")
    };
    let mut out = String::new();
    for component in joined.split('/') {
        match component {
            "" | "." => {}
            ".." => out.truncate(out.rfind('/').unwrap_or(0)),
            _ => {
                out.push('/');
                out.push_str(component);
            }
        }
    }
    if out.is_empty() { "/".to_owned() } else { out }
}
