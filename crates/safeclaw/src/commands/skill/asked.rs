//! What is asked for and granted, in words.

use chancery_policy::{Capability, Constraints, Permission};

/// What a capability lets a skill do.
pub(super) fn meaning(capability: Capability) -> &'static str {
    match capability {
        Capability::FsRead => "read files",
        Capability::FsWrite => "write files",
        Capability::NetHttp => "talk to hosts in the clear",
        Capability::NetHttps => "talk to hosts over TLS",
        Capability::ProcessSpawn => "start programs",
        Capability::EnvRead => "read environment variables",
        Capability::SecretRead => "read secrets of your vault",
        Capability::SecretWrite => "write secrets to your vault",
    }
}

/// What a capability without constraints lets a skill do.
fn everything(capability: Capability) -> &'static str {
    match capability {
        Capability::FsRead | Capability::FsWrite => "EVERY file that you can reach",
        Capability::NetHttp | Capability::NetHttps => "EVERY host of the Internet",
        Capability::ProcessSpawn => "EVERY program on this machine",
        Capability::EnvRead => "EVERY variable",
        Capability::SecretRead | Capability::SecretWrite => "EVERY secret",
    }
}

/// The patterns of `permission`, or what their absence means.
pub(super) fn patterns(permission: &Permission) -> Vec<String> {
    if permission.is_unconstrained() {
        vec![everything(permission.capability()).to_owned()]
    } else {
        permission
            .constraints()
            .texts()
            .iter()
            .map(|text| visible(text))
            .collect()
    }
}

/// `text` with what is not seen, or ends a line, spelt out: a path may hold such characters, and would otherwise say
/// something to whoever decides about it.
pub(in crate::commands) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

/// `fs:read /a, /b`.
pub(super) fn short(permission: &Permission) -> String {
    format!("{} {}", permission.capability(), patterns(permission).join(", "))
}

/// What somebody should think of before granting `permission`.
pub(super) fn dangers(permission: &Permission) -> Vec<String> {
    let mut dangers = Vec::new();
    if permission.is_unconstrained() {
        dangers.push("it names no limits: consider granting a part of it with `safeclaw skill grant`".to_owned());
    }
    match permission.constraints() {
        Constraints::Executables(set) => {
            for program in set.as_slice().iter().filter(|program| program.is_interpreter()) {
                dangers.push(format!(
                    "{} runs whatever it is told to: a grant for it is one for any program",
                    visible(program.asked())
                ));
            }
        }
        Constraints::Paths(set) => {
            for path in set.as_slice() {
                if path.as_str() == "/" {
                    dangers.push("/ is the whole file system".to_owned());
                } else if let Some(real) = leads_to(path.as_str()) {
                    // what is granted is what is there
                    dangers.push(format!("{} is a link, and leads to {real}", visible(path.as_str())));
                }
            }
        }
        _ => {}
    }
    dangers
}

/// Where the links in `path` lead, when there are any.
fn leads_to(path: &str) -> Option<String> {
    let real = std::fs::canonicalize(path).ok()?;
    (real != std::path::Path::new(path)).then(|| visible(&real.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dangers_of(capability: Capability, constraints: &serde_json::Value) -> Vec<String> {
        dangers(&Permission::from_request(capability, Some(constraints)).unwrap())
    }

    #[test]
    fn the_path_of_a_program_ends_no_line() {
        let program = serde_json::json!({ "executables": ["/x\n     why: harmless/bash"] });
        let dangers = dangers_of(Capability::ProcessSpawn, &program);
        assert_eq!(dangers.len(), 1);
        assert!(!dangers[0].contains('\n'), "{}", dangers[0]);
    }

    #[test]
    fn the_owner_is_told_where_a_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("secret")).unwrap();
        std::os::unix::fs::symlink(root.join("secret"), root.join("cache")).unwrap();
        let paths = serde_json::json!({ "paths": [root, root.join("cache")] });
        let told = format!("{0}/cache is a link, and leads to {0}/secret", root.display());
        assert_eq!(dangers_of(Capability::FsRead, &paths), [told]);
    }

    #[test]
    fn the_policy_knows_under_which_names_the_vault_keeps_keys_that_sign() {
        for label in [None, Some("release-2026")] {
            let entry = chancery_vault::keys::entry(label).unwrap();
            let name: chancery_policy::NamePattern = entry.parse().unwrap();
            assert!(name.is_signing_key(), "{entry}");
        }
    }

    #[test]
    fn what_is_not_seen_is_spelt_out() {
        assert_eq!(visible("/srv/b\u{fc}cher/it's \"x\""), "/srv/b\u{fc}cher/it's \"x\"");
        assert_eq!(
            visible("/a\n why: ok\u{1b}[2J\u{202e}\u{200b}\\"),
            "/a\\n why: ok\\u{1b}[2J\\u{202e}\\u{200b}\\\\"
        );
    }
}
