//! Ports that a server can be started on, and started again.

use std::{
    fs::{File, OpenOptions},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{SystemTime, UNIX_EPOCH},
};

/// Below the range that Linux gives to outgoing connections (32768 and up): a server that was killed must find its port
/// free when it comes back, not in use by somebody's client.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A free port of 127.0.0.1, reserved among all tests of this machine until it is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Any free one.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn free() -> Self {
        let dir = std::env::temp_dir().join(format!("chancery-test-ports-{}", rustix::process::getuid().as_raw()));
        std::fs::create_dir_all(&dir).expect("a directory for locks");
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock")
            .subsec_nanos();
        let begin = (now / 1000) ^ std::process::id().wrapping_mul(2_654_435_761);
        for at in 0..u32::from(COUNT) {
            let number = FIRST + u16::try_from(begin.wrapping_add(at) % u32::from(COUNT)).expect("below COUNT");
            let lock = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(dir.join(number.to_string()));
            let lock = lock.expect("a lock file");
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _lock: lock };
            }
        }
        panic!("no free port");
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}
