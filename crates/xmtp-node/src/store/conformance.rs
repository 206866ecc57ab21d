//! One suite over all backends: any sequence of commands has the same answers and leaves the same rows, `memory` being the
//! oracle.

mod driver;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    Store,
    commands::{AppendGroupMessages, AppendIdentityUpdate, Overtaken},
    model::{Membership, NewGroupMessage, Order, Page, Row as _},
    queries::{GroupHistory, GroupMessages},
};
use driver::{Driver, Op};

fn op() -> impl Strategy<Value = Op> {
    let few = 0_u8..4;
    prop_oneof![
        6 => prop::collection::vec((few.clone(), 0_u8..12), 1..5).prop_map(Op::Messages),
        4 => prop::collection::vec((few.clone(), 0_u8..12, any::<bool>()), 1..5).prop_map(Op::Welcomes),
        3 => (few.clone(), few.clone(), any::<u8>())
            .prop_map(|(installation, inbox, data)| Op::KeyPackage { installation, inbox, data }),
        6 => (few.clone(), prop::bool::weighted(0.8), any::<u8>(), any::<u8>())
            .prop_map(|(inbox, current, added, removed)| Op::Update { inbox, current, added, removed }),
        2 => prop::collection::vec((few, any::<u8>()), 1..4).prop_map(Op::Commits),
        2 => prop::sample::select(vec![-5_000_i64, 0, 1, 1000]).prop_map(|ms| Op::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commands_means_the_same_on_every_backend(ops in prop::collection::vec(op(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut driver = Driver::new();
            for op in &ops {
                driver.run(op).await;
            }
            driver.reopen().await;
            for op in &ops {
                driver.run(op).await;
            }
        });
    }
}

fn message(group: u8, data: u64) -> NewGroupMessage {
    NewGroupMessage {
        group: Bytes::copy_from_slice(&[group; 16]),
        data: Bytes::copy_from_slice(&data.to_be_bytes()),
        sender_hmac: Bytes::new(),
        should_push: true,
        is_commit: false,
    }
}

fn page(order: Order, cursor: u64, rows: usize, bytes: usize) -> Page {
    Page {
        order,
        cursor,
        rows,
        bytes,
    }
}

async fn both(check: impl AsyncFn(Store)) {
    check(Store::memory()).await;
    let dir = tempfile::tempdir().unwrap();
    check(Store::sqlite(dir.path().join("node.sqlite3")).unwrap()).await;
}

#[tokio::test]
async fn ids_are_reported_in_order_whoever_appends() {
    both(async |store| {
        let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
        let tasks: Vec<_> = (0..200_u64)
            .map(|task| {
                let (store, seen) = (store.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let step = AppendGroupMessages {
                        messages: vec![message(1, 2 * task), message(2, 2 * task + 1)],
                        now_ns: 1,
                    };
                    let note = move |rows: &Vec<Arc<_>>| {
                        seen.lock()
                            .unwrap()
                            .extend(rows.iter().map(|row: &Arc<super::model::GroupMessage>| row.id));
                    };
                    store.run_then(step, note).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), (1..=400).collect::<Vec<_>>());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_follows_a_commit_happens_though_the_caller_has_gone() {
    both(async |store| {
        let (told, hears) = tokio::sync::oneshot::channel();
        let step = AppendGroupMessages {
            messages: vec![message(1, 1)],
            now_ns: 1,
        };
        let running = store.run_then(step, |rows: &Vec<_>| told.send(rows.len()).unwrap());
        // polled once, so that it is queued, and dropped
        let mut running = Box::pin(running);
        let _ = futures_util::poll!(&mut running);
        drop(running);
        assert_eq!(hears.await, Ok(1));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn times_go_up_with_ids_though_the_clock_goes_back() {
    both(async |store| {
        for now_ns in [1000, 1000, 10, 5000] {
            let messages = vec![message(1, now_ns * 7), message(1, now_ns * 7 + 1)];
            let step = AppendGroupMessages { messages, now_ns };
            store.run(step).await.unwrap();
        }
        let found = store
            .find(GroupMessages {
                group: message(1, 0).group,
                page: page(Order::Ascending, 0, 100, 1 << 20),
            })
            .await
            .unwrap();
        let times: Vec<_> = found.rows.iter().map(|row| row.created_ns).collect();
        // the same bytes at the same time were no new messages
        assert_eq!(times, [1000, 1001, 1002, 1003, 5000, 5001]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn two_updates_that_were_judged_against_one_log_are_not_both_appended() {
    both(async |store| {
        let update = |data: u8| AppendIdentityUpdate {
            inbox: "inbox".into(),
            after: 0,
            update: Bytes::copy_from_slice(&[data]),
            membership: Membership::default(),
            now_ns: 1,
        };
        let (one, other) = tokio::join!(store.run(update(1)), store.run(update(2)));
        let appended: Vec<_> = [one, other]
            .into_iter()
            .map(|result| match result {
                Ok(id) => Some(id),
                Err(super::Failure::Refused(Overtaken)) => None,
                Err(super::Failure::Store(error)) => panic!("{error}"),
            })
            .collect();
        assert_eq!(appended, [Some(1), None]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn history_goes_on_where_its_limits_cut_it() {
    both(async |store| {
        for data in 0..30 {
            let messages = vec![message(u8::try_from(data % 3).unwrap(), data)];
            store.run(AppendGroupMessages { messages, now_ns: 1 }).await.unwrap();
        }
        for (rows, bytes) in [(1, 1 << 20), (7, 1 << 20), (100, 1), (100, 500), (100, 1 << 20)] {
            let mut behind: Vec<_> = (0..4).map(|group| (message(group, 0).group, 0)).collect();
            let mut read = Vec::new();
            while !behind.is_empty() {
                let after = behind.clone();
                let history = store.find(GroupHistory { after, rows, bytes }).await.unwrap();
                assert!(!history.rows.is_empty() || history.finished > 0);
                assert!(history.rows.len() <= rows);
                behind.drain(..history.finished);
                for row in history.rows {
                    if let Some((_, cursor)) = behind.iter_mut().find(|(group, _)| *group == row.message.group) {
                        *cursor = row.id();
                    }
                    read.push(row.id());
                }
            }
            let expected: Vec<_> = (0..3)
                .flat_map(|group| (0..10).map(move |n| 3 * n + group + 1))
                .collect();
            assert_eq!(read, expected, "{rows} rows, {bytes} bytes");
        }
        store.close().await;
    })
    .await;
}
