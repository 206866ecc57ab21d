#![no_main]
#![allow(dead_code)] // the other body

#[path = "../xmtp_identity.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::update(data));
