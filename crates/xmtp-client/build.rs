//! Generates the callers of the two services, without protoc. Their messages are those of `chancery-xmtp-wire`.

use std::{env, error::Error, path::PathBuf};

const FILES: [&str; 2] = ["xmtp/identity/api/v1.proto", "xmtp/mls/api/v1.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let proto = PathBuf::from(env::var("DEP_CHANCERY_XMTP_WIRE_PROTO")?);
    println!("cargo::rerun-if-changed={}", proto.display());
    println!("cargo::rerun-if-changed=build.rs");
    tonic_prost_build::configure()
        .extern_path(".xmtp", "::chancery_xmtp_wire::proto")
        .build_server(false)
        .build_transport(false)
        .compile_fds(protox::compile(FILES, [proto])?)?;
    Ok(())
}
