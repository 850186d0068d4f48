//! The entry point of the fuzz target: the bytes of a client's connection.

use std::{cell::OnceCell, sync::Arc, time::Duration};

use hyper::{Request, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    BodyLimits, Handler, Limits, Response, connection::serve_connection, read_body, stream::Socket,
    with_bytes,
};

thread_local!(static RUNTIME: OnceCell<Option<Runtime>> = const { OnceCell::new() });

const MAX_BODY: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads each body within its limit, and returns it.
struct Echo;

impl Handler for Echo {
    async fn handle(&self, request: Request<Incoming>) -> Response {
        let limits = BodyLimits {
            max_bytes: MAX_BODY,
            timeout: PATIENCE,
        };
        match read_body(request.into_body(), limits).await {
            Ok(body) => {
                assert!(body.len() <= MAX_BODY);
                with_bytes(StatusCode::OK, body, "text/plain")
            }
            Err(error) => with_bytes(error.status(), format!("{error:?}"), "text/plain"),
        }
    }
}

/// Serves a connection with these bytes of its client, and no others.
///
/// # Panics
/// The connection does not end, or is answered with something else than HTTP.
pub fn connection(bytes: &[u8]) {
    RUNTIME.with(|runtime| {
        let runtime = runtime.get_or_init(|| {
            let new = Builder::new_current_thread().enable_all().build();
            assert!(new.is_ok(), "{new:?}");
            new.ok()
        });
        let Some(runtime) = runtime else { return };
        let ended = runtime.block_on(async { timeout(PATIENCE, answer(bytes)).await });
        assert!(ended.is_ok(), "the connection does not end");
        let answer = ended.unwrap_or_default();
        // HTTP/2 begins with a frame of settings: its length, type 4.
        let is_http2 = answer.first() == Some(&0) && answer.get(3) == Some(&4);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.") || is_http2);
    });
}

async fn answer(bytes: &[u8]) -> Vec<u8> {
    let Ok((client, server)) = UnixStream::pair() else {
        return Vec::new();
    };
    let socket = Socket::Unix(TokioIo::new(server));
    let limits = Limits {
        header_timeout: PATIENCE * 2,
        ..Limits::default()
    };
    let serving = tokio::spawn(serve_connection(
        socket,
        Arc::new(Echo),
        limits,
        CancellationToken::new(),
    ));
    let (mut reader, mut writer) = client.into_split();
    let mut answer = Vec::new();
    let reading = reader.read_to_end(&mut answer);
    let writing = async {
        // The server may close before it has read all.
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
        drop(writer);
    };
    let _ = tokio::join!(reading, writing);
    let served = serving.await;
    assert!(served.is_ok(), "{served:?}");
    answer
}

#[cfg(test)]
mod tests {
    #[test]
    fn inputs_of_the_repository_hold() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/http");
        for entry in std::fs::read_dir(corpus).unwrap() {
            super::connection(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}
