//! One suite over all backends: any sequence of commands has the same answers and leaves the same tables, `memory` being
//! the oracle.

mod driver;
mod made;
mod op;

use chancery_base::Millis;
use chancery_relay_wire::registry::{HumanStatus, Status};
use proptest::prelude::*;

use driver::Driver;
use op::Op;

fn op() -> impl Strategy<Value = Op> {
    let few = 0_usize..4;
    prop_oneof![
        1 => Just(Op::Bootstrap),
        1 => few.clone().prop_map(|id| Op::EnsureService { id }),
        2 => (few.clone(), any::<bool>()).prop_map(|(by, expires)| Op::CreateInvite { by, expires }),
        3 => few.clone().prop_map(|invite| Op::Redeem { invite }),
        1 => few.clone().prop_map(|human| Op::CreateApiKey { human }),
        1 => (few.clone(), few.clone()).prop_map(|(human, key)| Op::RevokeApiKey { human, key }),
        1 => few.clone().prop_map(|key| Op::TouchApiKey { key }),
        1 => (few.clone(), any::<bool>()).prop_map(|(human, active)| Op::SetHumanStatus {
            human,
            status: if active { HumanStatus::Active } else { HumanStatus::Suspended },
        }),
        4 => (few.clone(), few.clone()).prop_map(|(owner, key)| Op::CreateChallenge { owner, key }),
        6 => (few.clone(), few.clone(), few.clone(), few.clone())
            .prop_map(|(owner, challenge, name, key)| Op::CreateAgent { owner, challenge, name, key }),
        1 => (few.clone(), few.clone()).prop_map(|(owner, agent)| Op::RevokeAgent { owner, agent }),
        2 => (few.clone(), few.clone(), any::<bool>()).prop_map(|(owner, agent, current)| Op::Reissue { owner, agent, current }),
        2 => (few.clone(), few.clone()).prop_map(|(owner, agent)| Op::RevokeSession { owner, agent }),
        8 => (few.clone(), 0_usize..4, 0_usize..6, prop::bool::weighted(0.9))
            .prop_map(|(agent, age, nonce, current)| Op::Refresh { agent, age, nonce, current }),
        2 => (few.clone(), any::<bool>()).prop_map(|(agent, current)| Op::TouchAccess { agent, current }),
        1 => (few.clone(), few.clone()).prop_map(|(id, name)| Op::CreateService { id, name }),
        1 => few.clone().prop_map(|id| Op::RotateService { id }),
        1 => few.prop_map(|id| Op::TouchService { id }),
        4 => prop::sample::select(vec![1, 1000, 30_000, 61_000, 6 * 60_000, 31 * 24 * 3_600_000])
            .prop_map(|ms| Op::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commands_means_the_same_on_every_backend(ops in prop::collection::vec(op(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut driver = Driver::new();
            driver.run(&Op::Bootstrap).await;
            for op in &ops {
                driver.run(op).await;
            }
            driver.compare().await;
        });
    }
}

#[tokio::test]
async fn the_random_sequences_reach_every_outcome() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(op(), 400);
    let mut driver = Driver::new();
    for _ in 0..8 {
        for op in strategy.new_tree(&mut runner).unwrap().current() {
            driver.run(&op).await;
        }
        driver = driver.keep_outcomes();
    }
    let seen = driver.outcomes();
    for (step, outcome) in [
        ("Bootstrap", "Refused(AlreadyCompleted)"),
        ("Redeem", "Ok(())"),
        ("Redeem", "Refused(Unknown)"),
        ("Redeem", "Refused(AlreadyUsed)"),
        ("Redeem", "Refused(Expired)"),
        ("RevokeApiKey", "Ok(())"),
        ("RevokeApiKey", "Refused(NotFound)"),
        ("SetHumanStatus", "Refused(NotFound)"),
        ("CreateAgent", "Ok(())"),
        ("CreateAgent", "Refused(ChallengeNotFound)"),
        ("CreateAgent", "Refused(ChallengeReplayed)"),
        ("CreateAgent", "Refused(ChallengeExpired)"),
        ("CreateAgent", "Refused(NameTaken)"),
        ("CreateAgent", "Refused(KeyTaken)"),
        ("RevokeAgent", "Ok(Some("),
        ("RevokeAgent", "Ok(None)"),
        ("RevokeAgent", "Refused(NotFound)"),
        ("Reissue", "Ok("),
        ("Reissue", "Refused(NotFound)"),
        ("Reissue", "Refused(InvalidState)"),
        ("RevokeSession", "Ok(Some("),
        ("RevokeSession", "Ok(None)"),
        ("RevokeSession", "Refused(NotFound)"),
        ("Refresh", "Ok(Replayed)"),
        ("Refresh", "Ok(Invalid)"),
        ("Refresh", "Ok(Revoked)"),
        ("Refresh", "Ok(Expired"),
        ("Refresh", "Ok(Rotated)"),
        ("Refresh", "Ok(Successor"),
        ("CreateService", "Ok(())"),
        ("CreateService", "Refused(AlreadyExists)"),
        ("RotateService", "Ok(Service"),
        ("RotateService", "Refused(NotFound)"),
    ] {
        let wanted = |text: &&String| {
            text.split_once(": ")
                .is_some_and(|(name, said)| name.ends_with(&format!("::{step}")) && said.contains(outcome))
        };
        assert!(
            seen.iter().any(|text| wanted(&text)),
            "{step}: {outcome} never happened"
        );
    }
}

#[tokio::test]
async fn the_feed_has_no_gaps_whatever_refuses_in_between() {
    let mut driver = Driver::new();
    driver.run(&Op::Bootstrap).await;
    for n in 0..3 {
        driver.run(&Op::CreateChallenge { owner: 0, key: n }).await;
        driver
            .run(&Op::CreateAgent {
                owner: 0,
                challenge: 0,
                name: n,
                key: n,
            })
            .await;
    }
    for n in 0..30 {
        driver
            .run(&Op::Reissue {
                owner: n % 2,
                agent: n % 3,
                current: n % 5 != 0,
            })
            .await;
        driver.run(&Op::RevokeSession { owner: 0, agent: n % 3 }).await;
    }
    driver.run(&Op::RevokeAgent { owner: 0, agent: 0 }).await;
    let state = driver.compare().await;
    let seqs: Vec<_> = state.revocations.iter().map(|entry| entry.seq).collect();
    assert!(seqs.len() > 10);
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn nonces_are_forgotten_when_no_clock_would_accept_their_proof() {
    let mut driver = Driver::new();
    driver.run(&Op::Bootstrap).await;
    driver.run(&Op::CreateChallenge { owner: 0, key: 0 }).await;
    driver
        .run(&Op::CreateAgent {
            owner: 0,
            challenge: 0,
            name: 0,
            key: 0,
        })
        .await;
    driver
        .run(&Op::Refresh {
            agent: 0,
            age: 0,
            nonce: 0,
            current: true,
        })
        .await;
    assert_eq!(driver.compare().await.nonces.len(), 1);
    driver.run(&Op::Wait { ms: 11 * 60_000 }).await;
    driver
        .run(&Op::Refresh {
            agent: 0,
            age: 0,
            nonce: 1,
            current: true,
        })
        .await;
    let state = driver.compare().await;
    assert_eq!(state.nonces.len(), 1);
    assert!(state.sessions.values().all(|session| session.status == Status::Active));
    assert!(state.nonces.values().all(|until| *until > Millis(0)));
}

#[tokio::test]
async fn an_agent_cannot_fill_the_store_with_nonces() {
    let mut driver = Driver::new();
    driver.run(&Op::Bootstrap).await;
    driver.run(&Op::CreateChallenge { owner: 0, key: 0 }).await;
    driver
        .run(&Op::CreateAgent {
            owner: 0,
            challenge: 0,
            name: 0,
            key: 0,
        })
        .await;
    for nonce in 0..super::rules::MAX_NONCES_PER_AGENT + 2 {
        driver
            .run(&Op::Refresh {
                agent: 0,
                age: 3,
                nonce: 100 + nonce,
                current: true,
            })
            .await;
    }
    assert_eq!(
        driver
            .outcomes()
            .iter()
            .filter(|text| text.contains("TooManyNonces"))
            .count(),
        1
    );
    assert_eq!(driver.compare().await.nonces.len(), super::rules::MAX_NONCES_PER_AGENT);
}
