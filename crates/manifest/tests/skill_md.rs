//! Folders with `SKILL.md` become skills that ask, and get nothing (safeclaw spec 16).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::digest;
use chancery_manifest::{
    Code, Manifest, Problems, SchemaVersion,
    skill_md::{SourceFile, import},
};
use chancery_policy::{Capability, Permission};
use common::listed;
use proptest::prelude::*;
use serde_json::json;

fn skill(front_matter: &str) -> Result<Manifest, Problems> {
    import("pdf-tools", &format!("---\n{front_matter}---\n# PDF\n"), &[])
}

fn named(more: &str) -> Result<Manifest, Problems> {
    skill(&format!("name: pdf-tools\ndescription: Reads PDF files\n{more}"))
}

fn refused(front_matter: &str) -> Vec<String> {
    listed(skill(front_matter).map(|_| ()))
}

fn asks(tools: &str) -> Vec<Permission> {
    let manifest = named(&format!("allowed-tools: {tools}\n")).unwrap();
    manifest
        .requests()
        .iter()
        .map(|request| request.permission.clone())
        .collect()
}

fn permission(capability: &str, constraints: &serde_json::Value) -> Permission {
    Permission::from_request(capability.parse().unwrap(), Some(constraints)).unwrap()
}

#[test]
fn a_folder_becomes_a_manifest_that_lists_all_of_it() {
    let text = "---\nname: pdf-tools\ndescription: >\n  Reads and fills\n  PDF files.\nlicense: Apache-2.0\nmetadata:\n  version: \"1.2.0\"\n  author: x\n---\n# How\n";
    let files = [
        SourceFile {
            path: "scripts/fill.py",
            content: b"print()",
            executable: true,
        },
        SourceFile {
            path: "reference/forms.md",
            content: b"forms",
            executable: false,
        },
    ];
    let manifest = import("pdf-tools", text, &files).unwrap();
    assert_eq!(manifest.schema_version(), SchemaVersion::Two);
    assert_eq!((manifest.id().as_str(), manifest.name()), ("pdf-tools", "pdf-tools"));
    assert_eq!(manifest.version().to_string(), "1.2.0");
    assert_eq!(manifest.description(), Some("Reads and fills PDF files."));
    assert!(manifest.requests().is_empty() && manifest.tools().is_empty());
    let listed: Vec<_> = manifest
        .files()
        .iter()
        .map(|file| (file.path.as_str(), file.size, file.mode, file.sha256))
        .collect();
    assert_eq!(
        listed,
        [
            ("SKILL.md", text.len() as u64, 0o644, digest::sha256(text)),
            ("scripts/fill.py", 7, 0o755, digest::sha256("print()")),
            ("reference/forms.md", 5, 0o644, digest::sha256("forms")),
        ]
    );
    assert!(manifest.warnings().is_empty());
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = "---\r\nname: pdf-tools\r\ndescription: d\r\n---\r\nbody\r\n";
    assert_eq!(import("pdf-tools", text, &[]).unwrap().description(), Some("d"));
}

#[test]
fn a_skill_without_a_version_is_its_first_and_says_so() {
    let manifest = named("").unwrap();
    assert_eq!(manifest.version().to_string(), "0.1.0");
    assert_eq!(manifest.warnings()[0].code, Code::SemVer);
    assert_eq!(
        refused("name: pdf-tools\ndescription: d\nmetadata:\n  version: '1'\n"),
        ["E_SEMVER /metadata/version"]
    );
}

#[test]
fn the_name_is_that_of_the_folder() {
    assert_eq!(refused("name: other\ndescription: d\n"), ["E_NAME /name"]);
    for name in [
        "PDF",
        "pdf_tools",
        "-pdf",
        "pdf-",
        "pdf--tools",
        "pdf.tools",
        &"x".repeat(65),
    ] {
        let text = format!("---\nname: {name}\ndescription: d\n---\n");
        assert_eq!(listed(import(name, &text, &[]).map(|_| ())), ["E_NAME /name"], "{name}");
    }
    assert_eq!(refused("description: d\n"), ["E_MISSING "]);
    assert_eq!(refused("name: pdf-tools\n"), ["E_MISSING "]);
    assert_eq!(refused("name: pdf-tools\ndescription:\n"), ["E_MISSING "]);
    assert_eq!(refused("name: [pdf-tools]\ndescription: d\n"), ["E_TYPE /name"]);
}

#[test]
fn descriptions_hide_nothing() {
    assert_eq!(
        refused("name: pdf-tools\ndescription: \"a\\u202eb\"\n"),
        ["E_DESCRIPTION /description"]
    );
    assert_eq!(
        refused(&format!("name: pdf-tools\ndescription: {}\n", "x".repeat(1025))),
        ["E_DESCRIPTION /description"]
    );
}

#[test]
fn what_is_no_front_matter_is_refused() {
    for text in [
        "",
        "# no front matter",
        "---\nname: x\n",
        "--- \nname: x\n---\n",
        "---\n---\n",
        "---\n- a\n---\n",
        "---\nname: [\n---\n",
        "---\nname: \"x\n---\n",
        "---\n{a: b}}\n---\n",
        "---\njust text\n---\n",
    ] {
        assert_eq!(
            listed(import("x", text, &[]).map(|_| ())),
            ["E_FRONT_MATTER "],
            "{text:?}"
        );
    }
    assert_eq!(refused(&format!("name: {}\n", "x".repeat(17_000))), ["E_FRONT_MATTER "]);
    assert_eq!(
        refused(&format!("name: {}{}\n", "[".repeat(50), "]".repeat(50))),
        ["E_FRONT_MATTER "]
    );
}

#[test]
fn what_two_readers_of_yaml_see_differently_is_refused() {
    assert_eq!(
        refused("name: a\nname: pdf-tools\ndescription: d\n"),
        ["E_DUPKEY /name"]
    );
    let deep = format!("name: {}", "[".repeat(16_000));
    assert_eq!(refused(&deep), ["E_FRONT_MATTER "]);
    for more in [
        "license: &a x\ncompatibility: *a\n",
        "license: !!python/object x\n",
        "license: ! x\n",
        "metadata: &a {}\n",
        "metadata:\n  <<: *x\n",
    ] {
        assert_eq!(
            refused(&format!("name: pdf-tools\ndescription: d\n{more}")),
            ["E_FRONT_MATTER "],
            "{more}"
        );
    }
}

#[test]
fn allowed_tools_become_requests_by_what_they_need() {
    assert_eq!(asks("Read"), [Permission::unconstrained(Capability::FsRead)]);
    assert_eq!(
        asks("Edit"),
        [
            Permission::unconstrained(Capability::FsRead),
            Permission::unconstrained(Capability::FsWrite)
        ]
    );
    assert_eq!(
        asks("Bash(git:*) Bash(jq:*)"),
        [permission("process:spawn", &json!({"executables": ["git", "jq"]}))]
    );
    assert_eq!(
        asks("Bash(git status:*), Bash(npm run test)"),
        [permission("process:spawn", &json!({"executables": ["git", "npm"]}))]
    );
    assert_eq!(
        asks("WebFetch(domain:example.com)"),
        [permission("net:https", &json!({"hosts": ["example.com"]}))]
    );
    assert_eq!(
        asks("[\"Read(//etc/app/**)\"]"),
        [permission("fs:read", &json!({"paths": ["/etc/app"]}))]
    );
    // one tool without limits asks for everything, whatever the others say
    assert_eq!(
        asks("Bash(git:*) Bash"),
        [Permission::unconstrained(Capability::ProcessSpawn)]
    );
    assert_eq!(asks("\"\""), []);
}

#[test]
fn the_reason_says_where_a_request_comes_from() {
    let manifest = named("allowed-tools: Read Grep\n").unwrap();
    assert_eq!(
        manifest.requests()[0].reason,
        "SKILL.md lists Read, Grep in allowed-tools"
    );
}

#[test]
fn a_tool_that_cannot_be_said_is_left_out_with_a_warning() {
    for tool in [
        "mcp__x__y",
        "Task",
        "Read(./src/**)",
        "Read(~/x)",
        "Bash(:*)",
        "Bash(./run.sh)",
        "WebFetch(example.com)",
        "WebFetch(domain:*)",
        "Bash(git",
    ] {
        let manifest = named(&format!("allowed-tools: [\"{tool}\"]\n")).unwrap();
        assert!(manifest.requests().is_empty(), "{tool}");
        let warned = manifest
            .warnings()
            .iter()
            .any(|warning| warning.code == Code::AllowedTool && warning.pointer == "/allowed-tools/0");
        assert!(warned, "{tool}");
    }
    assert_eq!(
        refused("name: pdf-tools\ndescription: d\nallowed-tools: {a: b}\n"),
        ["E_TYPE /allowed-tools"]
    );
}

#[test]
fn files_must_lie_in_the_folder() {
    for path in ["../x", "/etc/passwd", "manifest.json", "SKILL.md"] {
        let file = SourceFile {
            path,
            content: b"",
            executable: false,
        };
        let refused = listed(import("x", "---\nname: x\ndescription: d\n---\n", &[file]).map(|_| ()));
        assert_eq!(refused, [format!("E_FILES /{}", path.replace('/', "~1"))]);
    }
}

proptest! {
    #[test]
    fn no_text_stops_the_reader(text in "\\PC*", lines in prop::collection::vec("( {0,4}[-?&*!|>'\"%@`#]? ?[a-z:\\[\\]{},\\\\]{0,8}){0,3}", 0..8)) {
        let _ = import("x", &text, &[]);
        let _ = import("x", &format!("---\n{text}\n---\n"), &[]);
        let _ = import("x", &format!("---\n{}\n---\n", lines.join("\n")), &[]);
    }

    #[test]
    fn whatever_is_imported_is_a_manifest(tools in "[A-Za-z(): ,*/.-]{0,60}", description in "[a-zA-Z ]{1,30}[a-z]") {
        if let Ok(manifest) = named(&format!("license: '{description}'\nallowed-tools: '{tools}'\n")) {
            let json = serde_json::to_string(manifest.document()).unwrap();
            prop_assert_eq!(common::parse(&json).unwrap().digest(), manifest.digest());
        }
    }
}
