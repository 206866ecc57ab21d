//! A connection that takes a seat for as long as anybody holds it, and that the server can cut.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes read at a time. Whoever keeps a small buffer for each of many connections asks for a frame or two at a time, where
/// one system call brings all that have come.
const AT_ONCE: usize = 16 * 1024;

thread_local! {
    /// What is read into: a buffer for each thread, none for a connection that rests.
    static INCOMING: RefCell<Box<[u8]>> = RefCell::new(vec![0; AT_ONCE].into());
}

/// The open connections of a server. Upgraded ones stay in it: hyper gives them away, their socket stays the same.
#[derive(Debug, Default)]
pub(crate) struct OpenSockets(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Weak<OwnedWriteHalf>>,
}

impl OpenSockets {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `stream` in. `seat` is given back when the socket is dropped.
    pub(crate) fn admit(self: &Arc<Self>, stream: TcpStream, seat: OwnedSemaphorePermit) -> Socket {
        let (read, write) = stream.into_split();
        let write = Arc::new(write);
        let mut state = self.lock();
        let id = state.next;
        state.next = state.next.wrapping_add(1);
        state.open.insert(id, Arc::downgrade(&write));
        drop(state);
        Socket {
            read,
            ahead: Bytes::new(),
            write,
            id,
            sockets: Arc::clone(self),
            _seat: seat,
        }
    }

    /// Ends every connection, in both directions; whoever reads or writes it is told at once.
    pub(crate) fn cut(&self) -> usize {
        let open: Vec<_> = self.lock().open.values().filter_map(Weak::upgrade).collect();
        for socket in &open {
            // one that the peer closed already is none the worse
            let _ = rustix::net::shutdown(AsRef::<TcpStream>::as_ref(&**socket), rustix::net::Shutdown::Both);
        }
        open.len()
    }
}

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Socket {
    read: OwnedReadHalf,
    /// What was read and not asked for yet.
    ahead: Bytes,
    write: Arc<OwnedWriteHalf>,
    id: u64,
    sockets: Arc<OpenSockets>,
    _seat: OwnedSemaphorePermit,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sockets.lock().open.remove(&self.id);
    }
}

impl Socket {
    fn stream(&self) -> &TcpStream {
        (*self.write).as_ref()
    }

    /// Tries `write` whenever the socket is writable, until it is done or fails.
    fn poll_written(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream().poll_write_ready(cx))?;
            match write(self.stream()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let wanted = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(wanted));
            return Poll::Ready(Ok(()));
        }
        let room = buffer.remaining();
        if room == 0 || room >= AT_ONCE {
            return Pin::new(&mut self.read).poll_read(cx, buffer);
        }
        INCOMING.with_borrow_mut(|incoming| {
            let mut incoming = ReadBuf::new(incoming);
            ready!(Pin::new(&mut self.read).poll_read(cx, &mut incoming))?;
            let filled = incoming.filled();
            let (now, ahead) = filled.split_at(filled.len().min(room));
            buffer.put_slice(now);
            self.ahead = Bytes::copy_from_slice(ahead);
            Poll::Ready(Ok(()))
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_written(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = rustix::net::shutdown(self.stream(), rustix::net::Shutdown::Write);
        Poll::Ready(match ended {
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        })
    }
}
