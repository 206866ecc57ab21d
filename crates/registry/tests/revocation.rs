//! Keys (spec 2.2), the revocation list (2.3) and the revocation feed (design decision 9).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::Duration;

use axum::body::Body;
use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::{
    Ait, crl,
    key_set::{KeySet, KeyStatus, RegistryKey},
    revocation::{self, Entry, Scope},
};
use chancery_registry::{SigningKeys, Store};
use chancery_relay_wire::registry::FeedEvent;
use common::{Answer, World, config, issuer};
use http_body_util::BodyExt as _;
use serde_json::json;

const FEED: &str = "/internal/v1/revocations";
const CACHED: &str = "public, max-age=300, s-maxage=300, stale-while-revalidate=60";

fn list(world: &World, answer: &Answer) -> crl::Claims {
    answer.ok(200);
    assert_eq!(answer.headers["cache-control"], CACHED);
    crl::verify(&answer.text("/crl"), &world.registry.key_set(), &issuer(), world.now()).unwrap()
}

/// A reader of the feed.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(world: &World, query: &str) -> Self {
        let (status, body) = world.as_service("GET", &format!("{FEED}{query}")).open().await;
        assert_eq!(status, 200);
        Self {
            body,
            text: String::new(),
        }
    }

    /// The next event with its id; `None` when the feed has ended.
    async fn next(&mut self) -> Option<(u64, FeedEvent)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (id, data) = event.split_once('\n').unwrap();
                let id = id.strip_prefix("id: ").unwrap().parse().unwrap();
                let event = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                self.text = rest.to_owned();
                return Some((id, event));
            }
            let frame = self.body.frame().await?.unwrap();
            self.text
                .push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
    }

    /// What arrives in one piece: the id of each event and, of a heartbeat, its position.
    async fn one_page(&mut self) -> Vec<(u64, Option<u64>)> {
        let mut page = vec![self.next().await.unwrap()];
        while !self.text.is_empty() {
            page.push(self.next().await.unwrap());
        }
        let heartbeat = |event| match event {
            FeedEvent::Heartbeat { seq } => Some(seq),
            _ => None,
        };
        page.into_iter().map(|(id, event)| (id, heartbeat(event))).collect()
    }

    /// The next entry, verified; heartbeats are passed over.
    async fn entry(&mut self, world: &World) -> Entry {
        loop {
            if let (id, FeedEvent::Entry { token }) = self.next().await.unwrap() {
                let entry = revocation::verify(&token, &world.registry.key_set(), &issuer()).unwrap();
                assert_eq!(entry.seq, id);
                return entry;
            }
        }
    }
}

async fn revoke(world: &World, key: &str, id: &str) {
    world
        .delete(&format!("/v1/agents/{id}"))
        .bearer(key)
        .send()
        .await
        .ok(204);
}

scenarios! {
    async fn keys_are_published_with_cache_headers(world: World) {
        let answer = world.get("/.well-known/claw-keys.json").send().await;
        answer.ok(200);
        assert_eq!(answer.headers["cache-control"], CACHED);
        let key = &answer.body["keys"][0];
        assert_eq!(key["x"], json!(common::signing_key().public().to_b64()));
        assert_eq!((key["alg"].as_str(), key["crv"].as_str(), key["status"].as_str()), (Some("EdDSA"), Some("Ed25519"), Some("active")));
    }

    async fn a_list_that_would_be_empty_names_nobody(world: World) {
        let answer = world.get("/v1/crl").send().await;
        let claims = list(&world, &answer);
        assert_eq!((claims.iat, claims.exp), (1_700_000_000, 1_700_000_390));
        assert_eq!(claims.revocations.len(), 1);
        let entry = &claims.revocations[0];
        assert_eq!(entry.reason.as_deref(), Some("sentinel"));
        assert_eq!(entry.agent_did.ulid(), Ulid::NIL);
        assert_eq!(entry.agent_did.authority().as_str(), "registry.example.test");
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        assert_ne!(entry.jti.to_string(), agent.jti);
    }

    async fn the_list_names_what_was_taken_back_newest_first(world: World) {
        let (human, _) = world.human().await;
        let (alpha, beta) = (world.agent(&human, "alpha").await, world.agent(&human, "beta").await);
        list(&world, &world.get("/v1/crl").send().await);
        world.post(&format!("/v1/agents/{}/reissue", alpha.id)).bearer(&human.key).send().await.ok(200);
        // at once, although a list was signed a moment ago
        let claims = list(&world, &world.get("/v1/crl").send().await);
        assert!(claims.revokes(alpha.jti.parse().unwrap()));
        world.advance_secs(1);
        revoke(&world, &human.key, &beta.id).await;
        world.delete(&format!("/v1/agents/{}/auth/revoke", alpha.id)).bearer(&human.key).send().await.ok(204);
        let claims = list(&world, &world.get("/v1/crl").send().await);
        let shown: Vec<_> = claims.revocations.iter()
            .map(|entry| (entry.jti.to_string(), entry.reason.as_deref(), entry.revoked_at)).collect();
        assert_eq!(shown, [(beta.jti.clone(), None, 1_700_000_001), (alpha.jti.clone(), Some("reissued"), 1_700_000_000)]);
        // what has expired by itself need not be listed for ever
        world.advance_secs(31 * 24 * 3600);
        let claims = list(&world, &world.get("/v1/crl").send().await);
        assert_eq!(claims.revocations.len(), 1);
        assert_eq!(claims.revocations[0].reason.as_deref(), Some("sentinel"));
    }

    async fn the_feed_tells_all_in_order_without_gaps(world: World) {
        let (human, _) = world.human().await;
        let mut agents = Vec::new();
        for n in 0..4 {
            agents.push(world.agent(&human, &format!("a{n}")).await);
        }
        let mut live = Reader::open(&world, "").await;
        assert_eq!(live.next().await, Some((0, FeedEvent::Heartbeat { seq: 0 })));
        revoke(&world, &human.key, &agents[0].id).await;
        revoke(&world, &human.key, &agents[0].id).await;
        world.post(&format!("/v1/agents/{}/reissue", agents[1].id)).bearer(&human.key).send().await.ok(200);
        world.delete(&format!("/v1/agents/{}/auth/revoke", agents[2].id)).bearer(&human.key).send().await.ok(204);
        revoke(&world, &human.key, &agents[3].id).await;

        let expected = [
            (1, &agents[0], Scope::Agent, "agent_revoked"), (2, &agents[1], Scope::Token, "reissued"),
            (3, &agents[2], Scope::Session, "owner_auth_revoke"), (4, &agents[3], Scope::Agent, "agent_revoked"),
        ];
        let mut late = Reader::open(&world, "?after=0").await;
        for (seq, agent, scope, reason) in expected {
            for reader in [&mut live, &mut late] {
                let entry = reader.entry(&world).await;
                assert_eq!((entry.seq, entry.scope, entry.reason.as_deref()), (seq, scope, Some(reason)));
                assert_eq!((entry.agent_did.as_str(), entry.jti.to_string()), (agent.did.as_str(), agent.jti.clone()));
                assert_eq!(entry.revoked_at, 1_700_000_000);
            }
        }
        assert_eq!(live.next().await, Some((4, FeedEvent::Heartbeat { seq: 4 })));
    }

    async fn a_reader_resumes_where_it_stopped(world: World) {
        let (human, _) = world.human().await;
        for n in 0..3 {
            let agent = world.agent(&human, &format!("a{n}")).await;
            revoke(&world, &human.key, &agent.id).await;
        }
        assert_eq!(Reader::open(&world, "?after=2").await.entry(&world).await.seq, 3);
        let (_, body) = world.as_service("GET", &format!("{FEED}?after=0")).header("last-event-id", "1").open().await;
        assert_eq!(Reader { body, text: String::new() }.entry(&world).await.seq, 2);
        assert_eq!(Reader::open(&world, "?after=3").await.next().await, Some((3, FeedEvent::Heartbeat { seq: 3 })));
    }

    async fn a_position_beyond_the_end_resets_the_reader(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        revoke(&world, &human.key, &agent.id).await;
        let mut reader = Reader::open(&world, "?after=2").await;
        assert_eq!(reader.next().await, Some((0, FeedEvent::Reset { seq: 1 })));
        assert_eq!(reader.entry(&world).await.seq, 1);
    }

    async fn a_long_feed_is_read_in_pages(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        for _ in 0..600 {
            world.post(&format!("/v1/agents/{}/reissue", agent.id)).bearer(&human.key).send().await.ok(200);
        }
        let mut reader = Reader::open(&world, "").await;
        for seq in 1..=600 {
            assert_eq!(reader.entry(&world).await.seq, seq);
        }
    }

    async fn the_page_that_reaches_the_head_ends_with_a_heartbeat(world: World) {
        let (human, _) = world.human().await;
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(world.agent(&human, &format!("a{n}")).await.id);
        }
        revoke(&world, &human.key, &ids[0]).await;
        revoke(&world, &human.key, &ids[1]).await;
        let mut reader = Reader::open(&world, "").await;
        let page = reader.one_page().await;
        assert_eq!(page, [(1, None), (2, None), (2, Some(2))], "of one that comes back");
        // whatever follows, the reader knew at this moment that it had everything
        revoke(&world, &human.key, &ids[2]).await;
        let page = reader.one_page().await;
        assert_eq!(page, [(3, None), (3, Some(3))], "of one that was there");
    }

    async fn an_entry_arrives_at_once_and_silence_is_filled(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let mut reader = Reader::open(&world, "").await;
        reader.next().await.unwrap();
        let began = tokio::time::Instant::now();
        for _ in 0..3 {
            assert_eq!(reader.next().await, Some((0, FeedEvent::Heartbeat { seq: 0 })));
        }
        let took = began.elapsed();
        assert!((700..2000).contains(&took.as_millis()), "{took:?}");
        let began = tokio::time::Instant::now();
        revoke(&world, &human.key, &agent.id).await;
        let entry = reader.entry(&world).await;
        assert_eq!(entry.seq, 1);
        assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    }

    async fn an_expired_session_is_in_the_feed(world: World) {
        let (human, _) = world.human().await;
        let mut agent = world.agent(&human, "alpha").await;
        world.advance_secs(30 * 24 * 3600);
        let reissue = world.post(&format!("/v1/agents/{}/reissue", agent.id)).bearer(&human.key).send().await;
        agent.ait = reissue.text("/ait");
        world.refresh(&agent, &agent.refresh).send().await.is(401, "AGENT_AUTH_REFRESH_EXPIRED");
        let mut reader = Reader::open(&world, "?after=1").await;
        let entry = reader.entry(&world).await;
        assert_eq!((entry.scope, entry.reason.as_deref()), (Scope::Session, Some("refresh_token_expired")));
    }

    async fn the_feed_is_for_services_with_its_scope(world: World) {
        let (human, admin) = world.human().await;
        world.get(FEED).send().await.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
        world.get(FEED).bearer(&admin).send().await.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
        world.get(FEED).bearer(&human.key).send().await.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
        world.as_service("GET", FEED).instead("x-claw-service-id", "other").send().await
            .is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
        world.as_service("GET", FEED).instead("x-claw-service-secret", "clw_srv_wrong").send().await
            .is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
        let service = world.post("/v1/admin/internal-services").bearer(&admin);
        let service = service.json(json!({"name": "reader", "scopes": ["identity.read"]})).await;
        let call = world.get(FEED).header("x-claw-service-id", &service.text("/internalService/id"));
        call.header("x-claw-service-secret", &service.text("/internalService/secret")).send().await
            .is(403, "INTERNAL_SERVICE_FORBIDDEN");
        for query in ["?after=x", "?after=-1", "?after=+1", "?after=", "?after=1&after=2"] {
            world.as_service("GET", &format!("{FEED}{query}")).send().await.is(400, "REVOCATIONS_INVALID_QUERY");
        }
        world.as_service("GET", FEED).header("last-event-id", "x").send().await.is(400, "REVOCATIONS_INVALID_QUERY");
    }

    async fn a_rotated_secret_ends_the_feeds_it_opened(world: World) {
        let admin = world.bootstrap().await;
        let mut reader = Reader::open(&world, "").await;
        reader.next().await.unwrap();
        let path = format!("/v1/admin/internal-services/{}/rotate", common::SERVICE_ID);
        world.post(&path).bearer(&admin).send().await.ok(200);
        assert_eq!(reader.next().await, None);
        world.as_service("GET", FEED).send().await.is(401, "INTERNAL_SERVICE_UNAUTHORIZED");
    }

    async fn feeds_end_when_the_registry_is_about_to(world: World) {
        let mut reader = Reader::open(&world, "").await;
        reader.next().await.unwrap();
        world.registry.end_feeds();
        assert_eq!(reader.next().await, None);
    }
}

#[tokio::test]
async fn readers_of_the_feed_are_limited() {
    let mut settings = config();
    settings.limits.feed_readers = 2;
    let world = World::open(settings, Store::memory()).await;
    let (first, _second) = (Reader::open(&world, "").await, Reader::open(&world, "").await);
    world
        .as_service("GET", FEED)
        .send()
        .await
        .is(429, "REVOCATIONS_TOO_MANY_READERS");
    drop(first);
    Reader::open(&world, "").await;
}

#[tokio::test]
async fn retired_keys_verify_revoked_ones_do_not_and_old_readers_see_two_states() {
    let (old, new, gone) = ([2; 32], [3; 32], [4; 32]);
    let entry = |kid: &str, seed: [u8; 32], status| RegistryKey::new(kid, SecretKey::from_seed(&seed).public(), status);
    let store = Store::memory();
    let mut settings = config();
    settings.signing_keys = SigningKeys::new(
        KeySet {
            keys: vec![entry("old", old, KeyStatus::Active)],
        },
        SecretKey::from_seed(&old),
    )
    .unwrap();
    let world = World::open(settings, store.clone()).await;
    let (human, _) = world.human().await;
    let agent = world.agent(&human, "alpha").await;

    let rotated = |old_status| {
        let keys = vec![
            entry("old", old, old_status),
            entry("new", new, KeyStatus::Active),
            entry("gone", gone, KeyStatus::Revoked),
        ];
        let mut settings = config();
        settings.signing_keys = SigningKeys::new(KeySet { keys }, SecretKey::from_seed(&new)).unwrap();
        settings
    };
    let world = World::open_at(rotated(KeyStatus::Retired), store.clone(), common::START + 1).await;
    let shown = world.get("/.well-known/claw-keys.json").send().await;
    let states: Vec<_> = shown.body["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["active", "active", "revoked"]);
    let refreshed = world.refresh(&agent, &agent.refresh).send().await;
    refreshed.ok(200);
    let other = world.agent(&human, "beta").await;
    assert_eq!(Ait::inspect(&other.ait).unwrap().0, "new");

    let world = World::open_at(rotated(KeyStatus::Revoked), store, common::START + 2).await;
    let again = world
        .refresh(&agent, &refreshed.text("/agentAuth/refreshToken"))
        .send()
        .await;
    again.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");
}

#[tokio::test]
async fn a_client_that_leaves_early_takes_no_entry_with_it() {
    let world = World::sqlite().await;
    let (human, _) = world.human().await;
    let mut revoked = 0;
    let mut left = 0;
    for polls in 1..=6 {
        let agent = world.agent(&human, &format!("a{polls}")).await;
        let path = format!("/v1/agents/{}", agent.id);
        let mut call = Box::pin(world.delete(&path).bearer(&human.key).send());
        for _ in 0..polls {
            if futures_util::poll!(&mut call).is_ready() {
                break;
            }
            left += 1;
            // what the request waits for is done meanwhile, and nobody asks for it
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(call);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let resolved = world.get(&format!("/v1/resolve/{}", agent.id)).send().await;
        revoked += u64::from(resolved.body["status"] == "revoked");
        let mut reader = Reader::open(&world, "").await;
        for seq in 1..=revoked {
            assert_eq!(reader.next().await.unwrap().0, seq, "after {polls} polls");
        }
        assert_eq!(
            reader.next().await,
            Some((revoked, FeedEvent::Heartbeat { seq: revoked })),
            "after {polls} polls"
        );
    }
    assert!(left > 2 && revoked > 2, "{left} {revoked}");
}
