//! Where servers keep their state.

use std::path::{Path, PathBuf};

use chancery_store::files;
use chancery_terminal::Failure;

use crate::error::Error;

/// Folder of a registry.
pub const REGISTRY: &str = "registry";
/// Folder of a relay.
pub const RELAY: &str = "relay";

/// `$XDG_DATA_HOME/chancery/<part>`; `None` when neither that variable nor `HOME` is set.
#[must_use]
pub fn default_for(part: &str, env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    // the base directory specification has relative paths ignored
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("chancery").join(part))
}

/// The given folder or the default one of `part`, absolute, made (0700) when it is not there.
///
/// # Errors
/// [`Error::DataDirUnknown`], or when it cannot be made.
pub fn open(given: Option<&Path>, part: &str, env: impl Fn(&str) -> Option<String>) -> Result<PathBuf, Failure> {
    let dir = match given {
        Some(given) => std::path::absolute(given).unwrap_or_else(|_| given.to_owned()),
        None => default_for(part, env).ok_or(Error::DataDirUnknown)?,
    };
    files::create_private_dir(&dir)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_the_base_directory_specification() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        };
        let both = env(&[("XDG_DATA_HOME", "/data"), ("HOME", "/home/ada")]);
        assert_eq!(default_for(REGISTRY, both), Some("/data/chancery/registry".into()));
        let relative = env(&[("XDG_DATA_HOME", "data"), ("HOME", "/home/ada")]);
        assert_eq!(
            default_for(RELAY, relative),
            Some("/home/ada/.local/share/chancery/relay".into())
        );
        assert_eq!(default_for(RELAY, env(&[])), None);
    }
}
