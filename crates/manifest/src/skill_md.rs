//! A folder with `SKILL.md` (the Agent Skills format) as a skill (safeclaw spec 16): its files are listed with their digests,
//! and the tools that it says it may use become requests. None of them becomes a grant.

mod allowed_tools;
mod front_matter;

use chancery_base::digest;
use serde_json::{Map, Value, json};

use crate::{
    code::Code,
    form::Form,
    json::At,
    manifest::{Manifest, Options, bundle},
    problem::{Problem, Problems},
    text,
};
use front_matter::Node;

/// Name of the file that makes a folder a skill.
pub const FILE_NAME: &str = "SKILL.md";

const MAX_NAME: usize = 64;
const MAX_DESCRIPTION: usize = 1024;
const MAX_COMPATIBILITY: usize = 500;
/// The version of a skill that does not say one.
const FIRST_VERSION: &str = "0.1.0";

/// A file of the folder beside `SKILL.md`.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// Relative to the folder, with `/`.
    pub path: &'a str,
    /// What is in it.
    pub content: &'a [u8],
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// The manifest, of version 2 and not signed, for the folder called `folder` with `text` as its `SKILL.md` and `files`
/// beside it. The version is `metadata.version`, or 0.1.0. What could not be carried over is among the manifest's warnings,
/// with pointers into the front matter.
///
/// # Errors
/// Every problem of the front matter, or else of the manifest.
pub fn import(folder: &str, text: &str, files: &[SourceFile<'_>]) -> Result<Manifest, Problems> {
    let matter = front_matter::read(text)?;
    let mut form = Form::default();
    let members = read(folder, &matter, &mut form);
    let mut listed = vec![entry(&SourceFile {
        path: FILE_NAME,
        content: text.as_bytes(),
        executable: false,
    })];
    for file in files {
        let fault = if file.path == FILE_NAME {
            Some("given twice")
        } else {
            bundle::path_fault(file.path)
        };
        if let Some(fault) = fault {
            form.error(Code::Files, &At::ROOT.member(file.path), fault);
        }
        listed.push(entry(file));
    }
    let mut warnings = form.finish()?;
    let mut manifest = members.ok_or_else(Problems::unread)?;
    manifest.insert("files".to_owned(), Value::Array(listed));
    let mut manifest = Manifest::parse(Value::Object(manifest).to_string().as_bytes(), &Options::default())?;
    manifest.warnings.append(&mut warnings);
    Ok(manifest)
}

fn entry(file: &SourceFile<'_>) -> Value {
    json!({
        "path": file.path,
        "sha256": digest::sha256_hex(file.content),
        "size": file.content.len(),
        "mode": if file.executable { "0755" } else { "0644" },
    })
}

fn read(folder: &str, matter: &[(String, Node)], form: &mut Form) -> Option<Map<String, Value>> {
    let at = &At::ROOT;
    let known = [
        "name",
        "description",
        "license",
        "compatibility",
        "metadata",
        "allowed-tools",
    ];
    for (name, _) in matter {
        if !known.contains(&name.as_str()) {
            // other readers of the format have members of their own, which say nothing here
            form.warning(Code::Unknown, &at.member(name), "a member that is left out");
        }
    }
    let get = |name: &str| matter.iter().find(|(member, _)| member == name).map(|(_, node)| node);

    let name = scalar(get("name"), "name", true, form);
    if let Some(name) = name {
        if !is_name(name) {
            let message = "not 1 to 64 lower-case letters and digits with single hyphens between them";
            form.error(Code::Name, &at.member("name"), message);
        } else if name != folder {
            form.error(Code::Name, &at.member("name"), "not the name of the folder");
        }
    }
    let description = scalar(get("description"), "description", true, form).map(one_line);
    if let Some(description) = &description {
        form.check_shown(
            description,
            &at.member("description"),
            (Code::Description, MAX_DESCRIPTION),
        );
    }
    scalar(get("license"), "license", false, form);
    if let Some(compatibility) = scalar(get("compatibility"), "compatibility", false, form).map(one_line) {
        let limit = (Code::Value, MAX_COMPATIBILITY);
        form.check_shown(&compatibility, &at.member("compatibility"), limit);
    }
    let version = version(get("metadata"), form);
    let requests = allowed_tools::requests(get("allowed-tools"), form);

    let mut manifest = Map::new();
    manifest.insert("schemaVersion".to_owned(), json!(2));
    manifest.insert("id".to_owned(), json!(name?));
    manifest.insert("version".to_owned(), json!(version));
    manifest.insert("name".to_owned(), json!(name?));
    manifest.insert("description".to_owned(), json!(description?));
    manifest.insert("requiredCapabilities".to_owned(), Value::Array(requests));
    manifest.insert("tools".to_owned(), json!([]));
    Some(manifest)
}

fn scalar<'n>(node: Option<&'n Node>, name: &str, required: bool, form: &mut Form) -> Option<&'n str> {
    match node {
        Some(Node::Scalar(text)) if !text.is_empty() => Some(text),
        Some(Node::Scalar(_)) | None => {
            if required {
                form.missing(&At::ROOT, name);
            }
            None
        }
        Some(_) => {
            form.error(Code::Type, &At::ROOT.member(name), "must be a string");
            None
        }
    }
}

/// `metadata.version`, where it is one; the rest of `metadata` stays in the file.
fn version(metadata: Option<&Node>, form: &mut Form) -> String {
    let at = At::ROOT.member("metadata");
    let version = match metadata {
        None => None,
        Some(Node::Mapping(members)) => members.iter().find(|(name, _)| name == "version").map(|(_, node)| node),
        Some(_) => {
            form.error(Code::Type, &at, "must be a mapping");
            return FIRST_VERSION.to_owned();
        }
    };
    match version {
        Some(Node::Scalar(text)) if text.parse::<semver::Version>().is_ok() => text.clone(),
        Some(_) => {
            form.error(Code::SemVer, &at.member("version"), "not SemVer 2.0.0");
            FIRST_VERSION.to_owned()
        }
        None => {
            let message = format!("no version, so it is {FIRST_VERSION}");
            form.add(Problem::warning(Code::SemVer, &at, &message));
            FIRST_VERSION.to_owned()
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// A text of several lines on one: where lines end is of no meaning in what a person is shown.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text
        .split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// Whether `text` may stand in a reason.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(text::is_hidden)
}
