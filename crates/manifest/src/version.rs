//! Ranges of versions.

use std::{cmp::Ordering, fmt, str::FromStr};

use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not a range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a range is '*', or up to 8 of =, <, <=, > and >= with a full version, joined by commas")]
pub struct VersionRangeError;

/// Versions that fulfil every comparison: `*`, `=1.2.3`, `>=1.0.0, <2.0.0`.
///
/// Compared by the precedence of SemVer 2.0.0 alone, so that `<2.0.0` holds for `2.0.0-rc.1`: the ranges of Cargo and npm
/// leave pre-releases out, and a revoked range that does so can be walked around. Build metadata does not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionRange(Vec<(Comparison, Version)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Comparison {
    Equal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// How many comparisons there may be.
const MAX: usize = 8;

impl Comparison {
    /// The longer of two that begin alike comes first.
    const ALL: [(&'static str, Self); 5] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Equal),
        ("<", Self::Below),
        (">", Self::Above),
    ];

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl VersionRange {
    /// Every version.
    #[must_use]
    pub fn any() -> Self {
        Self(Vec::new())
    }

    /// This version and those that differ from it in build metadata.
    #[must_use]
    pub fn exactly(version: Version) -> Self {
        Self(vec![(Comparison::Equal, version)])
    }

    /// Whether `version` is in it.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.0
            .iter()
            .all(|(comparison, bound)| comparison.holds(version.cmp_precedence(bound)))
    }
}

impl FromStr for VersionRange {
    type Err = VersionRangeError;

    fn from_str(text: &str) -> Result<Self, VersionRangeError> {
        if text == "*" {
            return Ok(Self::any());
        }
        let comparisons: Vec<_> = text.split(',').map(comparison).collect::<Result<_, _>>()?;
        if comparisons.len() <= MAX {
            Ok(Self(comparisons))
        } else {
            Err(VersionRangeError)
        }
    }
}

fn comparison(text: &str) -> Result<(Comparison, Version), VersionRangeError> {
    let text = text.trim();
    Comparison::ALL
        .iter()
        .find_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?)))
        .and_then(|(comparison, version)| Some((comparison, version.trim().parse().ok()?)))
        .ok_or(VersionRangeError)
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("*");
        }
        for (index, (comparison, version)) in self.0.iter().enumerate() {
            let sign = Comparison::ALL
                .iter()
                .find(|(_, other)| other == comparison)
                .map_or("", |(sign, _)| sign);
            write!(f, "{}{sign}{version}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Serialize for VersionRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VersionRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
