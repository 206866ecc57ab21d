//! Every route as every caller who has no business there. The routes come from one table, and a test holds the table
//! against the router.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::ed25519::SecretKey;
use chancery_relay_wire::{registry::HumanStatus, route};
use common::{Agent, Human, World};
use serde_json::{Value, json};

/// Who a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Anybody.
    All,
    /// Whoever shows a secret, code or proof in the request itself.
    Bearer,
    /// Any person, who then sees only what is theirs.
    Person,
    /// The person who owns what the path names; for others it is not there.
    Owner,
    /// Administrators.
    Admin,
    /// Services.
    Service,
}

const ROUTES: &[(&str, &str, For)] = &[
    ("GET", route::HEALTH, For::All),
    ("GET", route::METADATA, For::All),
    ("GET", route::KEYS, For::All),
    ("GET", route::CRL, For::All),
    ("GET", route::RESOLVE, For::All),
    ("POST", route::BOOTSTRAP, For::Bearer),
    ("POST", route::INVITE_REDEEM, For::Bearer),
    ("POST", route::AGENT_AUTH_REFRESH, For::Bearer),
    ("POST", route::AGENT_AUTH_VALIDATE, For::Bearer),
    ("POST", route::INVITES, For::Admin),
    ("POST", route::INTERNAL_SERVICES, For::Admin),
    ("GET", route::INTERNAL_SERVICES, For::Admin),
    ("POST", route::INTERNAL_SERVICE_ROTATE, For::Admin),
    ("POST", route::AGENT_CHALLENGE, For::Person),
    ("POST", route::AGENTS, For::Person),
    ("GET", route::AGENTS, For::Person),
    ("GET", route::AGENT_OWNERSHIP, For::Person),
    ("GET", route::ME, For::Person),
    ("POST", route::API_KEYS, For::Person),
    ("GET", route::API_KEYS, For::Person),
    ("DELETE", route::AGENT, For::Owner),
    ("POST", route::AGENT_REISSUE, For::Owner),
    ("DELETE", route::AGENT_AUTH_REVOKE, For::Owner),
    ("DELETE", route::API_KEY, For::Owner),
    ("POST", route::AGENT_OWNERSHIP_INTERNAL, For::Service),
    ("GET", route::REVOCATIONS, For::Service),
];

/// Ids of what the victim has.
struct Victim {
    human: Human,
    agent: Agent,
    key_id: String,
}

impl Victim {
    async fn new(world: &World, human: Human) -> Self {
        let agent = world.agent(&human, "victim").await;
        let key_id = world
            .get(route::ME)
            .bearer(&human.key)
            .send()
            .await
            .text("/human/apiKey/id");
        Self { human, agent, key_id }
    }

    fn path(&self, route: &str) -> String {
        let id = match route {
            route::API_KEY => &self.key_id,
            route::INTERNAL_SERVICE_ROTATE => common::SERVICE_ID,
            _ => &self.agent.id,
        };
        route.replace("{id}", id)
    }

    /// A body that the route would accept from the right caller.
    fn body(&self, route: &str) -> Value {
        match route {
            route::AGENT_CHALLENGE => json!({"publicKey": SecretKey::from_seed(&[9; 32]).public().to_b64()}),
            route::INTERNAL_SERVICES => json!({"name": "svc", "scopes": ["identity.read"]}),
            route::AGENT_OWNERSHIP_INTERNAL => json!({"ownerDid": self.human.did, "agentDid": self.agent.did}),
            _ => json!({}),
        }
    }

    /// Everything of the victim that a stranger might have changed.
    async fn state(&self, world: &World) -> Value {
        world.validate(&self.agent, &self.agent.access).send().await.ok(204);
        let mut keys = world.get(route::API_KEYS).bearer(&self.human.key).send().await.body;
        for key in keys["apiKeys"].as_array_mut().unwrap() {
            key.as_object_mut().unwrap().remove("lastUsedAt");
        }
        let agents = world.get(route::AGENTS).bearer(&self.human.key).send().await.body;
        let resolved = world.get(&self.path(route::RESOLVE)).send().await.body;
        json!([keys, agents, resolved])
    }
}

fn authenticated() -> impl Iterator<Item = &'static (&'static str, &'static str, For)> {
    ROUTES
        .iter()
        .filter(|(_, _, whose)| !matches!(whose, For::All | For::Bearer))
}

scenarios! {
    async fn nobody_gets_in_without_credentials(world: World) {
        let (human, _) = world.human().await;
        let victim = Victim::new(&world, human).await;
        let before = victim.state(&world).await;
        for (method, route, whose) in authenticated() {
            let expected = match whose {
                For::Service => (401, "INTERNAL_SERVICE_UNAUTHORIZED"),
                _ => (401, "API_KEY_MISSING"),
            };
            let bare = world.call(method, &victim.path(route)).json(victim.body(route)).await;
            assert_eq!((bare.status, bare.code()), expected, "{method} {route}");
            // what an agent or a relay holds opens none of them either
            for token in [&victim.agent.access, &victim.agent.refresh, &victim.agent.ait] {
                let answer = world.call(method, &victim.path(route)).bearer(token).json(victim.body(route)).await;
                assert_eq!(answer.status, 401, "{method} {route}: {}", answer.body);
            }
            let claw = world.call(method, &victim.path(route)).proven(&victim.agent, Vec::new()).send().await;
            assert_eq!(claw.status, 401, "{method} {route}: {}", claw.body);
        }
        assert_eq!(victim.state(&world).await, before);
    }

    async fn a_revoked_key_and_a_suspended_person_get_nowhere(world: World) {
        let (human, admin) = world.human().await;
        let victim = Victim::new(&world, human.clone()).await;
        let spare = world.post(route::API_KEYS).bearer(&human.key).json(json!({})).await;
        let (revoked, id) = (spare.text("/apiKey/token"), spare.text("/apiKey/id"));
        world.delete(&route::API_KEY.replace("{id}", &id)).bearer(&human.key).send().await.ok(204);
        let suspended = world.another_human(&admin).await;
        world.registry.set_human_status(suspended.id.parse().unwrap(), HumanStatus::Suspended).await.unwrap();
        let before = victim.state(&world).await;
        for (method, route, whose) in authenticated().filter(|(_, _, whose)| *whose != For::Service) {
            for (key, code) in [(&revoked, "API_KEY_REVOKED"), (&suspended.key, "API_KEY_INVALID")] {
                let answer = world.call(method, &victim.path(route)).bearer(key).json(victim.body(route)).await;
                assert_eq!((answer.status, answer.code()), (401, code), "{method} {route} {whose:?}");
            }
        }
        assert_eq!(victim.state(&world).await, before);
    }

    async fn a_foreign_person_sees_and_changes_nothing(world: World) {
        let (human, admin) = world.human().await;
        let foreign = world.another_human(&admin).await;
        let victim = Victim::new(&world, human).await;
        let before = victim.state(&world).await;
        for (method, route, whose) in authenticated() {
            let call = || world.call(method, &victim.path(route));
            // administrators own no more than others
            for key in [&foreign.key, &admin] {
                let is_admin = *key == admin;
                let answer = match (whose, is_admin) {
                    (For::Admin, true) | (For::Service, _) => continue,
                    _ => call().bearer(key).json(victim.body(route)).await,
                };
                match whose {
                    For::Owner => assert_eq!(answer.status, 404, "{method} {route}: {}", answer.body),
                    For::Admin => assert_eq!(answer.status, 403, "{method} {route}: {}", answer.body),
                    _ => assert!(answer.status < 500, "{method} {route}: {}", answer.body),
                }
                let told = answer.body.to_string();
                for secret in [&victim.agent.id, &victim.agent.did, &victim.human.id, &victim.key_id] {
                    assert!(!told.contains(secret.as_str()), "{method} {route} tells {secret}: {told}");
                }
            }
            if *whose == For::Service {
                let answer = call().bearer(&foreign.key).json(victim.body(route)).await;
                answer.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
            }
        }
        assert_eq!(victim.state(&world).await, before);
    }

    async fn a_service_is_no_person(world: World) {
        let (human, _) = world.human().await;
        let victim = Victim::new(&world, human).await;
        for (method, route, _) in authenticated().filter(|(_, _, whose)| *whose != For::Service) {
            let answer = world.as_service(method, &victim.path(route)).json(victim.body(route)).await;
            assert_eq!((answer.status, answer.code()), (401, "API_KEY_MISSING"), "{method} {route}");
            let answer = world.call(method, &victim.path(route)).bearer(common::SERVICE_SECRET).send().await;
            assert_eq!((answer.status, answer.code()), (401, "API_KEY_INVALID"), "{method} {route}");
        }
    }

    async fn the_table_lists_every_method_of_every_route(world: World) {
        let mut paths: Vec<_> = ROUTES.iter().map(|(_, path, _)| *path).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let listed = ROUTES.iter().any(|(m, p, _)| (*m, *p) == (method, path));
                let target = path.replace("{id}", "00000000000000000000000000");
                let (status, _) = world.call(method, &target).open().await;
                assert_eq!(status != 405, listed, "{method} {path}: {status}");
            }
        }
        world.get("/nope").send().await.is(404, "NOT_FOUND");
    }
}
