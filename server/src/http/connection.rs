//! One connection: hyper above the socket, with the limits of a client that sends or reads nothing. One task for each
//! connection.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use hyper::{Request, Version, body::Incoming, service::service_fn};
use hyper_util::{rt::TokioTimer, server::conn::auto};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    file_queue::FileQueue,
    listener::{Handler, Limits, LocalClient},
    stream::{Socket, Stream},
    streams::{Activity, StreamExecutor, limited},
};

const MAX_HTTP2_STREAMS: u32 = 100;
/// The time for the last bytes of an idle connection of HTTP/2.
const GOODBYE: Duration = Duration::from_secs(5);

/// The requests of a client until now.
const NOTHING: u8 = 0;
const HTTP1: u8 = 1;
const HTTP2: u8 = 2;

pub(super) async fn serve_connection<H: Handler>(
    socket: Socket,
    handler: Arc<H>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let files = FileQueue::default();
    let activity = Activity::new();
    let is_local = matches!(socket, Socket::Unix(_));
    let stream = Stream::new(
        socket,
        files.clone(),
        limits.write_timeout,
        activity.clone(),
    );
    let mut http = auto::Builder::new(StreamExecutor(activity.clone()));
    http.http1()
        .timer(TokioTimer::new())
        .writev(true)
        .header_read_timeout(limits.header_timeout);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_HTTP2_STREAMS);
    let received = Arc::new(AtomicU8::new(NOTHING));
    let service = {
        let received = Arc::clone(&received);
        service_fn(move |mut request: Request<Incoming>| {
            let handler = Arc::clone(&handler);
            // Streams of HTTP/2 are interleaved, and their bytes pass through buffers.
            let is_http1 = request.version() <= Version::HTTP_11;
            if is_http1 {
                request.extensions_mut().insert(files.clone());
            }
            received.store(if is_http1 { HTTP1 } else { HTTP2 }, Ordering::Relaxed);
            if is_local {
                request.extensions_mut().insert(LocalClient);
            }
            async move {
                let response = handler.handle(request).await;
                Ok::<_, Infallible>(match is_http1 {
                    true => response,
                    false => limited(response, limits.write_timeout),
                })
            }
        })
    };
    let connection = http.serve_connection(stream, service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => Some(outcome),
        () = shutdown.cancelled() => None,
        () = is_silent(&received, limits.header_timeout) => {
            log::debug!("connection without a request closed");
            return;
        }
        () = is_idle(&received, &activity, limits) => {
            connection.as_mut().graceful_shutdown();
            match timeout(GOODBYE, connection.as_mut()).await {
                Ok(outcome) => Some(outcome),
                Err(_) => {
                    log::debug!("connection of a client that reads nothing closed");
                    return;
                }
            }
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

/// Ends if a client sends no request: hyper waits without a limit for the bytes that tell HTTP/1 from HTTP/2, and for
/// the first request of HTTP/2.
async fn is_silent(received: &AtomicU8, limit: Duration) {
    sleep(limit).await;
    if received.load(Ordering::Relaxed) != NOTHING {
        std::future::pending::<()>().await;
    }
}

/// Ends if nothing happens on a connection of HTTP/2. hyper ends those of HTTP/1 itself.
async fn is_idle(received: &AtomicU8, activity: &Activity, limits: Limits) {
    let limit = limits.header_timeout.max(limits.write_timeout);
    loop {
        activity.is_idle(limit).await;
        if received.load(Ordering::Relaxed) == HTTP2 {
            return;
        }
        sleep(limit).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;
    use crate::http::{Response, serve, with_bytes};

    /// Responds after a while with that many bytes.
    struct Late(Duration, usize);

    impl Handler for Late {
        async fn handle(&self, _: Request<Incoming>) -> Response {
            sleep(self.0).await;
            with_bytes(hyper::StatusCode::OK, vec![b'x'; self.1], "text/plain")
        }
    }

    const SHORT: Duration = Duration::from_millis(50);

    async fn start(handler: Late) -> (std::net::SocketAddr, CancellationToken, JoinHandle<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            max_connections: 1,
            header_timeout: SHORT,
            write_timeout: SHORT,
            ..Limits::default()
        };
        let shutdown = CancellationToken::new();
        let serving = serve(listener, Arc::new(handler), limits, shutdown.clone());
        (address, shutdown, tokio::spawn(serving))
    }

    #[tokio::test]
    async fn client_without_a_request_is_disconnected() {
        let (address, shutdown, server) = start(Late(SHORT * 3, 4)).await;
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
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.ends_with("xxxx"), "{response}");
        shutdown.cancel();
        assert!(server.await.unwrap());
    }

    /// A request of HTTP/2 and its response, and the task of the connection.
    async fn ask(
        address: std::net::SocketAddr,
    ) -> (h2::RecvStream, JoinHandle<Result<(), h2::Error>>) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let driving = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let request = http::Request::get("http://x/").body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        // The connection would close with the last handle of the client.
        tokio::spawn(async move {
            let _client = client;
            std::future::pending::<()>().await;
        });
        (response.await.unwrap().into_body(), driving)
    }

    #[tokio::test]
    async fn idle_connection_of_http2_is_closed() {
        // The second response fits into what the server keeps, and not into what the client has granted.
        for size in [10, 100_000] {
            let (address, shutdown, server) = start(Late(SHORT * 3, size)).await;
            let (mut body, driving) = ask(address).await;
            assert!(body.data().await.unwrap().is_ok());
            let ended = timeout(Duration::from_secs(20), driving).await;
            assert!(ended.is_ok(), "{size}");
            drop(body);
            shutdown.cancel();
            assert!(server.await.unwrap());
        }
    }
}
