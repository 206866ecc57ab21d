#![no_main]
#![allow(dead_code)] // the other bodies

#[path = "../signet_bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::frame(data));
