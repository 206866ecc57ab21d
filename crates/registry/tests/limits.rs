//! Rate limits, malformed and oversized bodies, request ids, what production hides (spec 4.1).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::net::IpAddr;

use chancery_registry::{Environment, Store};
use common::{BOOTSTRAP_SECRET, World, config};
use serde_json::{Value, json};

const LIMITED: &[(&str, &str, u32)] = &[
    ("GET", "/v1/resolve/00000000000000000000000000", 10),
    ("GET", "/v1/crl", 30),
    ("POST", "/v1/agents/auth/refresh", 20),
    ("POST", "/v1/agents/auth/validate", 120),
    ("POST", "/v1/admin/bootstrap", 10),
    ("POST", "/v1/invites/redeem", 10),
    ("POST", "/v1/agents/challenge", 60),
    ("POST", "/v1/agents", 60),
];

fn client(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

#[tokio::test]
async fn each_limited_route_counts_by_address() {
    let world = World::memory().await;
    for (method, path, limit) in LIMITED {
        let from = |n| world.call(method, path).from(client(n)).send();
        for _ in 0..*limit {
            assert_ne!(from(1).await.status, 429, "{method} {path}");
        }
        let refused = from(1).await;
        refused.is(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(refused.headers["retry-after"], "60", "{method} {path}");
        assert_ne!(from(2).await.status, 429, "{method} {path}");
    }
    world.advance_secs(59);
    let refused = world.get("/v1/crl").from(client(1)).send().await;
    assert_eq!(refused.headers["retry-after"], "1");
    world.advance_secs(1);
    world.get("/v1/crl").from(client(1)).send().await.ok(200);
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_network_count_together() {
    let world = World::memory().await;
    let from = |address: &str| world.get("/v1/crl").from(address.parse().unwrap()).send();
    for n in 0..30 {
        from(&format!("2001:db8:0:1:{n:x}::{n:x}")).await.ok(200);
    }
    from("2001:db8:0:1:ffff::1").await.is(429, "RATE_LIMIT_EXCEEDED");
    from("2001:db8:0:2::1").await.ok(200);
}

#[tokio::test]
async fn services_that_authenticate_are_not_counted_and_others_are() {
    let world = World::memory().await;
    let validate = || world.as_service("POST", "/v1/agents/auth/validate").from(client(1));
    for _ in 0..300 {
        validate().send().await.is(400, "AGENT_AUTH_VALIDATE_INVALID");
    }
    for _ in 0..120 {
        let wrong = validate()
            .instead("x-claw-service-secret", "clw_srv_wrong")
            .send()
            .await;
        wrong.is(400, "AGENT_AUTH_VALIDATE_INVALID");
    }
    validate()
        .instead("x-claw-service-secret", "clw_srv_wrong")
        .send()
        .await
        .is(429, "RATE_LIMIT_EXCEEDED");
    validate().send().await.is(400, "AGENT_AUTH_VALIDATE_INVALID");
}

#[tokio::test]
async fn listing_agents_is_not_limited_as_creating_them_is() {
    let world = World::memory().await;
    for _ in 0..100 {
        world
            .get("/v1/agents")
            .from(client(1))
            .send()
            .await
            .is(401, "API_KEY_MISSING");
    }
}

/// Routes that take a body, how to call them, and the code of a body that is no JSON object.
async fn with_bodies(world: &World) -> Vec<(&'static str, Vec<(&'static str, String)>, &'static str)> {
    let (human, admin) = world.human().await;
    let person = vec![("authorization", format!("Bearer {}", human.key))];
    let admin = vec![("authorization", format!("Bearer {admin}"))];
    let secret = vec![("x-bootstrap-secret", BOOTSTRAP_SECRET.to_owned())];
    let service = vec![
        ("x-claw-service-id", common::SERVICE_ID.to_owned()),
        ("x-claw-service-secret", common::SERVICE_SECRET.to_owned()),
    ];
    vec![
        ("/v1/admin/bootstrap", secret, "ADMIN_BOOTSTRAP_INVALID"),
        ("/v1/invites", admin.clone(), "INVITE_CREATE_INVALID"),
        ("/v1/invites/redeem", vec![], "INVITE_REDEEM_INVALID"),
        (
            "/v1/agents/challenge",
            person.clone(),
            "AGENT_REGISTRATION_CHALLENGE_INVALID",
        ),
        ("/v1/agents", person.clone(), "AGENT_REGISTRATION_INVALID"),
        ("/v1/agents/auth/refresh", vec![], "AGENT_AUTH_REFRESH_INVALID"),
        ("/v1/agents/auth/validate", vec![], "AGENT_AUTH_VALIDATE_INVALID"),
        ("/v1/me/api-keys", person, "API_KEY_CREATE_INVALID"),
        ("/v1/admin/internal-services", admin, "INTERNAL_SERVICE_INVALID"),
        (
            "/internal/v1/identity/agent-ownership",
            service,
            "AGENT_OWNERSHIP_INVALID",
        ),
    ]
}

scenarios! {
    async fn a_malformed_body_gets_the_code_of_its_route(world: World) {
        let deep = "[".repeat(100_000);
        let twice = r#"{"name":"a","name":"b"}"#;
        for (path, headers, code) in with_bodies(&world).await {
            for body in ["", "{", "nonsense", "[]", "null", "7", "\"x\"", "{}{}", "\u{feff}{}", &deep, twice] {
                let call = headers.iter().fold(world.post(path), |call, (name, value)| call.header(name, value));
                let answer = call.body(body.as_bytes().to_vec()).send().await;
                let shown: String = body.chars().take(20).collect();
                assert_eq!((answer.status, answer.code()), (400, code), "{path} {shown:?}: {}", answer.body);
                assert!(answer.body["error"]["details"]["formErrors"][0].is_string(), "{path}: {}", answer.body);
            }
            let call = headers.iter().fold(world.post(path), |call, (name, value)| call.header(name, value));
            let answer = call.body(vec![0xff, 0xfe]).send().await;
            assert_eq!((answer.status, answer.code()), (400, code), "{path}");
        }
    }

    async fn a_body_of_more_than_a_mebibyte_is_refused(world: World) {
        for (path, headers, _) in with_bodies(&world).await {
            let call = |bytes: usize| {
                let call = headers.iter().fold(world.post(path), |call, (name, value)| call.header(name, value));
                call.body(vec![b' '; bytes]).send()
            };
            assert_eq!(call(1024 * 1024).await.status, 400, "{path}");
            assert_eq!(call(1024 * 1024 + 1).await.status, 413, "{path}");
        }
    }

    async fn answers_carry_the_request_id(world: World) {
        let answer = world.get("/v1/me").header("x-request-id", "my-request-1").send().await;
        assert_eq!(answer.headers["x-request-id"], "my-request-1");
        assert_eq!(answer.text("/error/requestId"), "my-request-1");
        let answer = world.get("/v1/metadata").header("x-request-id", "bad id").send().await;
        assert_ne!(answer.headers["x-request-id"], "bad id");
    }
}

#[tokio::test]
async fn production_keeps_code_and_status_and_hides_what_is_wrong() {
    let mut settings = config();
    settings.environment = Environment::Production;
    let world = World::open(settings, Store::memory()).await;
    for (path, headers, code) in with_bodies(&world).await {
        let call = headers
            .iter()
            .fold(world.post(path), |call, (name, value)| call.header(name, value));
        let answer = call.json(json!([])).await;
        answer.is(400, code);
        assert_eq!(answer.text("/error/message"), "The request is not valid.");
        assert_eq!(answer.body["error"].get("details"), None::<&Value>);
    }
    assert_eq!(world.get("/v1/metadata").send().await.body["environment"], "production");
    // other errors keep their message
    let answer = world.get("/v1/me").send().await;
    assert_eq!(answer.text("/error/message"), "Authorization header is required");
}

#[tokio::test]
async fn open_challenges_of_one_person_are_limited() {
    let mut settings = config();
    settings.limits.challenge = chancery_registry::PerMinute(u32::MAX);
    let world = World::open(settings, Store::memory()).await;
    let (human, _) = world.human().await;
    let challenge = || {
        let key = chancery_base::ed25519::SecretKey::from_seed(&[9; 32]).public().to_b64();
        world
            .post("/v1/agents/challenge")
            .bearer(&human.key)
            .json(json!({"publicKey": key}))
    };
    for _ in 0..1000 {
        challenge().await.ok(201);
    }
    challenge().await.is(429, "AGENT_REGISTRATION_CHALLENGE_LIMIT_REACHED");
    world.advance_secs(300);
    challenge().await.ok(201);
}
