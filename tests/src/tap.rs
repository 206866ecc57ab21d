//! A wire that can be listened to, and cut.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::Value;

/// How much of each direction is kept: the head of a request, and a short answer.
const KEPT: usize = 16 * 1024;

/// Forwards connections to a server and remembers how each began. Dropping it ends them.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    wires: Arc<Wires>,
}

#[derive(Debug, Default)]
struct Wires {
    list: Mutex<Vec<Wire>>,
    ended: AtomicBool,
}

#[derive(Debug)]
struct Wire {
    client: TcpStream,
    server: TcpStream,
    asked: Kept,
    answered: Kept,
}

type Kept = Arc<Mutex<Vec<u8>>>;

impl Tap {
    /// A wire to `server`.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let wires = Arc::new(Wires::default());
        let all = Arc::clone(&wires);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if all.ended.load(Ordering::Acquire) {
                    return;
                }
                // one whose server is away is closed
                if let Ok(server) = TcpStream::connect(server) {
                    let _ = all.join(client, server);
                }
            }
        });
        Self { address, wires }
    }

    /// Where it begins.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection that goes through it. New ones are taken.
    pub fn cut(&self) {
        for wire in lock(&self.wires.list).iter() {
            let _ = wire.client.shutdown(Shutdown::Both);
            let _ = wire.server.shutdown(Shutdown::Both);
        }
    }

    /// The header `name` (lower case) of the first request on each connection so far, in order.
    #[must_use]
    pub fn asked(&self, name: &str) -> Vec<Option<String>> {
        let wires = lock(&self.wires.list);
        wires
            .iter()
            .map(|wire| {
                let text = String::from_utf8_lossy(&lock(&wire.asked)).into_owned();
                let head = text.split("\r\n\r\n").next().unwrap_or_default();
                head.lines()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(n, _)| n.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.trim().to_owned())
            })
            .collect()
    }

    /// Status and `error.code` (empty when there is none) of the first answer on each connection that has one, in order.
    #[must_use]
    pub fn answers(&self) -> Vec<(u16, String)> {
        let wires = lock(&self.wires.list);
        wires
            .iter()
            .filter_map(|wire| {
                let text = String::from_utf8_lossy(&lock(&wire.answered)).into_owned();
                let (head, body) = text.split_once("\r\n\r\n")?;
                let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
                let body: Value = if status == 101 {
                    Value::Null
                } else {
                    serde_json::from_str(body).ok()?
                };
                Some((status, body["error"]["code"].as_str().unwrap_or_default().to_owned()))
            })
            .collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.wires.ended.store(true, Ordering::Release);
        self.cut();
        // wakes the listener
        let _ = TcpStream::connect(self.address);
    }
}

impl Wires {
    fn join(&self, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
        let wire = Wire {
            client: client.try_clone()?,
            server: server.try_clone()?,
            asked: Kept::default(),
            answered: Kept::default(),
        };
        let (from, to, kept) = (client.try_clone()?, server.try_clone()?, Arc::clone(&wire.asked));
        thread::spawn(move || copy(from, to, &kept));
        let kept = Arc::clone(&wire.answered);
        lock(&self.list).push(wire);
        thread::spawn(move || copy(server, client, &kept));
        Ok(())
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, kept: &Kept) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut kept = lock(kept);
        let room = KEPT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
        drop(kept);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
