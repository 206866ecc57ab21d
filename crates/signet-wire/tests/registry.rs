//! The contract of the table: what is derived, what is refused, and that the surface map stays (signet spec 5.9).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;

use chancery_policy::messaging::Scope;
use chancery_signet_wire::{
    action::{Call, Definition, Entry, HttpAuth, HttpMethod, Intent, Registry, RegistryError, Shape, input, table},
    http,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn definition(id: &'static str, intent: Intent) -> Definition {
    Definition::new(id, intent, "Does something", Shape::of::<input::Nothing>(), "Nothing")
}

fn read(id: &'static str) -> Definition {
    definition(id, Intent::Read)
}

fn only(definition: Definition) -> Entry {
    let registry = Registry::new([definition]).unwrap();
    registry.entries().next().unwrap().clone()
}

fn refused<const N: usize>(definitions: [Definition; N]) -> RegistryError {
    Registry::new(definitions).unwrap_err()
}

#[test]
fn what_reads_is_a_get_with_a_query() {
    let entry = only(read("thing.show-all").http(HttpAuth::Admin).tool());
    let http = entry.http.as_ref().unwrap();
    assert_eq!(
        (http.method, http.path.as_str()),
        (HttpMethod::Get, "/v1/actions/thing/show-all")
    );
    assert_eq!(entry.command, "thing:show-all");
    assert_eq!(entry.rpc_method, "thing.show-all");
    let mcp = entry.mcp.as_ref().unwrap();
    assert_eq!(
        (mcp.name.as_str(), mcp.alias.as_str()),
        ("signet/thing/show-all", "signet_thing_show-all")
    );
    assert_eq!(
        entry.annotations().unwrap(),
        json!({"title": "Does something", "readOnlyHint": true, "idempotentHint": true})
    );
}

#[test]
fn what_writes_or_destroys_is_a_post_with_a_body() {
    for (intent, annotations) in [
        (Intent::Write, json!({"title": "Does something"})),
        (
            Intent::Destroy,
            json!({"title": "Does something", "destructiveHint": true}),
        ),
    ] {
        let entry = only(
            definition("thing.change", intent)
                .http(HttpAuth::Credential)
                .tool_named("thing_change"),
        );
        let http = entry.http.as_ref().unwrap();
        assert_eq!((http.method, http.auth), (HttpMethod::Post, HttpAuth::Credential));
        let mcp = entry.mcp.as_ref().unwrap();
        assert_eq!(
            (mcp.name.as_str(), mcp.alias.as_str()),
            ("thing_change", "thing_change")
        );
        assert_eq!(entry.annotations().unwrap(), annotations);
    }
}

#[test]
fn an_action_is_found_by_its_name_on_every_surface() {
    let registry = Registry::new([read("a.b")
        .command("a:other")
        .http_at(Some(HttpAuth::Admin), "/v1/other")
        .tool()])
    .unwrap();
    let id = |entry: Option<&Entry>| entry.map(Entry::id);
    assert_eq!(id(registry.get("a.b")), Some("a.b"));
    assert_eq!(id(registry.command("a:other")), Some("a.b"));
    assert_eq!(id(registry.at(HttpMethod::Get, "/v1/other")), Some("a.b"));
    assert_eq!(id(registry.tool("signet/a/b")), Some("a.b"));
    assert_eq!(id(registry.tool("signet_a_b")), Some("a.b"));
    assert_eq!(id(registry.get("a.c")), None);
    assert_eq!(id(registry.command("a:b")), None);
    assert_eq!(id(registry.at(HttpMethod::Post, "/v1/other")), None);
    assert_eq!(id(registry.tool("a.b")), None);
}

#[test]
fn two_actions_in_one_place_are_refused() {
    let taken = |error: RegistryError| match error {
        RegistryError::Taken { surface, .. } => surface,
        other => panic!("{other}"),
    };
    assert_eq!(taken(refused([read("a.b"), read("a.b")])), "id");
    assert_eq!(
        taken(refused([read("a.b").command("x"), read("a.c").command("x")])),
        "command"
    );
    let at = |id| read(id).http_at(Some(HttpAuth::Admin), "/v1/x");
    assert_eq!(taken(refused([at("a.b"), at("a.c")])), "route");
    assert_eq!(
        taken(refused([read("a.b").tool_named("x"), read("a.c").tool_named("x")])),
        "tool"
    );
    // an alias is a name as well
    assert_eq!(
        taken(refused([read("a.b").tool(), read("a.c").tool_named("signet_a_b")])),
        "tool"
    );
}

#[test]
fn one_path_with_two_methods_is_two_places() {
    let write = definition("a.c", Intent::Write).http_at(Some(HttpAuth::Admin), "/v1/x");
    assert!(Registry::new([read("a.b").http_at(Some(HttpAuth::Admin), "/v1/x"), write]).is_ok());
}

#[test]
fn reserved_paths_and_routes_for_nobody_knows_whom_are_refused() {
    for path in [
        "/v1/admin/x",
        "/v1/admin/",
        "/v1/admin",
        "/v1/credential/info",
        "/v1/health",
        "/v1/health/x",
        "/v1/events",
    ] {
        let error = refused([read("a.b").http_at(Some(HttpAuth::Admin), path)]);
        assert!(matches!(error, RegistryError::Reserved { .. }), "{path}");
    }
    for path in ["/v1/administer", "/v1/healthy", "/v1/actions/a/b"] {
        assert!(!http::is_reserved(path), "{path}");
    }
    assert_eq!(
        refused([read("a.b").http_at(None, "/v1/x")]),
        RegistryError::NoAuth("a.b")
    );
}

#[test]
fn ids_are_a_noun_and_a_verb() {
    for id in ["", "a", "a.", ".b", "a.b.c", "a b.c", "a.b/c", "a.ü"] {
        assert_eq!(refused([read(id)]), RegistryError::BadId(id), "{id}");
    }
}

#[test]
fn examples_are_inputs() {
    assert!(Registry::new([read("a.b").examples(&["{}"])]).is_ok());
    for example in ["", "[]", "{\"a\":1}"] {
        let examples: &'static [&'static str] = Box::leak(Box::new([example]));
        let error = refused([read("a.b").examples(examples)]);
        assert!(matches!(error, RegistryError::BadExample { .. }), "{example}");
    }
}

#[test]
fn every_tool_has_a_name_that_every_client_takes() {
    let registry = Registry::new(table().iter().copied()).unwrap();
    for entry in registry.entries() {
        let Some(mcp) = &entry.mcp else { continue };
        assert!((1..=64).contains(&mcp.alias.len()), "{}", mcp.alias);
        assert!(
            mcp.alias
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
            "{}",
            mcp.alias
        );
        assert_eq!(registry.tool(&mcp.name).map(Entry::id), Some(entry.id()));
        assert_eq!(registry.tool(&mcp.alias).map(Entry::id), Some(entry.id()));
    }
}

/// Signet spec 6: what a server of tools shows to a credential, and to nobody else what the owner decides.
#[test]
fn a_credential_is_shown_the_tools_that_its_scopes_are_for() {
    let registry = Registry::new(table().iter().copied()).unwrap();
    let shown = |scopes: &[Scope]| -> BTreeSet<&str> {
        let effective = scopes.iter().copied().collect();
        registry
            .entries()
            .filter(|entry| entry.mcp.is_some() && entry.is_for(effective))
            .map(Entry::id)
            .collect()
    };
    let own = [
        "events.poll",
        "reveal.list",
        "reveal.request",
        "seal.history",
        "seal.info",
        "seal.list",
        "seal.verify",
    ];
    assert_eq!(shown(&[]), BTreeSet::from(own));
    for (scope, ids) in [
        (Scope::Send, &["message.send"][..]),
        (Scope::Reply, &["message.reply"]),
        (Scope::React, &["message.react"]),
        (Scope::ReadReceipt, &["message.read"]),
        (
            Scope::ReadMessages,
            &["message.info", "message.list", "search.messages"],
        ),
        (Scope::ListMembers, &["chat.info", "chat.members"]),
        (Scope::ListConversations, &["chat.list"]),
        (Scope::AddMember, &["chat.add-member"]),
        (Scope::RemoveMember, &["chat.remove-member"]),
        (Scope::PromoteAdmin, &["chat.promote-member"]),
        (Scope::DemoteAdmin, &["chat.demote-member"]),
        (Scope::UpdateName, &["chat.update"]),
        (Scope::UpdateDescription, &["chat.update"]),
        (Scope::UpdateImage, &["chat.update"]),
        (Scope::Invite, &["chat.invite", "chat.revoke-invite"]),
        (Scope::Join, &["chat.join"]),
        (Scope::Leave, &["chat.leave"]),
        (Scope::CreateGroup, &["chat.create"]),
        (Scope::ForwardToProvider, &[]),
    ] {
        let all: BTreeSet<&str> = own.iter().chain(ids).copied().collect();
        assert_eq!(shown(&[scope]), all, "{scope}");
    }
    let everything = shown(&Scope::ALL);
    for noun in [
        "operator",
        "policy",
        "credential",
        "inbox",
        "keys",
        "wallet",
        "admin",
        "signet",
        "config",
        "action",
    ] {
        assert!(
            !everything.iter().any(|id| id.split('.').next() == Some(noun)),
            "{noun}"
        );
    }
    for id in ["reveal.approve", "reveal.deny"] {
        assert!(
            !everything.contains(id)
                && registry
                    .get(id)
                    .is_some_and(|entry| !entry.is_for(Scope::ALL.into_iter().collect()))
        );
    }
}

#[test]
fn every_entry_of_the_table_can_be_called_and_nothing_else() {
    for definition in table() {
        let entry = only(*definition);
        let read = Call::from_value(entry.id(), json!({"stranger": 1}));
        assert!(read.is_err(), "{}", entry.id());
    }
    assert!(Call::from_value("moon.full", json!({})).unwrap().is_none());
    let failure = Call::parse("moon.full", "{}").unwrap_err();
    assert_eq!(failure.message, "action 'moon.full' not found");
    assert!(Call::parse("signet.status", r#"{"a":1,"a":1}"#).is_err());
    assert_eq!(Call::parse("signet.status", "{}").unwrap().id(), "signet.status");
}

/// The surface is what others build on: whoever changes it changes the file beside this test, and is seen doing so.
#[test]
fn the_surface_map_is_the_one_that_is_checked_in() {
    let registry = Registry::new(table().iter().copied()).unwrap();
    let map = registry.surface_map().unwrap();
    let path = format!("{}/surface.json", env!("CARGO_MANIFEST_DIR"));
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(map.as_str()).unwrap()).unwrap() + "\n";
    if std::env::var_os("CHANCERY_WRITE_SURFACE").is_some() {
        std::fs::write(&path, &pretty).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap();
    assert_eq!(checked_in, pretty, "CHANCERY_WRITE_SURFACE=1 writes the file anew");

    // the hash is that of the canonical text, by another path; serde_json's maps are sorted, and no key is beyond ASCII
    let canonical = serde_json::to_string(&serde_json::from_str::<Value>(&checked_in).unwrap()).unwrap();
    let hash: String = Sha256::digest(&canonical).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(map.hash(), hash);

    let reversed = Registry::new(table().iter().rev().copied()).unwrap();
    assert_eq!(reversed.surface_map().unwrap(), map);
    let fewer = Registry::new(table().iter().skip(1).copied()).unwrap();
    assert_ne!(fewer.surface_map().unwrap().hash(), map.hash());
}
