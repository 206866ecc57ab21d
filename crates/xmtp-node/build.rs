//! Generates both sides of the two services, without protoc. Their messages are those of `chancery-xmtp-wire`.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 2] = ["xmtp/identity/api/v1.proto", "xmtp/mls/api/v1.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let proto = PathBuf::from(env::var("DEP_CHANCERY_XMTP_WIRE_PROTO")?);
    println!("cargo::rerun-if-changed={}", proto.display());
    println!("cargo::rerun-if-changed=build.rs");
    let files = protox::compile(FILES, [proto])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for side in ["server", "client"] {
        let out = out.join(side);
        fs::create_dir_all(&out)?;
        let service = tonic_prost_build::configure()
            .extern_path(".xmtp", "::chancery_xmtp_wire::proto")
            .build_transport(false)
            .out_dir(out);
        let service = match side {
            // requests are counted before they are decoded
            "server" => service.build_client(false).codec_path("crate::codec::Bounded"),
            _ => service.build_server(false),
        };
        service.compile_fds(files.clone())?;
    }
    Ok(())
}
