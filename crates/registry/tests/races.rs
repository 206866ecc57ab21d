//! Two at once: exactly one wins (spec 11.8).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::sync::Arc;

use chancery_base::ed25519::SecretKey;
use common::World;
use futures_util::future::join_all;
use serde_json::json;

/// How many do the same thing at a time.
const RACERS: usize = 8;

scenarios! {
    async fn one_invite_becomes_one_person(world: World) {
        let admin = world.bootstrap().await;
        let code = world.invite(&admin).await;
        let answers =
            join_all((0..RACERS).map(|_| world.post("/v1/invites/redeem").json(json!({"code": code})))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.is(409, "INVITE_REDEEM_ALREADY_USED");
        }
    }

    async fn one_bootstrap_completes(world: World) {
        let bootstrap = || world.post("/v1/admin/bootstrap").header("x-bootstrap-secret", common::BOOTSTRAP_SECRET);
        let answers = join_all((0..RACERS).map(|_| bootstrap().json(json!({})))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), RACERS - 1);
    }

    async fn one_challenge_makes_one_agent(world: World) {
        let (human, _) = world.human().await;
        let key = SecretKey::generate(&*world.rng);
        let body = world.registration(&human, &key, "alpha").await;
        let create = || world.post("/v1/agents").bearer(&human.key).json(body.clone());
        let answers = join_all((0..RACERS).map(|_| create())).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.is(400, "AGENT_REGISTRATION_CHALLENGE_REPLAYED");
        }
        let list = world.get("/v1/agents").bearer(&human.key).send().await;
        assert_eq!(list.body["agents"].as_array().unwrap().len(), 1);
    }

    async fn one_name_goes_to_one_agent(world: World) {
        let (human, _) = world.human().await;
        let mut bodies = Vec::new();
        for _ in 0..RACERS {
            bodies.push(world.registration(&human, &SecretKey::generate(&*world.rng), "alpha").await);
        }
        let answers = join_all(bodies.into_iter().map(|body| world.post("/v1/agents").bearer(&human.key).json(body))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.code() == "AGENT_REGISTRATION_NAME_TAKEN").count(), RACERS - 1);
    }

    async fn parallel_refreshes_get_the_same_successor(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let answers = join_all((0..RACERS).map(|_| world.refresh(&agent, &agent.refresh).send())).await;
        for answer in &answers {
            answer.ok(200);
            assert_eq!(answer.body, answers[0].body);
        }
        world.validate(&agent, &answers[0].text("/agentAuth/accessToken")).send().await.ok(204);
        world.refresh(&agent, &answers[0].text("/agentAuth/refreshToken")).send().await.ok(200);
    }

    async fn one_proof_works_once(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let proven = world.refresh(&agent, &agent.refresh);
        let again = || {
            let call = world.post("/v1/agents/auth/refresh").body(proven.body.clone());
            proven.headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
        };
        let answers = join_all((0..RACERS).map(|_| again())).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.is(401, "AGENT_AUTH_REFRESH_UNAUTHORIZED");
        }
    }

    async fn one_reissue_replaces_one_token(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let reissue = || world.post(&format!("/v1/agents/{}/reissue", agent.id)).bearer(&human.key).send();
        let answers = join_all((0..RACERS).map(|_| reissue())).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(done >= 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.is(409, "AGENT_REISSUE_INVALID_STATE");
        }
    }

    async fn a_revocation_is_noted_once(world: World) {
        let (human, _) = world.human().await;
        let agent = world.agent(&human, "alpha").await;
        let revoke = || world.delete(&format!("/v1/agents/{}", agent.id)).bearer(&human.key).send();
        for answer in join_all((0..RACERS).map(|_| revoke())).await {
            answer.ok(204);
        }
        let (_, mut feed) = world.as_service("GET", "/internal/v1/revocations?after=1").open().await;
        let frame = http_body_util::BodyExt::frame(&mut feed).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(&frame[..], b"id: 1\ndata: {\"type\":\"heartbeat\",\"seq\":1}\n\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_race_as_tasks_do() {
    let world = Arc::new(World::sqlite().await);
    let admin = world.bootstrap().await;
    for _ in 0..20 {
        let code = world.invite(&admin).await;
        let race = (0..2).map(|_| {
            let (world, code) = (Arc::clone(&world), code.clone());
            tokio::spawn(async move {
                world
                    .post("/v1/invites/redeem")
                    .json(json!({"code": code}))
                    .await
                    .status
            })
        });
        let mut statuses: Vec<_> = join_all(race).await.into_iter().map(Result::unwrap).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
}
