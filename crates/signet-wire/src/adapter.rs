//! Adapters: programs that set a harness up for the signet (signet spec 9.9).

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    Text,
    shape::{ObjectOnly, given, parsed},
};

words! {
    /// What an adapter does.
    pub enum AdapterVerb {
        /// Makes what the harness needs.
        Setup = "setup",
        /// Says what is there.
        Status = "status",
        /// Says what is wrong.
        Doctor = "doctor",
    }
}

words! {
    /// Where an adapter comes from.
    pub enum AdapterSource {
        /// It is part of the program.
        Builtin = "builtin",
        /// It is a program of its own.
        External = "external",
    }
}

/// Name of an adapter: a lower-case letter, then lower-case letters, digits and `-`; at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdapterName(String);

/// The text is no name of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a lower-case letter, then lower-case letters, digits and -")]
pub struct AdapterNameError;

impl FromStr for AdapterName {
    type Err = AdapterNameError;

    fn from_str(text: &str) -> Result<Self, AdapterNameError> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if begins && text.len() <= 64 && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AdapterNameError)
        }
    }
}

impl fmt::Display for AdapterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AdapterName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AdapterName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

shape! {
    /// How an adapter is told what to do.
    #[derive(Default)]
    frame Entrypoints {
        /// For `setup`.
        setup?: Text,
        /// For `status`.
        status?: Text,
        /// For `doctor`.
        doctor?: Text,
    }
}

impl Entrypoints {
    /// The one for `verb`.
    #[must_use]
    pub fn of(&self, verb: AdapterVerb) -> Option<&Text> {
        match verb {
            AdapterVerb::Setup => self.setup.as_ref(),
            AdapterVerb::Status => self.status.as_ref(),
            AdapterVerb::Doctor => self.doctor.as_ref(),
        }
    }
}

/// What an adapter says of itself. Each verb that it supports has its entry point, and no other has one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdapterManifest {
    /// Its name.
    pub name: AdapterName,
    /// Where it comes from.
    pub source: AdapterSource,
    /// What it does; at least one thing, each once.
    pub supports: Vec<AdapterVerb>,
    /// How it is told to.
    pub entrypoints: Entrypoints,
}

impl<'de> Deserialize<'de> for AdapterManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            name: AdapterName,
            source: AdapterSource,
            supports: Vec<AdapterVerb>,
            #[serde(default, deserialize_with = "given")]
            entrypoints: Option<Entrypoints>,
        }
        let Members {
            name,
            source,
            supports,
            entrypoints,
        } = Members::deserialize(ObjectOnly(deserializer))?;
        let entrypoints = entrypoints.unwrap_or_default();
        let supported: BTreeSet<AdapterVerb> = supports.iter().copied().collect();
        if supports.is_empty() || supported.len() != supports.len() {
            return Err(de::Error::custom("supports: at least one verb, each once"));
        }
        for verb in AdapterVerb::ALL {
            match (supported.contains(verb), entrypoints.of(*verb).is_some()) {
                (true, false) => {
                    return Err(de::Error::custom(format_args!(
                        "entrypoints: {verb} is supported and has none"
                    )));
                }
                (false, true) => return Err(de::Error::custom(format_args!("entrypoints: {verb} is not supported"))),
                _ => {}
            }
        }
        Ok(Self {
            name,
            source,
            supports,
            entrypoints,
        })
    }
}
