//! What a bundle holds beside its manifest, and what of it runs.

use std::collections::HashMap;

use crate::{
    code::Code,
    form::{Form, Need},
    hex,
    json::{At, Object, Value},
    text,
};

const MAX_PATH: usize = 1024;
const MAX_COMPONENT: usize = 255;
const MAX_ARGS: usize = 64;
const MAX_ARG: usize = 4096;

/// Files that are the manifest or its signature and therefore cannot be listed in it.
const OWN: [&str; 2] = ["manifest.json", "manifest.json.dsse"];

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Relative, with `/` between components, none of which is empty, `.` or `..`.
    pub path: String,
    /// Of the content.
    pub sha256: [u8; 32],
    /// In bytes.
    pub size: u64,
    /// Permission bits: nobody but the owner may write.
    pub mode: u32,
}

/// The program behind the tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrypoint {
    /// How it runs.
    pub kind: EntrypointKind,
    /// One of the [`FileEntry`] paths.
    pub path: String,
    /// Arguments in front of nothing else.
    pub args: Vec<String>,
}

/// How a program runs. Both speak lines of JSON (`"protocol": "jsonl"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntrypointKind {
    /// As a process in the sandbox.
    Process,
    /// As a WebAssembly module.
    Wasm,
}

/// The files, each path once.
pub(super) fn files(object: &Object, form: &mut Form) -> Vec<FileEntry> {
    let items = form.array(object, &At::ROOT, "files");
    let list = At::ROOT.member("files");
    let mut files = Vec::new();
    // a file system may fold case, and a name is either a file or a directory
    let mut names: HashMap<String, bool> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let at = list.item(index);
        let Some(file) = file(item, &at, form) else { continue };
        let folded = file.path.to_lowercase();
        let parents = folded.match_indices('/').filter_map(|(end, _)| folded.get(..end));
        if names.contains_key(&folded) || parents.clone().any(|parent| names.get(parent) == Some(&true)) {
            form.error(
                Code::Files,
                &at.member("path"),
                "a path that occurs twice, or lies below a file",
            );
        }
        for parent in parents {
            names.entry(parent.to_owned()).or_insert(false);
        }
        names.insert(folded.clone(), true);
        files.push(file);
    }
    files
}

fn file(item: &Value, at: &At<'_>, form: &mut Form) -> Option<FileEntry> {
    let object = form.as_object(item, at)?;
    form.only(object, at, &["path", "sha256", "size", "mode"]);
    let path = form.string(object, at, "path", Need::Required).and_then(|text| {
        let fault = path_fault(text);
        if let Some(fault) = fault {
            form.error(Code::Files, &at.member("path"), fault);
        }
        fault.is_none().then_some(text)
    });
    let sha256 = form.string(object, at, "sha256", Need::Required).and_then(|text| {
        let digest = hex::decode(text).filter(|_| !text.contains(|c: char| c.is_ascii_uppercase()));
        if digest.is_none() {
            form.error(
                Code::Files,
                &at.member("sha256"),
                "a SHA-256 has 64 lower-case hex digits",
            );
        }
        digest
    });
    let size = form
        .member(object, at, "size", Need::Required)
        .and_then(|value| form.expect(value.as_u53(), &at.member("size"), "a whole number"));
    let mode = form.string(object, at, "mode", Need::Required).and_then(|text| {
        let mode = mode(text);
        if mode.is_none() {
            let message = "not an octal mode such as 0644 that only the owner may write with";
            form.error(Code::Files, &at.member("mode"), message);
        }
        mode
    });
    Some(FileEntry {
        path: path?.to_owned(),
        sha256: sha256?,
        size: size?,
        mode: mode?,
    })
}

/// What is wrong with `path` as that of a file in a bundle.
pub(crate) fn path_fault(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.starts_with('/') {
        Some("not a relative path")
    } else if path.len() > MAX_PATH {
        Some("a path of more than 1024 bytes")
    } else if path.contains('\\') || path.chars().any(text::is_hidden) {
        Some("a path with a backslash or characters that are not seen")
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("a path with an empty component, '.' or '..'")
    } else if path.split('/').any(|part| part.len() > MAX_COMPONENT) {
        Some("a path with a component of more than 255 bytes")
    } else if OWN.contains(&path.to_lowercase().as_str()) {
        Some("the manifest and its signature are not files of the bundle")
    } else {
        None
    }
}

/// `0` and three octal digits: readable by the owner, writable by nobody else, no set-id or sticky bit.
fn mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('0').filter(|digits| digits.len() == 3)?;
    let octal = digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u32::from_str_radix(digits, 8).ok().filter(|_| octal)?;
    (mode & 0o022 == 0 && mode & 0o400 != 0).then_some(mode)
}

/// The program, which is one of `files`.
pub(super) fn entrypoint(object: &Object, files: &[FileEntry], form: &mut Form) -> Option<Entrypoint> {
    let at = At::ROOT.member("entrypoint");
    let object = form.as_object(object.get("entrypoint")?, &at)?;
    form.only(object, &at, &["kind", "path", "args", "protocol"]);
    let kind = form
        .string(object, &at, "kind", Need::Required)
        .and_then(|text| match text {
            "process" => Some(EntrypointKind::Process),
            "wasm" => Some(EntrypointKind::Wasm),
            _ => {
                form.error(Code::Entrypoint, &at.member("kind"), "neither process nor wasm");
                None
            }
        });
    if form
        .string(object, &at, "protocol", Need::Required)
        .is_some_and(|text| text != "jsonl")
    {
        form.error(Code::Entrypoint, &at.member("protocol"), "not jsonl");
    }
    let path = form.string(object, &at, "path", Need::Required).and_then(|text| {
        let fault = match files.iter().find(|file| file.path == text) {
            None => Some("not one of the files"),
            Some(file) if kind == Some(EntrypointKind::Process) && file.mode & 0o100 == 0 => {
                Some("a file that may not be executed")
            }
            Some(_) => None,
        };
        if let Some(fault) = fault {
            form.error(Code::Entrypoint, &at.member("path"), fault);
        }
        fault.is_none().then(|| text.to_owned())
    });
    let items = form.array(object, &at, "args");
    let list = at.member("args");
    if items.len() > MAX_ARGS {
        form.error(Code::Size, &list, &format!("more than {MAX_ARGS} arguments"));
    }
    let mut args = Vec::new();
    for (index, item) in items.iter().take(MAX_ARGS).enumerate() {
        let place = list.item(index);
        let Some(text) = form.as_string(item, &place) else {
            continue;
        };
        if text.contains('\0') || text.len() > MAX_ARG {
            form.error(
                Code::Entrypoint,
                &place,
                "an argument with a NUL or of more than 4096 bytes",
            );
        }
        args.push(text.to_owned());
    }
    Some(Entrypoint {
        kind: kind?,
        path: path?,
        args,
    })
}
