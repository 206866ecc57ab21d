//! The workspace as `cargo metadata` describes it: which package lives where, and what each one names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Members of the workspace by their folder, relative to the root and with `/` between the parts.
    pub(crate) members: BTreeMap<String, Vec<Dependency>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) target: Target,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A package in this tree, by its folder as in [`Graph::members`] (absolute when it is outside the workspace).
    Local(String),
    /// A package from a registry, by its name there.
    Foreign(String),
}

/// The table of `Cargo.toml` in which a dependency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    Normal,
    Dev,
    Build,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Normal => "dependencies",
            Self::Dev => "dev-dependencies",
            Self::Build => "build-dependencies",
        })
    }
}

impl Graph {
    /// Asks cargo, without touching the network.
    ///
    /// # Errors
    /// When cargo cannot be run, refuses the workspace, or answers in a form that we do not know.
    pub(crate) fn of_workspace() -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .output()
            .context("cannot run cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Self::parse(&output.stdout)
    }

    /// Reads the output of `cargo metadata --no-deps --format-version 1`.
    ///
    /// # Errors
    /// When it is not in that format.
    pub(crate) fn parse(metadata: &[u8]) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_slice(metadata).context("cannot parse cargo metadata")?;
        let root = metadata.workspace_root;
        let members = metadata
            .packages
            .into_iter()
            .map(|package| {
                let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
                let dependencies = package.dependencies.into_iter().map(|raw| raw.resolve(&root)).collect();
                (relative(folder, &root), dependencies)
            })
            .collect();
        Ok(Self { root, members })
    }
}

fn relative(folder: &Path, root: &Path) -> String {
    folder
        .strip_prefix(root)
        .unwrap_or(folder)
        .to_string_lossy()
        .replace('\\', "/")
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct RawPackage {
    manifest_path: PathBuf,
    dependencies: Vec<RawDependency>,
}

/// `name` is the package's own name also where the manifest renames it, so that no alias hides an import.
#[derive(Deserialize)]
struct RawDependency {
    name: String,
    kind: Option<Kind>,
    path: Option<PathBuf>,
}

impl RawDependency {
    fn resolve(self, root: &Path) -> Dependency {
        let target = match self.path {
            Some(folder) => Target::Local(relative(&folder, root)),
            None => Target::Foreign(self.name),
        };
        Dependency {
            target,
            kind: self.kind.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_folders_kinds_and_renamed_packages() {
        let graph = Graph::parse(
            br#"{"workspace_root": "/w", "packages": [{
                "name": "chancery-relay", "manifest_path": "/w/crates/relay/Cargo.toml", "dependencies": [
                    {"name": "chancery-base", "kind": null, "path": "/w/crates/base"},
                    {"name": "tokio", "rename": "innocent", "kind": "dev"},
                    {"name": "elsewhere", "kind": "build", "path": "/x"}
                ]}]}"#,
        )
        .unwrap();
        assert_eq!(
            graph.members["crates/relay"],
            [
                Dependency {
                    target: Target::Local("crates/base".into()),
                    kind: Kind::Normal
                },
                Dependency {
                    target: Target::Foreign("tokio".into()),
                    kind: Kind::Dev
                },
                Dependency {
                    target: Target::Local("/x".into()),
                    kind: Kind::Build
                },
            ]
        );
    }

    #[test]
    fn refuses_what_is_not_metadata() {
        assert!(Graph::parse(b"{}").is_err());
    }
}
