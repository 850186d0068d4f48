//! Accepts connections, serves each in a task of its own, and ends them on shutdown: no new connection is accepted, a
//! response that is being made is finished, an idle connection is closed.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{Request, Version, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use tokio_util::sync::CancellationToken;

use super::{
    Response,
    file_queue::FileQueue,
    socket_name::SocketName,
    stream::{Socket, Stream},
};

/// Pause after a connection that could not be accepted, so that a lack of descriptors causes no busy loop.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);
const MAX_HTTP2_STREAMS: u32 = 256;

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
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok(Socket::Tcp(TokioIo::new(stream)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok(Socket::Unix(TokioIo::new(stream)))
            }
        }
    }
}

/// Answers requests. Every error has a response, so a handler can't fail. A request of HTTP/1 has the [`FileQueue`] of
/// its connection as an extension.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when its client disconnects.
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response> + Send;
}

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
    /// The time that a client may read nothing of a response.
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

async fn serve_connection<H: Handler>(
    socket: Socket,
    handler: Arc<H>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let files = FileQueue::default();
    let stream = Stream::new(socket, files.clone(), limits.write_timeout);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .writev(true)
        .header_read_timeout(limits.header_timeout);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_HTTP2_STREAMS);
    let has_begun = Arc::new(AtomicBool::new(false));
    let is_silent = {
        let has_begun = Arc::clone(&has_begun);
        async move {
            sleep(limits.header_timeout).await;
            if has_begun.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        }
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        has_begun.store(true, Ordering::Relaxed);
        let handler = Arc::clone(&handler);
        // Streams of HTTP/2 are interleaved, and their bytes pass through buffers.
        if request.version() <= Version::HTTP_11 {
            request.extensions_mut().insert(files.clone());
        }
        async move { Ok::<_, Infallible>(handler.handle(request).await) }
    });
    let connection = http.serve_connection(stream, service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => Some(outcome),
        () = shutdown.cancelled() => None,
        // hyper waits without a limit for the bytes that tell HTTP/1 from HTTP/2, and for the first request of HTTP/2.
        () = is_silent => {
            log::debug!("connection without a request closed");
            return;
        }
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        log::debug!(error:%; "connection ended early");
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

    #[tokio::test]
    async fn client_without_a_request_is_disconnected() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            max_connections: 1,
            header_timeout: Duration::from_millis(50),
            ..Limits::default()
        };
        let gate = Arc::new(Gate(Notify::new()));
        let shutdown = CancellationToken::new();
        let serving = serve(listener, Arc::clone(&gate), limits, shutdown.clone());
        let server = tokio::spawn(serving);
        // Nothing, the beginning of a request, and the beginning of HTTP/2's first bytes and all of them.
        let beginnings = ["", "G", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
        for beginning in beginnings {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(beginning.as_bytes()).await.unwrap();
            let mut received = Vec::new();
            let ended = timeout(Duration::from_secs(20), client.read_to_end(&mut received)).await;
            assert!(ended.is_ok(), "{beginning}");
        }
        // A client that waits for its response is not.
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        sleep(limits.header_timeout * 3).await;
        gate.0.notify_one();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.ends_with("open"), "{response}");
        shutdown.cancel();
        assert!(server.await.unwrap());
    }
}
