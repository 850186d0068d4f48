//! The loop that accepts, the life of a connection, and the server's orderly end. The main task of the
//! runtime; each connection has a task of its own.

use std::{sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::spawn_blocking,
    time::{Instant, interval, sleep, sleep_until},
};

use super::{Server, builds::Builds, service::Service};
use crate::{Error, Result};

/// Connections at once; each build holds one.
const CONNECTIONS: usize = 512;
const HEADER_TIME: Duration = Duration::from_secs(60);
const CLEANING: Duration = Duration::from_secs(10 * 60);
/// How long the server waits at its end for builds to be gone: two seconds of `go`'s own tidying, and
/// some for directories.
const SHUTDOWN: Duration = Duration::from_secs(5);

impl Server {
    /// Serves until `stop` is ready; then stops the builds, and returns when they are gone.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
        let Self {
            options,
            keep,
            _lock: lock,
        } = self;
        let (shutdown, ends) = watch::channel(false);
        let tokens = options.tokens.clone();
        let builds = Arc::new(Builds::new(options, Arc::clone(&keep), ends.clone()));
        let service = Arc::new(Service {
            builds: Arc::clone(&builds),
            tokens,
        });
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let mut cleaning = interval(CLEANING);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = cleaning.tick() => {
                    builds.flights.forget_old();
                    let keep = Arc::clone(&keep);
                    spawn_blocking(move || keep.clean());
                }
                accepted = accept(&listener, &connections) => {
                    let (stream, permit) = accepted?;
                    let (service, ends) = (Arc::clone(&service), ends.clone());
                    tokio::spawn(async move {
                        serve(stream, service, ends).await;
                        drop(permit);
                    });
                }
            }
        }
        drop(listener);
        shutdown.send_replace(true);
        let late = Instant::now() + SHUTDOWN;
        // Connections too: each has an answer to deliver.
        while builds.flights.count() > 0 || connections.available_permits() < CONNECTIONS {
            tokio::select! {
                () = sleep(Duration::from_millis(20)) => {}
                () = sleep_until(late) => {
                    log::warn!(builds = builds.flights.count(); "stopped before all builds ended");
                    break;
                }
            }
        }
        // Whoever takes the directory next may clear away what is left there.
        drop(lock);
        Ok(())
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await;
    let permit =
        permit.map_err(|_| Error::Internal("the connections' semaphore is closed".into()))?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, permit)),
            // Out of descriptors or memory, or a client that left: none of it is the listener's end.
            Err(error) => {
                log::warn!(error:%; "connection not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection until its end, or until the server's, when it may still finish its answer.
async fn serve(stream: TcpStream, service: Arc<Service>, mut ends: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256);
    let answer = service_fn(move |request| Arc::clone(&service).answer(request));
    let connection = http.serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let end = async { ends.wait_for(|ends| *ends).await.map(drop) };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = end => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!(error:%; "connection ended early");
    }
}
