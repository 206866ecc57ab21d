//! Compiles `proto/` into Rust messages, without protoc.

use std::{env, error::Error, path::Path};

const FILES: [&str; 10] = [
    "xmtp/identity/api/v1.proto",
    "xmtp/identity/associations.proto",
    "xmtp/identity/credential.proto",
    "xmtp/message_contents.proto",
    "xmtp/mls/api/v1.proto",
    "xmtp/mls/commit_log.proto",
    "xmtp/mls/content.proto",
    "xmtp/mls/content_types.proto",
    "xmtp/mls/group.proto",
    "xmtp/mls/welcome.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("proto");
    // servers and clients of the services compile them from the same files, where a runtime is allowed
    println!("cargo::metadata=PROTO={}", folder.display());
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    prost_build::Config::new()
        // what was received is handed on, not copied
        .bytes([".xmtp.mls.api.v1", ".xmtp.mls.message_contents"])
        // the same value is always the same bytes
        .btree_map(["."])
        .compile_fds(protox::compile(FILES, [folder])?)?;
    Ok(())
}
