//! Processes of our XMTP client, killed with SIGKILL at any moment while all of them speak, rename and renew their keys.
//!
//! `CHANCERY_XMTP_CLIENT_KILLS=200` kills so often; 10 times without it. `CHANCERY_XMTP_CLIENT_SEED=7` draws from that seed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chancery_tests::{
    wait,
    xmtp::{Network, Ours, Party, all_agree},
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;

/// Kills without another word.
const KILLS: usize = 10;
/// What everybody says between two kills at least: so much is under way.
const BETWEEN: usize = 6;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")),
    )
}

/// What one of them did.
#[derive(Default)]
struct Told {
    /// What it was told had been sent.
    sent: Vec<String>,
    /// What was under way when it was killed: it was sent or it was not.
    open: Vec<String>,
}

/// Somebody who lives again and again.
struct Life {
    now: Mutex<Ours>,
    spoken: AtomicUsize,
}

impl Life {
    fn ours(&self) -> Ours {
        self.now.lock().unwrap().clone()
    }

    /// Speaks until it is over. When its process is gone it starts another one, on the same file.
    fn live(&self, who: &str, group: &str, dice: &mut ChaCha8Rng, over: &AtomicBool) -> Told {
        let mut told = Told::default();
        for turn in 0.. {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let text = format!("{who} {turn}");
            let line = match dice.next_u32() % 10 {
                0 => format!("rename {group} {}", json!(text)),
                1 => format!("update-keys {group}"),
                2 => "sync".to_owned(),
                _ => format!("send {group} {}", json!(text)),
            };
            let says = line.starts_with("send");
            let ours = self.ours();
            match ours.shell().try_ask(&line) {
                Some(answer) if answer["ok"] == true => {
                    self.spoken.fetch_add(1, Ordering::SeqCst);
                    if says {
                        told.sent.push(text);
                    }
                }
                // a race that was lost too often: nothing else may be refused here
                Some(answer) => {
                    assert_eq!(answer["code"], "XMTP_CLIENT_ATTEMPTS", "{who}: {line}: {answer}");
                }
                None => {
                    if says {
                        told.open.push(text);
                    }
                    *self.now.lock().unwrap() = ours.restarted();
                }
            }
        }
        told
    }
}

#[test]
fn killed_at_any_moment_nothing_is_lost_or_twice_and_nobody_parts() {
    let kills = number("CHANCERY_XMTP_CLIENT_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let seed = number("CHANCERY_XMTP_CLIENT_SEED").unwrap_or(1);
    println!("{kills} kills, seed {seed}");
    let net = Network::without_sdk();
    let names = ["alice", "bob", "carol"];
    let lives = names.map(|name| Life {
        now: Mutex::new(net.ours(name)),
        spoken: AtomicUsize::new(0),
    });
    let [alice, bob, carol] = &lives;
    let group = alice
        .ours()
        .new_group(&[bob.ours().inbox_id(), carol.ours().inbox_id()]);
    for life in &lives {
        life.ours().sync_all();
        assert!(life.ours().has(&group));
    }

    let over = AtomicBool::new(false);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let mut living = Vec::new();
        for (stream, (life, name)) in lives.iter().zip(names).enumerate() {
            let mut dice = ChaCha8Rng::seed_from_u64(seed);
            dice.set_stream(stream as u64 + 1);
            let (over, group) = (&over, group.as_str());
            living.push(scope.spawn(move || life.live(name, group, &mut dice, over)));
        }
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..kills {
            let victim = &lives[dice.next_u32() as usize % lives.len()];
            let before = victim.spoken.load(Ordering::SeqCst);
            wait::until("the victim to be in the middle of things", || {
                assert!(
                    !living.iter().any(std::thread::ScopedJoinHandle::is_finished),
                    "somebody gave up"
                );
                (victim.spoken.load(Ordering::SeqCst) >= before + BETWEEN).then_some(())
            });
            // any moment of a request, not the one at which an answer was counted
            std::thread::sleep(Duration::from_micros(u64::from(dice.next_u32() % 60_000)));
            victim.ours().shell().kill();
        }
        over.store(true, Ordering::SeqCst);
        living.into_iter().map(|living| living.join().unwrap()).collect()
    });

    // everybody once more from the file
    let lives = lives.map(|life| life.now.into_inner().unwrap().restarted());
    // what the last one to die had under way goes out with its first sync, and reaches those who sync after it
    for _ in 0..2 {
        for ours in &lives {
            ours.sync_all();
        }
    }
    let parties = lives.clone().map(Party::Ours);
    all_agree(&parties.each_ref(), &group);
    let texts: Vec<_> = lives.iter().map(|ours| ours.texts(&group)).collect();
    for (held, name) in texts.iter().zip(names) {
        let distinct: BTreeSet<_> = held.iter().collect();
        assert_eq!(distinct.len(), held.len(), "{name} has something twice: {held:?}");
        assert_eq!(*held, texts[0], "{name} has other messages than alice");
        for text in told.iter().flat_map(|told| &told.sent) {
            assert!(held.contains(text), "{text:?} is not in the inbox of {name}: {held:?}");
        }
    }
    // nothing came from nowhere
    let said: BTreeSet<_> = told
        .iter()
        .flat_map(|told| told.sent.iter().chain(&told.open))
        .collect();
    assert!(texts[0].iter().all(|text| said.contains(text)), "{:?}", texts[0]);
    println!(
        "{} messages, {} of them under way at a kill, epoch {}",
        texts[0].len(),
        told.iter().map(|told| told.open.len()).sum::<usize>(),
        lives[0].debug(&group)["epoch"]
    );
    // and it goes on
    for ours in &lives {
        ours.send(&group, "still here");
    }
    for ours in &lives {
        ours.sync_all();
        assert_eq!(
            ours.texts(&group).iter().filter(|text| *text == "still here").count(),
            lives.len()
        );
    }
}
