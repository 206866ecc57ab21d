//! Paths: what is granted, and what is asked for. Both are judged by their components, never by their characters.

use std::{fmt, str::FromStr};

use super::ValueError;

/// The longest path that Linux takes, `PATH_MAX` less its NUL.
const MAX_PATH: usize = 4095;

/// File systems whose files are doors into the kernel. Each needs a grant of its own, also where `/` is granted
/// (safeclaw spec 5.3, item 6).
const SPECIAL: [&str; 3] = ["/proc", "/dev", "/sys"];

/// A granted file or directory: absolute, in its one spelling (no `.`, no `..`, no NUL, no empty component). It stands for
/// itself and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantPath(String);

/// A path that is asked for, absolute and normalised lexically as POSIX does: `.` and empty components go, `..` takes its
/// component along. What lies behind a symbolic link only the kernel can say, when the file is opened through the grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourcePath(String);

impl GrantPath {
    /// The path. Only `/` ends in a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` is this or lies below.
    #[must_use]
    pub fn covers(&self, path: &ResourcePath) -> bool {
        is_below(&path.0, &self.0) && special(&path.0) == special(&self.0)
    }

    /// Whether everything that this covers is covered by `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        is_below(&self.0, &other.0) && special(&self.0) == special(&other.0)
    }

    /// `path` as seen from here: without a slash in front, empty for this path itself; `None` when it is not covered. It is
    /// what is opened beneath the directory of the grant.
    #[must_use]
    pub fn relative<'a>(&self, path: &'a ResourcePath) -> Option<&'a str> {
        if !self.covers(path) {
            return None;
        }
        let rest = path.0.get(self.0.len()..)?;
        Some(rest.strip_prefix('/').unwrap_or(rest))
    }

    /// Whether a grant without `paths` stands for it, too.
    pub(super) fn is_ordinary(&self) -> bool {
        special(&self.0).is_none()
    }
}

impl FromStr for GrantPath {
    type Err = ValueError;

    /// Reads an absolute path; a slash at the end, and components `.`, are left out.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        check(text)?;
        let mut out = String::with_capacity(text.len());
        let mut components = text.split('/').skip(1).peekable();
        while let Some(component) = components.next() {
            match component {
                "" if components.peek().is_none() && !text.ends_with("//") => {}
                "" => return Err(ValueError("a path with an empty component")),
                ".." => return Err(ValueError("a path with the component '..'")),
                "." => {}
                _ => push(&mut out, component),
            }
        }
        Ok(Self(or_root(out)))
    }
}

impl fmt::Display for GrantPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ResourcePath {
    /// The normalised path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_ordinary(&self) -> bool {
        special(&self.0).is_none()
    }
}

impl FromStr for ResourcePath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        check(text)?;
        let mut out = String::with_capacity(text.len());
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." => out.truncate(out.rfind('/').unwrap_or(0)),
                _ => push(&mut out, component),
            }
        }
        Ok(Self(or_root(out)))
    }
}

impl From<&GrantPath> for ResourcePath {
    fn from(path: &GrantPath) -> Self {
        Self(path.0.clone())
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str) -> Result<(), ValueError> {
    if !text.starts_with('/') {
        Err(ValueError("not an absolute path"))
    } else if text.contains('\0') {
        Err(ValueError("a path with a NUL"))
    } else if text.len() > MAX_PATH {
        Err(ValueError("a path of more than 4095 bytes"))
    } else {
        Ok(())
    }
}

fn push(out: &mut String, component: &str) {
    out.push('/');
    out.push_str(component);
}

fn or_root(path: String) -> String {
    if path.is_empty() { "/".to_owned() } else { path }
}

/// Whether the normalised `path` is `root` or has all its components in front.
fn is_below(path: &str, root: &str) -> bool {
    root == "/"
        || path
            .strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn special(path: &str) -> Option<&'static str> {
    SPECIAL.into_iter().find(|root| is_below(path, root))
}
