//! A stream that writes what is ready together.
//!
//! Answers of one connection come from tasks of their own. Each of them wakes the connection, which would write it at once: a
//! system call, a packet and a wake-up of the client for each. Here the connection steps back once before it writes, so that
//! whatever else is ready to run has its say first. When nothing is, that costs one turn of the scheduler.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Steps back before the first write after a flush.
#[derive(Debug)]
pub(crate) struct Together<S> {
    stream: S,
    stepped_back: bool,
}

impl<S: AsyncWrite + Unpin> Together<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            stepped_back: false,
        }
    }

    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.stepped_back {
            return Poll::Ready(());
        }
        self.stepped_back = true;
        // who wakes himself while he runs goes to the end of the queue
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Together<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Together<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.stepped_back = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Notes how long each write was.
    struct Noting<S>(S, Arc<Mutex<Vec<usize>>>);

    impl<S: AsyncWrite + Unpin> AsyncWrite for Noting<S> {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let written = ready!(Pin::new(&mut self.0).poll_write(cx, bytes))?;
            self.1.lock().unwrap().push(written);
            Poll::Ready(Ok(written))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn who_is_ready_speaks_before_the_write() {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let lengths = Arc::new(Mutex::new(Vec::new()));
        let mut stream = Together::new(Noting(near, Arc::clone(&lengths)));
        let said = Arc::new(Mutex::new(Vec::new()));
        for turn in 0..4_u8 {
            let tasks: Vec<_> = (0..10_u8)
                .map(|word| {
                    let said = Arc::clone(&said);
                    tokio::spawn(async move { said.lock().unwrap().push(turn * 10 + word) })
                })
                .collect();
            // what a connection does: it writes all that was said up to the moment of the write
            std::future::poll_fn(|cx| {
                let all = said.lock().unwrap().clone();
                Pin::new(&mut stream).poll_write(cx, &all).map_ok(drop)
            })
            .await
            .unwrap();
            stream.flush().await.unwrap();
            said.lock().unwrap().clear();
            for task in tasks {
                task.await.unwrap();
            }
        }
        drop(stream);
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, (0..40).collect::<Vec<u8>>());
        assert_eq!(*lengths.lock().unwrap(), [10; 4]);
    }
}
