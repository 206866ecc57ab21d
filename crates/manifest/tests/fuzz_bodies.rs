//! The bodies of the fuzz targets (`fuzz/`), for as long as an ordinary test may take: bytes, text, and spoilt samples.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../fuzz/skill_bodies.rs"]
mod bodies;
mod common;

use chancery_manifest::Envelope;
use common::{full, k1, legacy_vectors, parse, text, v2_vectors};
use proptest::prelude::*;

/// Texts that the readers behind the targets take, to begin from.
fn samples() -> Vec<Vec<u8>> {
    let manifest = parse(&full().to_string()).unwrap();
    let mut samples = vec![
        full().to_string(),
        Envelope::sign(&manifest, &[&k1()]).unwrap().to_json(),
        "---\nname: x\ndescription: d\nallowed-tools: Read Bash(git:*)\n---\n".to_owned(),
        "/home/user/data\n/home/user/data/../data/x".to_owned(),
        "*.example.com:8443\na.example.com:8443\nhttps://a.example.com:8443/x".to_owned(),
        "10.0.0.0/8\n10.0.0.1\nhttps://[::ffff:10.0.0.1]/".to_owned(),
        "git\ngit".to_owned(),
        "/usr/bin/git\n/usr/bin/git".to_owned(),
    ];
    samples.extend(
        legacy_vectors()
            .iter()
            .map(|vector| text(vector, "manifestJson").to_owned()),
    );
    samples.extend(v2_vectors().iter().map(|vector| text(vector, "jcs").to_owned()));
    samples.into_iter().map(String::into_bytes).collect()
}

fn run(data: &[u8]) {
    bodies::ALL.iter().for_each(|body| body(data));
}

#[test]
fn the_samples_pass() {
    samples().iter().for_each(|sample| run(sample));
}

proptest! {
    #[test]
    fn any_bytes_pass(bytes: Vec<u8>, text in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        run(&bytes);
        run(text.as_bytes());
        run(json.as_bytes());
    }

    #[test]
    fn lines_that_nearly_fit_pass(
        paths in "(/{1,2}(a|b|\\.|\\.\\.|proc)){0,4}/?\n(/{1,2}(a|b|\\.|\\.\\.|proc)){0,5}",
        hosts in "(\\*\\.)?([ab]\\.|1\\.|0x7f\\.|::ffff:|\\[|\\]|%){0,4}(com|1|ü)?(:443|/8)?\n([ab]\\.){0,3}(com|1)(:80)?\nhttps?://([ab@:\\\\]\\.?){0,4}com/",
        programs in "(/|git|sh| |\\.){1,3}\n(/|git|sh| |\\.){1,3}",
    ) {
        run(paths.as_bytes());
        run(hosts.as_bytes());
        run(programs.as_bytes());
    }

    #[test]
    fn spoilt_samples_pass(sample in prop::sample::select(samples()), at: prop::sample::Index, with: Vec<u8>, cut in 0..9_usize) {
        let mut bytes = sample;
        let from = at.index(bytes.len() + 1);
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with);
        run(&bytes);
    }
}
