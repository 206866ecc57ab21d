//! Every error code of Chancery is another one.
//!
//! The tables are enums whose variants carry values, so the test reads their sources: a code is a literal that an arm of a
//! table in a file with codes yields. The tables that list themselves show that the reading misses nothing.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use chancery_base::ErrorCode as _;

/// Code, and where it is given: crate and place.
type Codes = BTreeMap<String, Vec<(String, String)>>;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn is_code(text: &str) -> bool {
    text.contains('_')
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The codes of the arms in `source`: `=> "CODE"`, `=> ("CODE",` or, in the tables that a macro makes, `= "CODE",`.
fn arms(source: &str) -> Vec<(usize, String)> {
    let production = source.split("#[cfg(test)]").next().unwrap_or_default();
    let has_table = ["impl ErrorCode for", "codes! {", "refusals! {"]
        .iter()
        .any(|mark| production.contains(mark));
    if !has_table {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in production.lines().enumerate() {
        let line = line.trim_start();
        // what documentation shows is no table
        if line.starts_with("//") {
            continue;
        }
        for mark in ["=> \"", "=> (\"", " = \""] {
            let Some((before, rest)) = line.split_once(mark) else {
                continue;
            };
            let constant = before.split_whitespace().any(|word| matches!(word, "const" | "let"));
            if let Some((text, _)) = rest.split_once('"').filter(|(text, _)| !constant && is_code(text)) {
                found.push((number + 1, text.to_owned()));
            }
        }
    }
    found
}

fn all() -> Codes {
    let mut codes = Codes::new();
    for entry in std::fs::read_dir(crates()).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut files = Vec::new();
        sources(&folder.join("src"), &mut files);
        for file in files {
            for (line, code) in arms(&std::fs::read_to_string(&file).unwrap()) {
                let place = format!("{}:{line}", file.strip_prefix(crates()).unwrap().display());
                codes.entry(code).or_default().push((name.clone(), place));
            }
        }
    }
    codes
}

#[test]
fn no_code_stands_for_two_failures() {
    let twice: Vec<_> = all().into_iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn the_tables_were_read() {
    let codes = all();
    let of = |name: &str| -> BTreeSet<&str> {
        codes
            .iter()
            .filter(|(_, places)| places.iter().any(|(crate_name, _)| crate_name == name))
            .map(|(code, _)| code.as_str())
            .collect()
    };
    for name in [
        "store",
        "serve",
        "registry",
        "relay",
        "connector",
        "networks",
        "providers",
        "clawdentity",
        "policy",
        "manifest",
        "vault",
        "audit",
        "keys",
        "custody",
        "skills",
        "safeclaw",
        "xmtp-wire",
        "xmtp-node",
        "xmtp-client",
        "admin",
    ] {
        assert!(!of(name).is_empty(), "{name} has no codes");
    }
    let xmtp = chancery::commands::xmtp::error::Mistake::CODES;
    let signet = chancery::servers::signet::error::Error::CODES;
    let own = chancery::error::Error::CODES.iter().chain(xmtp).chain(signet);
    let own: BTreeSet<&str> = own.copied().collect();
    assert_eq!(of("chancery"), own);
    let registry = of("registry");
    for refusal in chancery_registry::error::Refusal::ALL {
        assert!(registry.contains(refusal.code()), "{}", refusal.code());
    }
    let command = of("clawdentity");
    for code in chancery_clawdentity::Code::ALL {
        assert!(command.contains(code.as_str()), "{}", code.as_str());
    }
}
