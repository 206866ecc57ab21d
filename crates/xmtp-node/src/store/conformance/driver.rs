//! Runs commands on all backends and compares what they answer.

use std::{fmt::Debug, path::PathBuf};

use bytes::Bytes;

use crate::store::{
    Failure, Store,
    commands::{AppendCommitEntries, AppendGroupMessages, AppendIdentityUpdate, AppendWelcomes, PutKeyPackage},
    memory::{FindInMemory, OnMemory},
    model::{
        Identifier, IdentifierKind, Installation, Membership, NewCommitEntry, NewGroupMessage, NewWelcome, Order, Page,
        WelcomeKind,
    },
    queries::{
        CommitLog, GroupHistory, GroupMessages, InboxIds, InboxLog, InboxLogs, InboxOf, KeyPackages,
        NewestGroupMessages, Query, WelcomeHistory, Welcomes,
    },
    sqlite::{FindInSqlite, OnSqlite},
};

/// A command, in small numbers.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Messages(Vec<(u8, u8)>),
    Welcomes(Vec<(u8, u8, bool)>),
    KeyPackage {
        installation: u8,
        inbox: u8,
        data: u8,
    },
    Update {
        inbox: u8,
        current: bool,
        added: u8,
        removed: u8,
    },
    Commits(Vec<(u8, u8)>),
    Wait {
        ms: i64,
    },
}

pub(super) struct Driver {
    memory: Store,
    sqlite: Store,
    path: PathBuf,
    now_ms: i64,
    _dir: tempfile::TempDir,
}

fn group(n: u8) -> Bytes {
    Bytes::copy_from_slice(&[n; 16])
}

fn installation(n: u8) -> Installation {
    Installation([n; 32])
}

fn inbox(n: u8) -> String {
    format!("inbox {n}")
}

fn identifier(n: u8) -> Identifier {
    Identifier {
        kind: if n.is_multiple_of(2) {
            IdentifierKind::Ethereum
        } else {
            IdentifierKind::Passkey
        },
        // two kinds share a text
        text: format!("identifier {}", n / 2),
    }
}

/// The bits of `set` name identifiers and installations.
fn chosen<T>(set: u8, make: impl Fn(u8) -> T) -> Vec<T> {
    (0..4).filter(|n| set & (1 << n) != 0).map(make).collect()
}

impl Driver {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.sqlite3");
        Self {
            memory: Store::memory(),
            sqlite: Store::sqlite(&path).unwrap(),
            path,
            now_ms: 1_700_000_000_000,
            _dir: dir,
        }
    }

    /// Closes the file and opens it again.
    pub(super) async fn reopen(&mut self) {
        self.sqlite.close().await;
        self.sqlite = Store::sqlite(&self.path).unwrap();
    }

    async fn step<S: OnMemory + OnSqlite + Clone>(&self, step: S) -> Result<S::Done, S::Refusal>
    where
        S::Done: Debug + PartialEq,
        S::Refusal: Debug + PartialEq,
    {
        let outcome = |result: Result<_, Failure<_>>| match result {
            Ok(done) => Ok(done),
            Err(Failure::Refused(why)) => Err(why),
            Err(Failure::Store(error)) => panic!("{error}"),
        };
        let expected = outcome(self.memory.run(step.clone()).await);
        assert_eq!(outcome(self.sqlite.run(step).await), expected);
        expected
    }

    async fn ask<Q: Query + FindInMemory + FindInSqlite + Clone + Debug>(&self, query: Q) -> Q::Found
    where
        Q::Found: Debug + PartialEq,
    {
        let expected = self.memory.find(query.clone()).await.unwrap();
        assert_eq!(self.sqlite.find(query.clone()).await.unwrap(), expected, "{query:?}");
        expected
    }

    /// Runs a command and asks everything.
    pub(super) async fn run(&mut self, op: &Op) {
        let now_ns = u64::try_from(self.now_ms).unwrap() * 1_000_000;
        match op {
            Op::Messages(messages) => {
                let messages = messages.iter().map(|(n, data)| NewGroupMessage {
                    group: group(*n),
                    data: Bytes::copy_from_slice(&[*data; 9]),
                    sender_hmac: Bytes::copy_from_slice(&[7; 3]),
                    should_push: data % 2 == 0,
                    is_commit: data % 3 == 0,
                });
                let messages = messages.collect();
                self.step(AppendGroupMessages { messages, now_ns }).await.unwrap();
            }
            Op::Welcomes(welcomes) => {
                let welcomes = welcomes.iter().map(|(n, data, pointer)| NewWelcome {
                    installation: installation(*n),
                    kind: if *pointer {
                        WelcomeKind::Pointer
                    } else {
                        WelcomeKind::Welcome
                    },
                    data: Bytes::copy_from_slice(&[*data; 5]),
                    hpke_public_key: Bytes::copy_from_slice(&[*data]),
                    wrapper_algorithm: i32::from(data % 4),
                    metadata: Bytes::copy_from_slice(&[1; 2]),
                });
                let welcomes = welcomes.collect();
                self.step(AppendWelcomes { welcomes, now_ns }).await.unwrap();
            }
            Op::KeyPackage {
                installation: n,
                inbox: of,
                data,
            } => {
                let step = PutKeyPackage {
                    installation: installation(*n),
                    inbox: inbox(*of),
                    init_key: [data % 8; 32],
                    key_package: Bytes::copy_from_slice(&[*data; 6]),
                    now_ns,
                };
                // one that was superseded is refused
                let _ = self.step(step).await;
            }
            Op::Update {
                inbox: of,
                current,
                added,
                removed,
            } => {
                let log = self.ask(InboxLog { inbox: inbox(*of) }).await;
                let last = log.last().map_or(0, |update| update.sequence_id);
                let step = AppendIdentityUpdate {
                    inbox: inbox(*of),
                    after: if *current { last } else { last + 1 },
                    update: Bytes::copy_from_slice(&[*added, *removed]),
                    membership: Membership {
                        identifiers_added: chosen(*added, identifier),
                        identifiers_removed: chosen(*removed, identifier),
                        installations_added: chosen(added >> 4, installation),
                        installations_removed: chosen(removed >> 4, installation),
                    },
                    now_ns,
                };
                assert_eq!(self.step(step).await.is_ok(), *current);
            }
            Op::Commits(entries) => {
                let entries = entries.iter().map(|(n, data)| NewCommitEntry {
                    group: group(*n),
                    entry: Bytes::copy_from_slice(&[*data; 4]),
                    signature: Bytes::copy_from_slice(&[*data; 2]),
                });
                let entries = entries.collect();
                self.step(AppendCommitEntries { entries }).await.unwrap();
            }
            Op::Wait { ms } => self.now_ms += ms,
        }
        self.ask_everything().await;
    }

    async fn ask_everything(&self) {
        for n in 0..4 {
            for (order, cursor, rows, bytes) in [
                (Order::Ascending, 0, 100, 1 << 20),
                (Order::Descending, 0, 3, 1 << 20),
                (Order::Ascending, 3, 2, 1 << 20),
                (Order::Descending, 5, 100, 300),
                (Order::Ascending, u64::MAX, 100, 300),
                (Order::Descending, u64::MAX, 100, 1),
            ] {
                let page = Page {
                    order,
                    cursor,
                    rows,
                    bytes,
                };
                self.ask(GroupMessages { group: group(n), page }).await;
                self.ask(Welcomes {
                    installation: installation(n),
                    page,
                })
                .await;
                if order == Order::Ascending {
                    self.ask(CommitLog { group: group(n), page }).await;
                }
            }
            self.ask(InboxLog { inbox: inbox(n) }).await;
            self.ask(InboxOf {
                installation: installation(n),
            })
            .await;
        }
        for (rows, bytes) in [(3, 1 << 20), (100, 400)] {
            let after = (0..4).map(|n| (group(n), u64::from(n))).collect();
            self.ask(GroupHistory { after, rows, bytes }).await;
            let after = (0..4).map(|n| (installation(n), u64::from(n))).collect();
            self.ask(WelcomeHistory { after, rows, bytes }).await;
        }
        for bytes in [100, 1 << 20] {
            for content in [true, false] {
                let groups = (0..5).map(group).collect();
                self.ask(NewestGroupMessages { groups, content, bytes }).await;
            }
            let installations = (0..5).map(installation).collect();
            self.ask(KeyPackages {
                installations,
                bytes: bytes / 8,
            })
            .await;
            let after = (0..5).map(|n| (inbox(n), u64::from(n))).collect();
            self.ask(InboxLogs {
                after,
                bytes: bytes / 8,
            })
            .await;
        }
        self.ask(InboxIds {
            identifiers: (0..6).map(identifier).collect(),
        })
        .await;
    }
}
