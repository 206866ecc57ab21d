//! SIGKILL at any moment: the keys open, the one in use signs, and its history is whole.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use chancery_base::{Clock as _, hex};
use chancery_custody::{Custody, KeyHolder, Places};
use chancery_keys::Gates;
use chancery_vault::KeySource;
use common::{Counted, Hands, World, child, told};

const KILLS: u64 = 12;

/// Rotates until it is killed, and says each new key once it is in force.
#[test]
fn rotates_when_told_to() {
    let Some((seed, dir)) = told() else {
        return;
    };
    let places = Places::in_dir(dir.join("signet"));
    let source = KeySource::KeyFile(places.key_file());
    let mut custody = Custody::open(&places, &source, Gates::default()).unwrap();
    let (clock, rng) = (Hands::new(), Counted::new(seed.parse().unwrap()));
    let holder = KeyHolder::default_key();
    loop {
        let what = custody.rotation(&holder).unwrap();
        let asked = custody.approvals().ask(what, 1000, clock.now(), &rng).unwrap();
        let chancery_keys::Asked::Open(clearance) = asked else {
            panic!("it waits");
        };
        let rotated = custody.rotate(&holder, clearance, clock.now(), &rng).unwrap();
        println!("NOW {}", rotated.key.public_key);
    }
}

#[test]
fn no_key_that_was_in_force_is_lost_by_a_kill() {
    let (world, custody) = World::new();
    let holder = KeyHolder::default_key();
    let mut in_force = vec![custody.key(&holder).unwrap().public_key];
    drop(custody);
    for kill in 0..KILLS {
        let mut process = child("rotates_when_told_to", &(kill + 2).to_string(), world.dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            lines
                .filter_map(|line| line.split_once("NOW ").map(|(_, key)| key.to_owned()))
                .collect::<Vec<_>>()
        });
        std::thread::sleep(Duration::from_millis(60 + 37 * kill % 100));
        process.kill().unwrap();
        process.wait().unwrap();
        in_force.extend(told.join().unwrap());

        let custody = world.open(Gates::default());
        let history = custody.history(&holder).unwrap();
        let mut chain: Vec<_> = history
            .iter()
            .map(|retired| hex::encode(retired.key.to_bytes()))
            .collect();
        chain.push(custody.key(&holder).unwrap().public_key);
        // all that were told are there, in their order; at most one more came to be without a word
        let mut rest = chain.iter();
        for key in &in_force {
            assert!(rest.any(|found| found == key), "a key that was in force is gone");
        }
        assert!(rest.count() <= 1);
        in_force = chain;
        assert!(custody.sign(&holder, b"a seal").is_ok());
    }
    assert!(in_force.len() > 1, "it never came to rotate");
}
