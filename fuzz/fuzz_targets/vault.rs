#![no_main]

#[path = "../vault.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::vault(data));
