//! Accepts connections, serves each in a task of its own, and ends them on shutdown: no new connection is accepted, a
//! response that is being made is finished, an idle connection is closed.

use std::{io, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use tokio_util::sync::CancellationToken;

use super::{
    Response,
    connection::serve_connection,
    socket_name::{SocketName, SocketPlace},
    stream::Socket,
};

/// Pause after a connection that could not be accepted, so that a lack of descriptors causes no busy loop.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes that the system takes before it has sent those before them: it reports space again at half of it. By the size
/// of the buffer alone, up to 4 MB, a client that reads slowly and steadily would show no progress for minutes.
const MAX_UNSENT: u32 = 128 << 10;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A socket in the file system.
    Unix {
        /// Its name, which goes before the socket does.
        name: SocketName,
        /// The socket.
        listener: UnixListener,
    },
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Listener {
    /// The name of a socket in the file system.
    #[must_use]
    pub fn place(&self) -> Option<SocketPlace> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix { name, .. } => Some(name.place()),
        }
    }

    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT);
                Ok(Socket::Tcp(TokioIo::new(stream)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok(Socket::Unix(TokioIo::new(stream)))
            }
        }
    }
}

/// Answers requests. Every error has a response, so a handler can't fail. A request of HTTP/1 has the
/// [`FileQueue`](super::FileQueue) of its connection as an extension.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when its client disconnects.
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response> + Send;
}

/// An extension of the requests of a socket in the file system, whose clients its mode has admitted.
#[derive(Debug, Clone, Copy)]
pub struct LocalClient;

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; the next ones wait in the system's queue.
    pub max_connections: u32,
    /// The time until the last byte of a request's head; that of a connection's first request begins with the
    /// connection.
    pub header_timeout: Duration,
    /// The time that connections get after the shutdown signal.
    pub drain_timeout: Duration,
    /// The time that a client may read nothing of a response. A connection of HTTP/2 without a stream ends after the
    /// longer one of this and `header_timeout`.
    pub write_timeout: Duration,
}

impl Default for Limits {
    /// 512 connections, 60 s for a head, 5 s to drain, 60 s without progress.
    fn default() -> Self {
        Self {
            max_connections: 512,
            header_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(60),
        }
    }
}

/// Serves until `shutdown`, then drains. Returns whether all connections ended within the drain timeout.
pub async fn serve<H: Handler>(
    listener: impl Into<Listener>,
    handler: Arc<H>,
    limits: Limits,
    shutdown: CancellationToken,
) -> bool {
    let connections = accept_until(listener, handler, limits, shutdown).await;
    timeout(limits.drain_timeout, connections.ended())
        .await
        .is_ok()
}

/// The connections of a listener that is closed.
#[derive(Debug)]
pub struct Connections {
    semaphore: Arc<Semaphore>,
    max: u32,
}

impl Connections {
    /// Waits until all have ended.
    pub async fn ended(&self) {
        let _ = self.semaphore.acquire_many(self.max).await;
    }

    /// How many have not.
    #[must_use]
    pub fn count(&self) -> usize {
        (self.max as usize).saturating_sub(self.semaphore.available_permits())
    }
}

/// Serves until `shutdown`, closes the listener, and returns the remaining connections, which end after the response in
/// progress.
pub async fn accept_until<H: Handler>(
    listener: impl Into<Listener>,
    handler: Arc<H>,
    limits: Limits,
    shutdown: CancellationToken,
) -> Connections {
    let listener = listener.into();
    let connections = Arc::new(Semaphore::new(limits.max_connections as usize));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &connections) => {
                let Some((socket, permit)) = accepted else { break };
                let connection = serve_connection(
                    socket,
                    Arc::clone(&handler),
                    limits,
                    shutdown.clone(),
                );
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    Connections {
        semaphore: connections,
        max: limits.max_connections,
    }
}

/// The next connection; `None` if the semaphore is closed, which never happens while [`serve`] runs.
async fn accept(
    listener: &Listener,
    connections: &Arc<Semaphore>,
) -> Option<(Socket, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok(socket) => return Some((socket, permit)),
            // Out of descriptors or memory, or a client that disconnected: the listener itself is intact.
            Err(error) => {
                log::warn!(error:%; "connection not accepted");
                sleep(ACCEPT_RETRY_INTERVAL).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::Notify,
    };

    use super::*;
    use crate::http::with_bytes;

    /// Responds when it is released.
    struct Gate(Notify);

    impl Handler for Gate {
        async fn handle(&self, _: Request<Incoming>) -> Response {
            self.0.notified().await;
            with_bytes(hyper::StatusCode::OK, "open", "text/plain")
        }
    }

    /// A request in progress while the server shuts down: the gate, the client's connection, the server's task.
    async fn shut_down_during_a_request(
        drain_timeout: Duration,
    ) -> (Arc<Gate>, TcpStream, tokio::task::JoinHandle<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Gate(Notify::new()));
        let limits = Limits {
            drain_timeout,
            ..Limits::default()
        };
        let shutdown = CancellationToken::new();
        let serving = serve(listener, Arc::clone(&gate), limits, shutdown.clone());
        let server = tokio::spawn(serving);
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        sleep(Duration::from_millis(50)).await;
        shutdown.cancel();
        sleep(Duration::from_millis(50)).await;
        assert!(
            TcpStream::connect(address).await.is_err(),
            "it still accepts"
        );
        (gate, client, server)
    }

    #[tokio::test]
    async fn shutdown_finishes_a_response_in_progress() {
        let (gate, mut client, server) = shut_down_during_a_request(Duration::from_secs(20)).await;
        gate.0.notify_one();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.ends_with("open"), "{response}");
        assert!(server.await.unwrap());
    }

    #[tokio::test]
    async fn shutdown_reports_a_connection_beyond_the_drain_timeout() {
        let (_gate, _client, server) = shut_down_during_a_request(Duration::from_millis(100)).await;
        assert!(!server.await.unwrap());
    }
}
