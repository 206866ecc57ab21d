//! The strict rules, code by code (safeclaw spec 2.4, 15.1), every problem with its place; tools are in `tools.rs`.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_manifest::{
    Code, EntrypointKind, Manifest, Options, SchemaVersion, Severity, SignedDocument as _, SkillId,
};
use chancery_policy::Capability;
use common::{full, listed, parse, problems, text, vector, with, without};
use serde_json::json;

#[test]
fn a_manifest_that_uses_everything_is_read() {
    let manifest = parse(&full().to_string()).unwrap();
    assert_eq!(manifest.schema_version(), SchemaVersion::Two);
    assert_eq!(manifest.id().as_str(), "notes.search");
    assert_eq!(manifest.version().to_string(), "1.2.0");
    assert_eq!(manifest.publisher(), Some("Example Press"));
    assert_eq!(manifest.expires().unwrap().to_rfc3339(), "2027-01-31T00:00:00.000Z");
    assert_eq!(manifest.min_host_version().unwrap().to_string(), "0.1.0");
    assert_eq!(manifest.requests().len(), 4);
    assert_eq!(manifest.requests()[2].permission.capability(), Capability::ProcessSpawn);
    assert_eq!(manifest.requests()[2].reason, "Look into the history");
    assert_eq!(manifest.files()[0].mode, 0o755);
    assert_eq!(manifest.files()[0].size, 1234);
    let entrypoint = manifest.entrypoint().unwrap();
    assert_eq!(
        (entrypoint.kind, entrypoint.path.as_str()),
        (EntrypointKind::Process, "bin/notes")
    );
    assert_eq!(entrypoint.args, ["--serve"]);
    let tool = manifest.tool("search").unwrap();
    assert_eq!(tool.requires(), [0]);
    assert_eq!(tool.annotations().read_only, Some(true));
    assert_eq!(tool.annotations().destructive, None);
    assert_eq!(tool.exposed_name(manifest.id()), "notes_search__search");
    assert!(manifest.warnings().is_empty());
}

#[test]
fn the_samples_of_the_original_are_read() {
    for name in ["V1-", "V2-", "V5-", "V13-", "V7-", "V9-"] {
        let manifest = parse(text(vector(name), "manifestJson")).unwrap();
        assert_eq!(manifest.schema_version(), SchemaVersion::One, "{name}");
        assert!(manifest.public_key().is_some() && manifest.legacy_signature().is_some());
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let json = json!({
        "id": "../x", "version": "banana", "name": " ", "tools": 5, "surprise": 1,
        "requiredCapabilities": [{"capability": "fs:read", "constraints": {"path": ["/"]}}, {"capability": "root", "reason": ""}],
        "publicKey": "00", "signature": ""
    });
    let mut found = problems(&json.to_string());
    found.sort();
    assert_eq!(
        found,
        [
            "E_CAPABILITY /requiredCapabilities/1/capability",
            "E_CONSTRAINT_KIND /requiredCapabilities/0/constraints/path",
            "E_ID /id",
            "E_KEY_ENC /publicKey",
            "E_NAME /name",
            "E_REASON /requiredCapabilities/0",
            "E_REASON /requiredCapabilities/1/reason",
            "E_SEMVER /version",
            "E_SIG_ENC /signature",
            "E_TYPE /tools",
            "E_UNKNOWN /surprise",
        ]
    );
}

#[test]
fn a_document_must_be_an_object() {
    for json in ["null", "\"x\"", "7", "true", "[]"] {
        let refused = parse(json).unwrap_err();
        assert_eq!(refused.as_slice()[0].code, Code::NotObject);
        assert_eq!(refused.as_slice()[0].message, "Manifest must be a JSON object");
    }
}

#[test]
fn what_must_be_there_must_be_there_and_not_empty() {
    for name in ["id", "version", "name"] {
        for json in [without(&format!("/{name}")), with(&format!("/{name}"), json!(""))] {
            let refused = parse(&json).unwrap_err();
            assert_eq!(refused.codes().collect::<Vec<_>>(), [Code::Missing]);
            assert_eq!(refused.as_slice()[0].message, format!("Missing required field: {name}"));
        }
        assert_eq!(
            problems(&with(&format!("/{name}"), json!(7))),
            [format!("E_TYPE /{name}")]
        );
    }
}

#[test]
fn members_of_another_type_are_refused() {
    for (name, value) in [
        ("description", json!(1)),
        ("publicKey", json!([])),
        ("signature", json!(null)),
        ("requiredCapabilities", json!("no")),
        ("tools", json!({})),
        ("files", json!(null)),
        ("entrypoint", json!("bin/x")),
        ("publisher", json!({})),
        ("expires", json!(1)),
        ("minHostVersion", json!(1)),
    ] {
        let found = problems(&with(&format!("/{name}"), value));
        assert!(found.contains(&format!("E_TYPE /{name}")), "{name}: {found:?}");
    }
}

#[test]
fn ids_are_safe_names_for_directories() {
    for id in ["a", "0", "my-skill", "a.b_c-d", &"x".repeat(64)] {
        assert!(id.parse::<SkillId>().is_ok(), "{id}");
    }
    for id in [
        "",
        "A",
        "a b",
        "-a",
        "a-",
        ".a",
        "a.",
        "_a",
        "a..b",
        "../x",
        "a/b",
        "\u{e9}",
        "a\0",
        &"x".repeat(65),
    ] {
        assert!(id.parse::<SkillId>().is_err(), "{id}");
        if !id.is_empty() {
            assert_eq!(problems(&with("/id", json!(id))), ["E_ID /id"]);
        }
    }
}

#[test]
fn versions_are_semver() {
    for version in ["1", "1.0", "banana", "v1.0.0", "01.0.0", "1.0.0-", " 1.0.0"] {
        assert_eq!(
            problems(&with("/version", json!(version))),
            ["E_SEMVER /version"],
            "{version}"
        );
    }
    assert!(parse(&with("/version", json!("1.2.3-rc.1+b"))).is_ok());
    assert_eq!(
        problems(&with("/minHostVersion", json!("1"))),
        ["E_SEMVER /minHostVersion"]
    );
}

#[test]
fn names_are_what_they_look_like() {
    for name in [
        " ",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\nb",
        "a\u{7f}",
        "a\u{2028}",
        "a\u{e0041}",
        "a\u{2800}b",
        &"x".repeat(129),
    ] {
        assert_eq!(problems(&with("/name", json!(name))), ["E_NAME /name"], "{name:?}");
        assert_eq!(
            problems(&with("/publisher", json!(name))),
            ["E_NAME /publisher"],
            "{name:?}"
        );
    }
    assert_eq!(
        problems(&with("/description", json!("a\u{202e}b"))),
        ["E_DESCRIPTION /description"]
    );
    assert!(parse(&with("/name", json!("\u{dc}bung \u{1f600}"))).is_ok());
}

#[test]
fn capabilities_are_the_eight() {
    for capability in ["root:everything", "fs:READ", ""] {
        let found = problems(&with("/requiredCapabilities/0/capability", json!(capability)));
        // without its request the tool has lost what it requires
        assert_eq!(found[0], "E_CAPABILITY /requiredCapabilities/0/capability");
    }
}

#[test]
fn constraints_that_do_not_belong_there_are_refused() {
    let kind = |constraints| problems(&with("/requiredCapabilities/3/constraints", constraints));
    assert_eq!(
        kind(json!({"name": ["x"]})),
        ["E_CONSTRAINT_KIND /requiredCapabilities/3/constraints/name"]
    );
    assert_eq!(
        kind(json!({"names": ["x"], "paths": ["/"]})),
        ["E_CONSTRAINT_KIND /requiredCapabilities/3/constraints/paths"]
    );
    assert_eq!(
        kind(json!({})),
        ["E_CONSTRAINT_VALUE /requiredCapabilities/3/constraints"]
    );
    assert_eq!(kind(json!(null)), ["E_TYPE /requiredCapabilities/3/constraints"]);
}

#[test]
fn constraints_that_break_their_rule_are_refused() {
    for (request, member, values) in [
        (0, "paths", vec!["a", "/a/../b", "/a\0", ""]),
        (1, "hosts", vec!["*", "https://a.example", "*.com", "a.example/x", ""]),
        (2, "executables", vec!["", "./git", "a b"]),
        (3, "names", vec!["", "*"]),
    ] {
        let place = format!("/requiredCapabilities/{request}/constraints/{member}");
        for value in values {
            let found = problems(&with(&place, json!([value])));
            assert_eq!(found[0], format!("E_CONSTRAINT_VALUE {place}/0"), "{value}");
        }
        assert_eq!(
            problems(&with(&place, json!([])))[0],
            format!("E_CONSTRAINT_VALUE {place}")
        );
        assert_eq!(problems(&with(&place, json!([7])))[0], format!("E_TYPE {place}/0"));
    }
}

#[test]
fn f09_a_misspelt_member_of_a_request_does_not_mean_everything() {
    let json = with("/requiredCapabilities/3/constraint", json!({"names": ["x"]}));
    assert_eq!(problems(&json), ["E_UNKNOWN /requiredCapabilities/3/constraint"]);
}

#[test]
fn a_reason_must_be_given_and_readable() {
    for reason in [json!(""), json!(" "), json!("a\u{202e}b"), json!("x".repeat(513))] {
        let found = problems(&with("/requiredCapabilities/3/reason", reason));
        assert_eq!(found[0], "E_REASON /requiredCapabilities/3/reason");
    }
    assert_eq!(
        problems(&without("/requiredCapabilities/3/reason"))[0],
        "E_REASON /requiredCapabilities/3"
    );
}

#[test]
fn a_version_fits_a_line() {
    let version = |length: usize| with("/version", json!(format!("1.0.0+{}", "a".repeat(length - 6))));
    assert!(parse(&version(128)).is_ok());
    assert_eq!(problems(&version(129)), ["E_SEMVER /version"]);
}

#[test]
fn the_keys_that_sign_are_nothing_to_ask_for() {
    for name in ["signing_private_key", "signing_key/release"] {
        for capability in ["secret:read", "secret:write"] {
            let request =
                json!([{"capability": capability, "reason": "because", "constraints": {"names": ["token", name]}}]);
            let asking = json!({"id": "s", "version": "1.0.0", "name": "s", "requiredCapabilities": request});
            assert_eq!(
                problems(&asking.to_string()),
                ["E_CONSTRAINT_VALUE /requiredCapabilities/0/constraints/names"]
            );
        }
    }
}

#[test]
fn a_text_does_not_look_like_another_line_on_the_terminal() {
    let reason = |gap: &str| with("/requiredCapabilities/3/reason", json!(format!("ok{gap}new: nothing")));
    assert!(parse(&reason(&" ".repeat(8))).is_ok());
    for gap in [" ".repeat(70), "\u{3000}".repeat(9), " \u{a0}".repeat(5)] {
        assert_eq!(problems(&reason(&gap)), ["E_REASON /requiredCapabilities/3/reason"]);
    }
}

#[test]
fn a_request_without_constraints_is_a_warning_or_on_demand_an_error() {
    let json = without("/requiredCapabilities/3/constraints");
    let manifest = parse(&json).unwrap();
    let [warning] = manifest.warnings() else {
        panic!("{:?}", manifest.warnings())
    };
    assert_eq!(
        (warning.code, warning.severity),
        (Code::Unconstrained, Severity::Warning)
    );
    assert_eq!(warning.pointer, "/requiredCapabilities/3");
    let options = Options {
        require_constraints: true,
        ..Options::default()
    };
    let refused = Manifest::parse(json.as_bytes(), &options).map(|_| ());
    assert_eq!(listed(refused), ["E_UNCONSTRAINED /requiredCapabilities/3"]);
}

#[test]
fn too_many_requests_and_tools_are_refused() {
    let request = full()["requiredCapabilities"][0].clone();
    let requests = |count| with("/requiredCapabilities", vec![request.clone(); count].into());
    assert!(
        parse(&requests(64)).is_err(),
        "the second tool needs another capability"
    );
    assert_eq!(problems(&requests(65))[0], "E_SIZE /requiredCapabilities");
    let tools = |count: usize| -> serde_json::Value {
        (0..count)
            .map(|n| json!({"name": format!("t{n}"), "description": "d", "parameters": {}}))
            .collect()
    };
    assert!(parse(&with("/tools", tools(128))).is_ok());
    assert_eq!(problems(&with("/tools", tools(129)))[0], "E_SIZE /tools");
}

#[test]
fn requests_for_more_than_anybody_reads_are_refused() {
    let request = |from: usize, count: usize| {
        let paths: Vec<String> = (from..from + count).map(|n| format!("/{n}")).collect();
        json!({"capability": "fs:read", "reason": "because", "constraints": {"paths": paths}})
    };
    let asking = |requests: serde_json::Value| {
        json!({"id": "s", "version": "1.0.0", "name": "s", "requiredCapabilities": requests, "tools": []}).to_string()
    };
    assert!(parse(&asking(json!([request(0, 512), request(512, 512)]))).is_ok());
    for requests in [json!([request(0, 1025)]), json!([request(0, 512), request(512, 513)])] {
        assert_eq!(problems(&asking(requests)), ["E_SIZE /requiredCapabilities"]);
    }
}

#[test]
fn keys_and_signatures_are_hex_of_their_length() {
    for key in [
        "",
        &"0".repeat(63),
        &"0".repeat(65),
        &"g".repeat(64),
        &format!("{}zz!", "0".repeat(64)),
    ] {
        assert_eq!(problems(&with("/publicKey", json!(key))), ["E_KEY_ENC /publicKey"]);
    }
    for signature in [
        "",
        &"0".repeat(127),
        &"0".repeat(129),
        &format!("{}zz!", "0".repeat(128)),
    ] {
        assert_eq!(
            problems(&with("/signature", json!(signature))),
            ["E_SIG_ENC /signature"]
        );
    }
    // F-08b
    assert_eq!(problems(&with("/signature", json!([22, 47]))), ["E_TYPE /signature"]);
    let upper = text(vector("V1-"), "manifestJson").replace("d75a98", "D75A98");
    assert!(parse(&upper).is_ok());
}

#[test]
fn unknown_members_are_refused_unless_they_cover_something() {
    assert_eq!(problems(&with("/surprise", json!(1))), ["E_UNKNOWN /surprise"]);
    assert_eq!(problems(&with("/surprise", json!(null))), ["E_UNKNOWN /surprise"]);
    // of the closed vocabulary, and the name of a parameter
    assert!(parse(&with("/constraints", json!(null))).is_ok());
    assert!(parse(&with("/query", json!(null))).is_ok());
    assert_eq!(problems(&with("/constraints", json!(1))), ["E_UNKNOWN /constraints"]);
    assert_eq!(problems(&with("/signatures", json!([]))), ["E_UNKNOWN /signatures"]);
}

#[test]
fn members_of_version_2_need_its_number() {
    let found = problems(&without("/schemaVersion"));
    for name in [
        "publisher",
        "expires",
        "minHostVersion",
        "files",
        "entrypoint",
        "tools/0/requires",
        "tools/0/effects",
    ] {
        assert!(found.contains(&format!("E_UNKNOWN /{name}")), "{name} {found:?}");
    }
    for version in [json!(1), json!(3), json!("2"), json!(2.5), json!(null)] {
        assert_eq!(
            problems(&with("/schemaVersion", version)),
            ["E_SCHEMA_VERSION /schemaVersion"]
        );
    }
}

#[test]
fn files_are_relative_and_stay_inside() {
    for path in [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "a/",
        "a\\b",
        "a\0b",
        "a\u{202e}b",
        "manifest.json",
        "Manifest.JSON",
        "manifest.json.dsse",
        &"x".repeat(256),
        &["x".repeat(200).as_str(); 6].join("/"),
    ] {
        let found = problems(&with("/files/1/path", json!(path)));
        assert_eq!(found[0], "E_FILES /files/1/path", "{path}");
    }
}

#[test]
fn a_path_occurs_once_and_is_a_file_or_a_directory() {
    for path in ["bin/notes", "BIN/Notes", "bin", "bin/notes/x"] {
        assert_eq!(
            problems(&with("/files/1/path", json!(path))),
            ["E_FILES /files/1/path"],
            "{path}"
        );
    }
    assert!(parse(&with("/files/1/path", json!("bin/other"))).is_ok());
}

#[test]
fn a_file_has_a_digest_a_size_and_a_mode() {
    for (member, value) in [
        ("sha256", json!("00")),
        ("sha256", json!("A".repeat(64))),
        ("mode", json!("644")),
        ("mode", json!("4755")),
        ("mode", json!("0666")),
        ("mode", json!("0775")),
        ("mode", json!("0888")),
        ("mode", json!("0044")),
        ("mode", json!("+644")),
    ] {
        assert_eq!(
            problems(&with(&format!("/files/1/{member}"), value)),
            [format!("E_FILES /files/1/{member}")]
        );
    }
    for size in [json!(-1), json!(0.5), json!("1"), json!(9_007_199_254_740_992_u64)] {
        assert_eq!(problems(&with("/files/1/size", size)), ["E_TYPE /files/1/size"]);
    }
    assert_eq!(problems(&without("/files/1/sha256")), ["E_MISSING /files/1"]);
    assert_eq!(
        problems(&with("/files/1/owner", json!("root"))),
        ["E_UNKNOWN /files/1/owner"]
    );
}

#[test]
fn what_runs_is_one_of_the_files_and_may_run() {
    for path in ["bin/other", "../bin/notes", "README.md"] {
        assert_eq!(
            problems(&with("/entrypoint/path", json!(path))),
            ["E_ENTRYPOINT /entrypoint/path"]
        );
    }
    assert_eq!(
        problems(&with("/entrypoint/kind", json!("shell"))),
        ["E_ENTRYPOINT /entrypoint/kind"]
    );
    assert_eq!(
        problems(&with("/entrypoint/protocol", json!("xml"))),
        ["E_ENTRYPOINT /entrypoint/protocol"]
    );
    assert_eq!(
        problems(&with("/entrypoint/args", json!(["a\0"]))),
        ["E_ENTRYPOINT /entrypoint/args/0"]
    );
    assert_eq!(
        problems(&with("/entrypoint/env", json!({}))),
        ["E_UNKNOWN /entrypoint/env"]
    );
    assert!(
        parse(&with(
            "/entrypoint",
            json!({"kind": "wasm", "path": "README.md", "protocol": "jsonl"})
        ))
        .is_ok()
    );
}

#[test]
fn an_expiry_is_a_time_in_utc() {
    for time in [
        "tomorrow",
        "2027-01-31",
        "2027-02-30T00:00:00Z",
        "2027-01-31T00:00:00+01:00",
        "",
    ] {
        assert_eq!(problems(&with("/expires", json!(time))), ["E_VALUE /expires"], "{time}");
    }
}

#[test]
fn the_digest_does_not_depend_on_how_the_text_was_written() {
    let manifest = parse(&full().to_string()).unwrap();
    let pretty = parse(&serde_json::to_string_pretty(&full()).unwrap()).unwrap();
    assert_eq!(manifest.digest(), pretty.digest());
    let signed = parse(&with("/signature", json!("00".repeat(64)))).unwrap();
    assert_eq!(manifest.digest(), signed.digest());
    assert_eq!(manifest.payload(), signed.payload());
}
