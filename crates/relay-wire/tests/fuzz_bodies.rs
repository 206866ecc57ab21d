//! The bodies of the fuzz targets (`fuzz/`), for as long as an ordinary test may take: bytes, text, and spoilt samples.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;

/// Texts that the readers behind the targets take, to begin from.
fn samples() -> Vec<Vec<u8>> {
    ["clawdentity.json", "clawdentity-cli-0.1.7.json"]
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
            strings(&serde_json::from_str(&text).unwrap())
        })
        .collect()
}

fn strings(value: &serde_json::Value) -> Vec<Vec<u8>> {
    match value {
        serde_json::Value::String(text) => vec![text.clone().into_bytes()],
        serde_json::Value::Array(items) => items.iter().flat_map(strings).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => vec![],
    }
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
    fn spoilt_samples_pass(sample in prop::sample::select(samples()), at: prop::sample::Index, with: Vec<u8>, cut in 0..9_usize) {
        let mut bytes = sample;
        let from = at.index(bytes.len() + 1);
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with);
        run(&bytes);
    }
}
