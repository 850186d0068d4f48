//! A client that downloads a binary over as many connections as it takes: one that is cut is resumed with `Range`.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

use crate::rng::Rng;

/// Pause after a connection that was refused or cut.
const RETRY_INTERVAL: Duration = Duration::from_millis(15);
/// Bytes that are read at once; with a pause, so that a download takes longer than the life of some servers.
const BLOCK: usize = 96 << 10;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The addresses of the server, and the counts of all clients.
#[derive(Debug, Clone)]
pub struct Target {
    pub port: SocketAddr,
    pub socket: PathBuf,
    /// Clients that read a body at the moment.
    pub streaming: Arc<AtomicUsize>,
    /// Bodies that ended early.
    pub cuts: Arc<AtomicUsize>,
}

/// A response's head.
#[derive(Debug, Default)]
pub struct Head {
    pub status: u16,
    pub length: u64,
    pub first: u64,
    pub etag: String,
}

impl Target {
    /// Sends a request and reads the head of the response, and the begun body.
    async fn ask(
        &self,
        on_socket: bool,
        path: &str,
        headers: &str,
    ) -> io::Result<(Head, Vec<u8>, Box<dyn Stream>)> {
        let mut stream: Box<dyn Stream> = match on_socket {
            true => Box::new(UnixStream::connect(&self.socket).await?),
            false => Box::new(TcpStream::connect(self.port).await?),
        };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                let body = bytes.split_off(end + 4);
                return Ok((Head::parse(&bytes), body, stream));
            }
        }
    }

    /// The body of a page.
    ///
    /// # Errors
    /// There is no server at the moment, or it is cut.
    pub async fn page(&self, path: &str) -> io::Result<String> {
        let (head, mut body, mut stream) = self.ask(false, path, "").await?;
        stream.read_to_end(&mut body).await?;
        if head.status != 200 || body.len() as u64 != head.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        String::from_utf8(body).map_err(io::Error::other)
    }

    /// Downloads a binary, and checks its bytes. Returns `None` if `until` is over before.
    ///
    /// # Errors
    /// An invariant that does not hold.
    pub async fn download(
        &self,
        path: &str,
        seed: &mut Rng,
        until: Instant,
    ) -> Result<Option<usize>, String> {
        let (mut body, mut etag) = (Vec::new(), String::new());
        while Instant::now() < until {
            let headers = match body.len() {
                0 => String::new(),
                len => format!("Range: bytes={len}-\r\nIf-Range: {etag}\r\n"),
            };
            let asked = timeout(
                until.saturating_duration_since(Instant::now()),
                self.ask(seed.percent(50), path, &headers),
            );
            let Ok(Ok((head, begun, mut stream))) = asked.await else {
                sleep(RETRY_INTERVAL).await;
                continue;
            };
            match head.status {
                200 => body.clear(),
                206 if head.first == body.len() as u64 && head.etag == etag => {}
                503 => {
                    sleep(RETRY_INTERVAL).await;
                    continue;
                }
                status => {
                    let text = String::from_utf8_lossy(&begun).into_owned();
                    return Err(format!("status {status} from byte {}: {text}", body.len()));
                }
            }
            let end = body.len() as u64 + head.length;
            etag = head.etag;
            body.extend_from_slice(&begun);
            self.streaming.fetch_add(1, Ordering::Relaxed);
            while (body.len() as u64) < end {
                let mut block = Vec::with_capacity(BLOCK);
                match timeout(Duration::from_secs(30), stream.read_buf(&mut block)).await {
                    Ok(Ok(count)) if count > 0 => body.extend_from_slice(&block),
                    Ok(_) => break,
                    Err(_) => return Err(format!("no byte after {} of {end}", body.len())),
                }
                sleep(Duration::from_millis(1)).await;
            }
            self.streaming.fetch_sub(1, Ordering::Relaxed);
            if body.len() as u64 == end {
                let digits = Sha256::digest(&body);
                let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
                return match etag == format!("\"{digits}\"") {
                    true => Ok(Some(body.len())),
                    false => Err(format!("{path} has the tag {etag}, and its bytes {digits}")),
                };
            }
            if body.len() as u64 > end {
                return Err(format!("{} bytes where {end} were promised", body.len()));
            }
            self.cuts.fetch_add(1, Ordering::Relaxed);
            sleep(RETRY_INTERVAL).await;
        }
        Ok(None)
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let mut head = Self {
            status: status.and_then(|text| text.parse().ok()).unwrap_or(0),
            ..Self::default()
        };
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse().unwrap_or(0),
                "etag" => value.clone_into(&mut head.etag),
                "content-range" => {
                    let first = value
                        .strip_prefix("bytes ")
                        .and_then(|text| text.split('-').next());
                    head.first = first.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
                }
                _ => {}
            }
        }
        head
    }
}
