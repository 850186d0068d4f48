//! The connection below hyper: TCP or a socket in the file system, `sendfile(2)` for parts of files, and a limit of the
//! time that a client may read nothing. One task for each connection.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::fs::sendfile;
use tokio::{
    io::Interest,
    net::{TcpStream, UnixStream},
    time::{Instant, Sleep},
};

use super::{
    file_queue::FileQueue,
    streams::{Activity, GRACE},
};

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TokioIo<TcpStream>),
    Unix(TokioIo<UnixStream>),
}

impl Socket {
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.inner().poll_write_ready(cx),
            Self::Unix(stream) => stream.inner().poll_write_ready(cx),
        }
    }

    /// Runs one system call on the ready socket; `WouldBlock` clears its readiness.
    fn try_write(&self, write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.inner().try_io(Interest::WRITABLE, write),
            Self::Unix(stream) => stream.inner().try_io(Interest::WRITABLE, write),
        }
    }

    /// Sends the first part of the queue.
    fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        files: &FileQueue,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            let sent = files.send(max, |file, offset, len| {
                self.try_write(|| {
                    let mut offset = offset;
                    match self {
                        Self::Tcp(stream) => {
                            sendfile(stream.inner().as_fd(), file, Some(&mut offset), len)
                        }
                        Self::Unix(stream) => {
                            sendfile(stream.inner().as_fd(), file, Some(&mut offset), len)
                        }
                    }
                    .map_err(io::Error::from)
                })
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

/// A wait for a client that does not read.
#[derive(Debug)]
struct Stall {
    end: Pin<Box<Sleep>>,
    is_in_grace: bool,
}

/// The connection as hyper uses it.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    files: FileQueue,
    write_timeout: Duration,
    /// Set while the client does not read.
    stalled: Option<Stall>,
    activity: Activity,
}

impl Stream {
    pub(super) fn new(
        socket: Socket,
        files: FileQueue,
        write_timeout: Duration,
        activity: Activity,
    ) -> Self {
        Self {
            socket,
            files,
            write_timeout,
            stalled: None,
            activity,
        }
    }

    /// Ends the wait of a client that reads nothing.
    fn limit<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let deadline = Instant::now() + self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Stall {
            end: Box::pin(tokio::time::sleep_until(deadline)),
            is_in_grace: false,
        });
        ready!(stalled.end.as_mut().poll(cx));
        if stalled.is_in_grace {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        stalled.is_in_grace = true;
        stalled.end.as_mut().reset(Instant::now() + GRACE);
        // Wakes this task at the new end.
        let _ = stalled.end.as_mut().poll(cx);
        Poll::Pending
    }

    fn note(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.activity.touch();
        }
        polled
    }

    fn poll_socket<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut (dyn Write + Unpin)>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = match &mut self.socket {
            Socket::Tcp(stream) => write(Pin::new(stream), cx),
            Socket::Unix(stream) => write(Pin::new(stream), cx),
        };
        self.limit(cx, polled)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.poll_socket(cx, |socket, cx| socket.poll_write(cx, buf));
        self.note(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_placeholder = |buf: &IoSlice<'_>| !buf.is_empty() && FileQueue::is_placeholder(buf);
        let bytes = bufs
            .iter()
            .position(is_placeholder)
            .map_or(bufs, |first| bufs.get(..first).unwrap_or_default());
        if bytes.iter().any(|buf| !buf.is_empty()) {
            let polled = self.poll_socket(cx, |socket, cx| socket.poll_write_vectored(cx, bytes));
            return self.note(polled);
        }
        match bufs.get(bytes.len()) {
            Some(placeholder) => {
                let polled = self
                    .socket
                    .poll_send_file(cx, &self.files, placeholder.len());
                self.limit(cx, polled)
            }
            None => Poll::Ready(Ok(0)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        // So hyper copies no body into a buffer of its own.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_socket(cx, |socket, cx| socket.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_socket(cx, |socket, cx| socket.poll_shutdown(cx))
    }
}
