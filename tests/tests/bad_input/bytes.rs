//! Bytes to any server.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use chancery_tests::Webhook;
use serde_json::json;

use crate::world::World;

/// Bytes that are no request, or a strange one.
fn no_requests() -> Vec<(&'static str, Vec<u8>)> {
    let head = "POST /hooks/agent HTTP/1.1\r\nhost: x\r\n";
    let with = |rest: &str| format!("{head}{rest}").into_bytes();
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    vec![
        ("nothing", Vec::new()),
        ("noise", (0..=255).cycle().take(4096).collect()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("another version", b"GET /health HTTP/9.9\r\n\r\n".to_vec()),
        ("half a head", head.as_bytes().to_vec()),
        ("no colon", with("no colon\r\n\r\n")),
        ("a zero byte", with("x: \0\r\n\r\n")),
        ("a space before the colon", with("content-length : 5\r\n\r\nhello")),
        ("a folded header", with("x: a\r\n b\r\n\r\n")),
        ("a long header", with(&format!("x: {}\r\n\r\n", "y".repeat(1 << 20)))),
        ("many headers", with(&format!("{many}\r\n"))),
        (
            "a long target",
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(1 << 20)).into_bytes(),
        ),
        ("a negative length", with("content-length: -1\r\n\r\n")),
        ("a length that is none", with("content-length: many\r\n\r\n")),
        (
            "a length beyond all",
            with("content-length: 99999999999999999999\r\n\r\n"),
        ),
        ("two lengths", with("content-length: 1\r\ncontent-length: 2\r\n\r\nab")),
        (
            "a length and chunks",
            with("content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            "chunks that are none",
            with("transfer-encoding: chunked\r\n\r\nzz\r\n\r\n"),
        ),
        (
            "a chunk beyond all",
            with("transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
        ),
        ("half a body", with("content-length: 100\r\n\r\nhalf")),
        (
            "a method nobody knows",
            b"BREW /health HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        ),
        (
            "a target that is none",
            b"GET health HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        ),
        ("dots", b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
    ]
}

/// Sends bytes, closes our side, and returns the status of the answer; `None` when there is none.
fn raw(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // a server that has read enough closes the connection
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1).and_then(|status| status.parse().ok())
}

#[test]
fn bytes_that_are_no_request() {
    let world = World::start();
    let hook = Webhook::start();
    let connector = world.beta.connector(&hook);
    let before = world.state();
    for address in [world.registry(), world.relay(), connector.port().address()] {
        for (what, bytes) in no_requests() {
            let status = raw(address, &bytes);
            assert!(
                status.is_none_or(|status| (400..600).contains(&status) && status != 500),
                "{what}: {status:?}"
            );
        }
    }
    assert_eq!(world.state(), before);
    world.is_up();
    let sender = world.alpha.connector(&hook);
    sender.send(world.beta.did(), &json!({ "message": "still here" }));
    hook.wait_for(1);
}
