//! Bodies, paths and queries to the registry.

use std::net::SocketAddr;

use chancery_base::{Clock as _, Ulid};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_tests::{http, http::Answer};
use serde_json::{Value, json};

use crate::world::{TOO_LONG, World, has_envelope, no_objects, no_values};

/// Who sends a request to the registry.
#[derive(Clone, Copy)]
enum As<'a> {
    Nobody,
    Key(&'a str),
    Bootstrap(&'a str),
    Service(&'a str, &'a str),
}

/// A route that takes an object, and what says that it was none. `good` has its members; optional ones may be null.
struct Route<'a> {
    target: &'a str,
    by: As<'a>,
    code: &'a str,
    good: Value,
    optional: &'a [&'a str],
}

fn post_as(address: SocketAddr, by: As<'_>, target: &str, body: &[u8]) -> Answer {
    let bearer;
    let mut headers = vec![("content-type", "application/json")];
    match by {
        As::Nobody => {}
        As::Key(key) => {
            bearer = format!("Bearer {key}");
            headers.push(("authorization", &bearer));
        }
        As::Bootstrap(secret) => headers.push(("x-bootstrap-secret", secret)),
        As::Service(id, secret) => headers.extend([("x-claw-service-id", id), ("x-claw-service-secret", secret)]),
    }
    http::send(address, "POST", target, &headers, body).unwrap_or_else(|| panic!("no answer of {target}"))
}

#[test]
fn bodies_to_the_registry() {
    let world = World::start();
    let (admin, alice) = (world.admin.api_key(), world.alice.api_key());
    let bootstrap = world.site.bootstrap_secret();
    let service = std::fs::read(world.site.dir().join("registry/internal-service.json")).unwrap();
    let service: Value = serde_json::from_slice(&service).unwrap();
    let (id, secret) = (service["id"].as_str().unwrap(), service["secret"].as_str().unwrap());
    let key = "A".repeat(43);
    let ulid = Ulid::generate(SystemClock.now(), &OsRng).to_string();
    let route = |target, by, code, good, optional| Route {
        target,
        by,
        code,
        good,
        optional,
    };
    let routes = [
        route(
            "/v1/admin/bootstrap",
            As::Bootstrap(&bootstrap),
            "ADMIN_BOOTSTRAP_INVALID",
            json!({ "displayName": "Admin", "apiKeyName": "key" }),
            &["displayName", "apiKeyName"],
        ),
        route(
            "/v1/invites",
            As::Key(&admin),
            "INVITE_CREATE_INVALID",
            json!({ "expiresAt": "2999-01-01T00:00:00Z" }),
            &["expiresAt"],
        ),
        route(
            "/v1/invites/redeem",
            As::Nobody,
            "INVITE_REDEEM_INVALID",
            json!({ "code": "clw_inv_x", "displayName": "Eve", "apiKeyName": "key" }),
            &["displayName", "apiKeyName"],
        ),
        route(
            "/v1/agents/challenge",
            As::Key(&alice),
            "AGENT_REGISTRATION_CHALLENGE_INVALID",
            json!({ "publicKey": key }),
            &[],
        ),
        route(
            "/v1/agents",
            As::Key(&alice),
            "AGENT_REGISTRATION_INVALID",
            json!({ "name": "gamma", "framework": "openclaw", "publicKey": key, "ttlDays": 30, "challengeId": ulid,
                    "challengeSignature": "A".repeat(86) }),
            &["framework", "ttlDays"],
        ),
        route(
            "/v1/agents/auth/refresh",
            As::Nobody,
            "AGENT_AUTH_REFRESH_INVALID",
            json!({ "refreshToken": format!("clw_rft_{key}") }),
            &[],
        ),
        route(
            "/v1/agents/auth/validate",
            As::Nobody,
            "AGENT_AUTH_VALIDATE_INVALID",
            json!({ "agentDid": world.alpha.did(), "aitJti": ulid }),
            &[],
        ),
        route(
            "/v1/me/api-keys",
            As::Key(&alice),
            "API_KEY_CREATE_INVALID",
            json!({ "name": "key" }),
            &["name"],
        ),
        route(
            "/v1/admin/internal-services",
            As::Key(&admin),
            "INTERNAL_SERVICE_INVALID",
            json!({ "name": "relay-2", "scopes": ["identity.read"] }),
            &[],
        ),
        route(
            "/internal/v1/identity/agent-ownership",
            As::Service(id, secret),
            "AGENT_OWNERSHIP_INVALID",
            json!({ "ownerDid": "did:cdi:127.0.0.1:human:00000000000000000000000000", "agentDid": world.alpha.did() }),
            &[],
        ),
    ];
    let before = world.state();
    for route in &routes {
        for (what, body) in no_objects() {
            let answer = post_as(world.registry(), route.by, route.target, &body);
            assert_eq!(answer.error(), (400, route.code.to_owned()), "{}: {what}", route.target);
            has_envelope(&answer);
        }
        let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(TOO_LONG));
        let answer = post_as(world.registry(), route.by, route.target, long.as_bytes());
        assert_eq!(
            answer.error(),
            (413, "PAYLOAD_TOO_LARGE".to_owned()),
            "{}",
            route.target
        );

        for member in route.good.as_object().unwrap().keys() {
            let mut values = no_values();
            if !route.optional.contains(&member.as_str()) {
                values.push(Value::Null);
            }
            for value in values {
                let mut body = route.good.clone();
                body[member] = value.clone();
                let answer = post_as(world.registry(), route.by, route.target, body.to_string().as_bytes());
                // a secret is a text: which one is looked at last
                let code = match member.as_str() {
                    "code" if value == "\u{0}" => "INVITE_REDEEM_CODE_INVALID",
                    "refreshToken" if value == "\u{0}" => "AGENT_AUTH_REFRESH_UNAUTHORIZED",
                    _ => route.code,
                };
                let value: String = value.to_string().chars().take(40).collect();
                let what = format!("{}: {member} = {value}", route.target);
                assert_eq!(answer.error().1, code, "{what}");
            }
        }
    }
    assert_eq!(world.state(), before);
    world.is_up();
    let _ = world.alice.agent("delta");
}

#[test]
fn paths_and_queries_of_the_registry() {
    let world = World::start();
    let key = format!("Bearer {}", world.alice.api_key());
    let before = world.state();
    let ids = [
        "x",
        "0",
        "%00",
        "..%2f..",
        "%ff",
        "81HF7YAT00W6W7CM7N3W5FDXTD",
        "01hf7yat00w6w7cm7n3w5fdxtd",
    ];
    for id in ids {
        for (method, path, code) in [
            ("GET", format!("/v1/resolve/{id}"), "AGENT_RESOLVE_INVALID_PATH"),
            ("DELETE", format!("/v1/agents/{id}"), "AGENT_REVOKE_INVALID_PATH"),
            (
                "GET",
                format!("/v1/agents/{id}/ownership"),
                "AGENT_OWNERSHIP_INVALID_PATH",
            ),
            ("POST", format!("/v1/agents/{id}/reissue"), "AGENT_REVOKE_INVALID_PATH"),
            (
                "DELETE",
                format!("/v1/agents/{id}/auth/revoke"),
                "AGENT_REVOKE_INVALID_PATH",
            ),
            ("DELETE", format!("/v1/me/api-keys/{id}"), "API_KEY_REVOKE_INVALID_PATH"),
        ] {
            let answer = http::send(world.registry(), method, &path, &[("authorization", &key)], b"").unwrap();
            assert_eq!(answer.error(), (400, code.to_owned()), "{method} {path}");
        }
    }
    for query in [
        "status=gone",
        "status=active&status=active",
        "limit=0",
        "limit=101",
        "limit=1e1",
        "limit=-1",
        "limit=99999999999999999999",
        "cursor=x",
        "framework=",
        "framework=%00",
    ] {
        let target = format!("/v1/agents?{query}");
        let answer = http::send(world.registry(), "GET", &target, &[("authorization", &key)], b"").unwrap();
        assert_eq!(answer.error(), (400, "AGENT_LIST_INVALID_QUERY".to_owned()), "{query}");
    }
    for (authorization, code) in [
        ("", "API_KEY_MISSING"),
        ("Bearer", "API_KEY_MISSING"),
        ("Basic eDp5", "API_KEY_MISSING"),
        ("Bearer x", "API_KEY_INVALID"),
        ("Bearer clw_pat_", "API_KEY_INVALID"),
        // what is no ASCII cannot be read, and so is not there
        ("Bearer clw_pat_\u{e4}", "API_KEY_MISSING"),
    ] {
        let answer = http::send(
            world.registry(),
            "GET",
            "/v1/me",
            &[("authorization", authorization)],
            b"",
        );
        assert_eq!(answer.unwrap().error(), (401, code.to_owned()), "{authorization:?}");
    }
    assert_eq!(world.state(), before);
    world.is_up();
}
