//! Accepts connections, serves each in a task of its own, and ends them on shutdown: no new connection is accepted, a
//! response that is being made is finished, an idle connection is closed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use super::{Response, Shutdown};

/// Pause after a connection that could not be accepted, so that a lack of descriptors causes no busy loop.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);
const MAX_HTTP2_STREAMS: u32 = 256;

/// Answers requests. Every error has a response, so a handler can't fail.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when its client disconnects.
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response> + Send;
}

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; the next ones wait in the system's queue.
    pub max_connections: u32,
    /// The time until the last byte of a request's head.
    pub header_timeout: Duration,
    /// The time that connections get after the shutdown signal.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    /// 512 connections, 60 s for a head, 5 s to drain.
    fn default() -> Self {
        Self {
            max_connections: 512,
            header_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// Serves until `shutdown`, then drains. Returns whether all connections ended within the drain timeout.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: Limits,
    mut shutdown: Shutdown,
) -> bool {
    let connections = Arc::new(Semaphore::new(limits.max_connections as usize));
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            accepted = accept(&listener, &connections) => {
                let Some((stream, permit)) = accepted else { break };
                let connection = serve_connection(
                    stream,
                    Arc::clone(&handler),
                    limits.header_timeout,
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
    let all = connections.acquire_many(limits.max_connections);
    timeout(limits.drain_timeout, all).await.is_ok()
}

/// The next connection; `None` if the semaphore is closed, which never happens while [`serve`] runs.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, permit)),
            // Out of descriptors or memory, or a client that disconnected: the listener itself is intact.
            Err(error) => {
                log::warn!(error:%; "connection not accepted");
                sleep(ACCEPT_RETRY_INTERVAL).await;
            }
        }
    }
}

async fn serve_connection<H: Handler>(
    stream: TcpStream,
    handler: Arc<H>,
    header_timeout: Duration,
    mut shutdown: Shutdown,
) {
    let _ = stream.set_nodelay(true);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_HTTP2_STREAMS);
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.handle(request).await) }
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => Some(outcome),
        () = shutdown.requested() => None,
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
