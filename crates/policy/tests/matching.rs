//! The matching table of the original (safeclaw spec 5.2), row by row: what it answered, and what we answer (18.5).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_policy::{
    Capability, Context, Denial, DenialReason, Dimension, Mismatch, Permission, Request,
    legacy::{self, Grant},
};
use serde_json::{Value, json};

const CWD: &str = "/home/user";

/// The original's answer for grants with these constraints, each as its grant has them.
fn original(capability: Capability, constraints: &[Value], context: Option<Context<'_>>) -> Result<(), Denial> {
    let list = |value: &Value, member: &str| {
        let items = value.get(member)?.as_array()?;
        Some(items.iter().map(|item| item.as_str().unwrap().to_owned()).collect())
    };
    let grants: Vec<_> = constraints
        .iter()
        .map(|value| Grant {
            skill_id: "s".to_owned(),
            capability: capability.to_string(),
            constraints: legacy::Constraints {
                paths: list(value, "paths"),
                hosts: list(value, "hosts"),
                executables: list(value, "executables"),
            },
        })
        .collect();
    legacy::check(&grants, "s", capability, context.as_ref(), CWD)
}

/// Our answer: one of the grants must be one at all, and cover the whole request.
fn ours(capability: Capability, constraints: &[Value], context: Option<Context<'_>>) -> bool {
    let Ok(request) = Request::in_context(capability, &context.unwrap_or_default()) else {
        return false;
    };
    let permissions = constraints.iter().filter_map(|value| {
        let constraints = (*value != Value::Null).then_some(value);
        Permission::from_request(capability, constraints).ok()
    });
    permissions
        .into_iter()
        .any(|permission| permission.covers(&request).is_ok())
}

fn path(path: &str) -> Option<Context<'_>> {
    Some(Context {
        path: Some(path),
        ..Context::default()
    })
}

fn host(host: &str) -> Option<Context<'_>> {
    Some(Context {
        host: Some(host),
        ..Context::default()
    })
}

fn executable(executable: &str) -> Option<Context<'_>> {
    Some(Context {
        executable: Some(executable),
        ..Context::default()
    })
}

use Capability::{EnvRead, FsRead, NetHttp, NetHttps, ProcessSpawn};

/// Original and ours.
macro_rules! row {
    ($($name:ident: $capability:expr, [$($constraints:expr),*], $context:expr => $original:literal, $ours:literal;)*) => {
        $(#[test]
        fn $name() {
            let constraints = [$($constraints),*];
            let answers = (original($capability, &constraints, $context).is_ok(), ours($capability, &constraints, $context));
            assert_eq!(answers, ($original == "allow", $ours == "allow"));
        })*
    };
}

fn data() -> Value {
    json!({ "paths": ["/home/user/data"] })
}

fn github() -> Value {
    json!({ "hosts": ["api.github.com"] })
}

fn git() -> Value {
    json!({ "executables": ["git"] })
}

row! {
    the_granted_path_itself: FsRead, [data()], path("/home/user/data") => "allow", "allow";
    a_path_below_the_granted_one: FsRead, [data()], path("/home/user/data/a/b.txt") => "allow", "allow";
    two_dots_that_lead_outside: FsRead, [data()], path("/home/user/data/../other") => "deny", "deny";
    two_dots_that_stay_inside: FsRead, [data()], path("/home/user/data/a/../b") => "allow", "allow";
    f04_a_sibling_with_the_same_prefix: FsRead, [data()], path("/home/user/data-secret/s") => "allow", "deny";
    f04_a_grant_with_a_slash_at_its_end: FsRead, [json!({"paths": ["/tmp/"]})], path("/tmpevil/x") => "allow", "deny";
    a_grant_with_a_slash_at_its_end_still_holds: FsRead, [json!({"paths": ["/tmp/"]})], path("/tmp/x") => "allow", "allow";
    // by its name a link lies inside, and so says the original
    f04_a_symbolic_link_by_its_name: FsRead, [data()], path("/home/user/data/link/passwd") => "allow", "allow";
    // what we ask about is the file that was opened
    f04_a_symbolic_link_by_the_file_that_was_opened: FsRead, [data()], path("/etc/passwd") => "deny", "deny";
    a_relative_path: FsRead, [data()], path("data/x") => "allow", "deny";
    a_relative_grant: FsRead, [json!({"paths": ["data"]})], path("/home/user/data/x") => "allow", "deny";
    an_empty_grant: FsRead, [json!({"paths": [""]})], path("/home/user/x") => "allow", "deny";
    a_grant_of_a_dot: FsRead, [json!({"paths": ["."]})], path("/home/user/x") => "allow", "deny";
    f09_an_empty_path: FsRead, [data()], path("") => "allow", "deny";
    f09_an_empty_host: NetHttps, [github()], host("") => "allow", "deny";
    f09_an_empty_executable: ProcessSpawn, [git()], executable("") => "allow", "deny";
    f09_no_context: FsRead, [data()], None => "allow", "deny";
    f09_an_empty_context: FsRead, [data()], Some(Context::default()) => "allow", "deny";
    f09_a_context_of_another_kind: FsRead, [data()], host("api.github.com") => "allow", "deny";
    an_empty_list: FsRead, [json!({"paths": []})], path("/x") => "deny", "deny";
    f09_empty_constraints: FsRead, [json!({})], path("/etc/shadow") => "allow", "deny";
    f09_a_misspelt_constraint: FsRead, [json!({"path": ["/home/user/data"]})], path("/etc/shadow") => "allow", "deny";
    f09_a_foreign_constraint: FsRead, [json!({"hosts": ["a.example"]})], path("/etc/shadow") => "allow", "deny";
    percent_encoded_dots_are_a_name: FsRead, [data()], path("/home/user/data/%2e%2e/x") => "allow", "allow";
    percent_encoded_dots_lead_nowhere_else: FsRead, [data()], path("/home/user/%2e%2e/x") => "deny", "deny";
    a_nul_in_a_path: FsRead, [data()], path("/home/user/data/a\0b") => "allow", "deny";
    another_case: FsRead, [data()], path("/home/user/DATA/x") => "deny", "deny";
    another_normal_form: FsRead, [json!({"paths": ["/home/user/\u{e9}"]})], path("/home/user/e\u{301}/x") => "deny", "deny";

    the_granted_host: NetHttps, [github()], host("api.github.com") => "allow", "allow";
    a_host_in_another_case: NetHttps, [github()], host("API.GitHub.com") => "deny", "allow";
    a_host_with_a_dot_at_its_end: NetHttps, [github()], host("api.github.com.") => "deny", "allow";
    a_host_with_the_default_port: NetHttps, [github()], host("api.github.com:443") => "deny", "allow";
    a_host_with_the_default_port_of_http: NetHttp, [github()], host("api.github.com:80") => "deny", "allow";
    a_host_with_another_port: NetHttps, [github()], host("api.github.com:8443") => "deny", "deny";
    a_subdomain: NetHttps, [github()], host("x.api.github.com") => "deny", "deny";
    a_suffix: NetHttps, [github()], host("evilapi.github.com") => "deny", "deny";
    a_host_that_begins_alike: NetHttps, [github()], host("api.github.com.evil.example") => "deny", "deny";
    a_grant_of_a_star: NetHttps, [json!({"hosts": ["*"]})], host("api.github.com") => "deny", "deny";
    a_grant_with_a_star_in_front: NetHttps, [json!({"hosts": ["*.github.com"]})], host("api.github.com") => "deny", "allow";
    a_grant_in_unicode_asked_for_in_punycode: NetHttps, [json!({"hosts": ["b\u{fc}cher.example"]})], host("xn--bcher-kva.example") => "deny", "allow";
    a_grant_in_punycode_asked_for_in_unicode: NetHttps, [json!({"hosts": ["xn--bcher-kva.example"]})], host("B\u{dc}CHER.example") => "deny", "allow";

    the_granted_executable: ProcessSpawn, [git()], executable("git") => "allow", "allow";
    the_same_executable_by_its_path: ProcessSpawn, [git()], executable("/usr/bin/git") => "deny", "deny";
    the_same_executable_from_here: ProcessSpawn, [git()], executable("./git") => "deny", "deny";
    an_executable_in_another_case: ProcessSpawn, [git()], executable("GIT") => "deny", "deny";
    an_executable_with_a_space: ProcessSpawn, [git()], executable("git ") => "deny", "deny";

    // the original lets the constrained grant decide; here each stands for itself, and the unconstrained one covers
    an_unconstrained_grant_beside_a_constrained_one: FsRead, [Value::Null, data()], path("/home/user/x") => "deny", "allow";
}

#[test]
fn f09_kinds_are_not_matched_across_grants() {
    let grants = [
        json!({ "paths": ["/a"], "executables": ["git"] }),
        json!({ "paths": ["/b"], "executables": ["node"] }),
    ];
    let context = Context {
        path: Some("/a"),
        executable: Some("node"),
        ..Context::default()
    };
    assert_eq!(original(ProcessSpawn, &grants, Some(context)), Ok(()));
    // here such a grant cannot be said, and the request has a dimension that its capability does not have
    assert!(
        grants
            .iter()
            .all(|grant| Permission::from_request(ProcessSpawn, Some(grant)).is_err())
    );
    let request = Request::in_context(ProcessSpawn, &context);
    assert_eq!(request, Err(Mismatch::Foreign(Dimension::Path)));
}

#[test]
fn the_original_denied_without_a_grant_and_of_another_skill_or_capability() {
    let denial = original(FsRead, &[], path("/x")).unwrap_err();
    assert_eq!(
        denial.detail(),
        "Capability denied: skill \"s\" requires \"fs:read\" \u{2014} no grant found"
    );
    let grant = Grant {
        skill_id: "other".to_owned(),
        capability: "fs:read".to_owned(),
        ..Grant::default()
    };
    assert!(legacy::check(std::slice::from_ref(&grant), "s", FsRead, None, CWD).is_err());
    assert!(legacy::check(std::slice::from_ref(&grant), "other", EnvRead, None, CWD).is_err());
    assert_eq!(legacy::check(&[grant], "other", FsRead, None, CWD), Ok(()));
}

#[test]
fn a_denial_reads_as_the_seed_prints_it() {
    for (capability, context, short, long) in [
        (
            FsRead,
            path("/etc/passwd"),
            "path not in allowed paths",
            "path \"/etc/passwd\" not in allowed paths",
        ),
        (
            NetHttps,
            host("evil.example"),
            "host not in allowed hosts",
            "host \"evil.example\" not in allowed hosts",
        ),
        (
            ProcessSpawn,
            executable("sh"),
            "executable not in allowed executables",
            "executable \"sh\" not in allowed executables",
        ),
    ] {
        let grant = match capability {
            FsRead => data(),
            NetHttps => github(),
            _ => git(),
        };
        let request = Request::in_context(capability, &context.unwrap()).unwrap();
        let mismatch = Permission::from_request(capability, Some(&grant))
            .unwrap()
            .covers(&request)
            .unwrap_err();
        let denial = Denial::new("S", capability, mismatch);
        assert_eq!(denial.to_string(), format!("Capability denied: {short}"));
        let detail = format!("Capability denied: skill \"S\" requires \"{capability}\" \u{2014} {long}");
        assert_eq!(denial.detail(), detail);
        assert_eq!(
            original(capability, &[grant], context).unwrap_err().to_string(),
            denial.to_string()
        );
    }
}

#[test]
fn every_other_denial_says_why() {
    for (reason, text) in [
        (DenialReason::NoGrant, "no grant found"),
        (DenialReason::Expired, "grant expired"),
        (DenialReason::Revoked, "grant revoked"),
        (DenialReason::KeyChanged, "signing key changed since the grant"),
        (DenialReason::Exhausted, "grant used up"),
        (DenialReason::Unverified, "skill not verified"),
        (DenialReason::ContextMissing(Dimension::Path), "no path given"),
        (
            DenialReason::Foreign(Dimension::Host),
            "host does not belong to this capability",
        ),
        (
            DenialReason::Outside(Dimension::Name, "HOME".to_owned()),
            "name not in allowed names",
        ),
    ] {
        let denial = Denial::new("s", EnvRead, reason);
        assert_eq!(denial.to_string(), format!("Capability denied: {text}"));
        assert!(
            denial
                .detail()
                .starts_with("Capability denied: skill \"s\" requires \"env:read\" \u{2014} ")
        );
    }
}
