//! Where servers keep their state.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use chancery_store::files;
use chancery_terminal::Failure;

use crate::error::Error;

/// Folder of a registry.
pub const REGISTRY: &str = "registry";
/// Folder of a relay.
pub const RELAY: &str = "relay";
/// Folder of an XMTP node.
pub const XMTP_NODE: &str = "xmtp-node";

/// `$XDG_DATA_HOME/chancery/<part>`; `None` when neither that variable nor `HOME` is set.
#[must_use]
pub fn default_for(part: &str, env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    // the base directory specification has relative paths ignored
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("chancery").join(part))
}

/// The given folder or the default one of `part`, absolute, made (0700) when it is not there. One that is open to others is
/// closed (0700) when nothing but ours can be in it: when it is empty, or holds `database`.
///
/// # Errors
/// [`Error::DataDirUnknown`], [`Error::DataDirOpen`], or when it cannot be made.
pub fn open(
    given: Option<&Path>,
    part: &str,
    database: &str,
    env: impl Fn(&str) -> Option<String>,
) -> Result<PathBuf, Failure> {
    let dir = match given {
        Some(given) => std::path::absolute(given).unwrap_or_else(|_| given.to_owned()),
        None => default_for(part, env).ok_or(Error::DataDirUnknown)?,
    };
    files::create_private_dir(&dir)?;
    if !files::is_private(&dir)? {
        close(&dir, database)?;
    }
    Ok(dir)
}

fn close(dir: &Path, database: &str) -> Result<(), Error> {
    let open = |_| Error::DataDirOpen {
        path: dir.to_owned(),
        mode: std::fs::metadata(dir).map_or(0, |found| found.permissions().mode() & 0o777),
    };
    let mut entries = std::fs::read_dir(dir).map_err(open)?;
    let ours = entries.next().is_none() || dir.join(database).is_file();
    // what others put there, or work in, is not ours to close
    if !ours {
        return Err(open(io::ErrorKind::DirectoryNotEmpty.into()));
    }
    std::fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(open)
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

    #[test]
    fn a_folder_that_others_can_look_into_is_closed_or_refused() {
        let above = tempfile::tempdir().unwrap();
        let mode = |dir: &Path| std::fs::metadata(dir).unwrap().permissions().mode() & 0o777;
        for (name, inside, closed) in [
            ("empty", None, true),
            ("ours", Some("relay.sqlite3"), true),
            ("somebodys", Some("letter.txt"), false),
        ] {
            let dir = above.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            if let Some(file) = inside {
                std::fs::write(dir.join(file), "").unwrap();
            }
            std::fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
            let opened = open(Some(&dir), RELAY, "relay.sqlite3", |_| None);
            if closed {
                assert_eq!((opened.unwrap(), mode(&dir)), (dir.clone(), 0o700), "{name}");
            } else {
                let failure = opened.unwrap_err();
                assert_eq!((failure.code.as_str(), mode(&dir)), ("DATA_DIR_NOT_PRIVATE", 0o755));
                assert!(failure.message.contains("755"), "{}", failure.message);
            }
        }
    }
}
