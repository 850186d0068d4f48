//! The transport of a response: regular, or cut off, slow, silent, or with a wrong length. All faults count bytes of
//! the whole response, including the head, because that is the client's view.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use super::response::Framing;
use super::{Body, Connection, Response};

const BLOCK: usize = 64 << 10;

/// Faults of the transport. By default there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// Close the connection after that many bytes of the response; 0 closes it without a byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_at: Option<u64>,
    /// With `drop_at`: reset the connection instead of closing it.
    pub reset: bool,
    /// Send nothing after that many bytes, and keep the connection open until the client closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_at: Option<u64>,
    /// Send byte by byte, with that many milliseconds before each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drip_ms: Option<u64>,
    /// Announce this `Content-Length` for any body; the connection is closed after the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_length: Option<u64>,
}

/// Outcome of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The socket accepted all of it, and the connection can carry another request.
    Whole,
    /// The connection can't be used any more: the client closed it, or a fault ended it.
    Ended,
}

/// Counts the bytes sent, and stops at a fault's limit.
struct Wire<'a> {
    connection: &'a mut Connection,
    delivery: &'a Delivery,
    sent: u64,
}

impl Connection {
    /// Sends a response with these faults. `keep` is whether the client may send another request afterwards;
    /// `head_only` omits the body, for an answer to `HEAD`.
    pub async fn send(
        &mut self,
        response: Response,
        delivery: &Delivery,
        minor: u8,
        keep: bool,
        head_only: bool,
    ) -> Sent {
        let framing = match delivery.content_length.or_else(|| response.length()) {
            Some(0) if head_only => Framing::Open,
            Some(length) => Framing::Counted(length),
            None if minor == 0 || head_only => Framing::Open,
            None => Framing::Chunked,
        };
        let unclear = delivery.content_length.is_some() || (framing == Framing::Open && !head_only);
        let close = !keep || unclear;
        let head = response.head(minor, framing, close, SystemTime::now());
        let body = if head_only {
            Body::Bytes(Vec::new())
        } else {
            response.body
        };
        let mut wire = Wire {
            connection: self,
            delivery,
            sent: 0,
        };
        let result = wire.response(head, body, framing == Framing::Chunked).await;
        match result {
            Ok(true) if !close => Sent::Whole,
            _ => {
                // A closing handshake first would turn a reset into a regular end.
                if !delivery.reset {
                    let _ = self.stream.shutdown().await;
                }
                Sent::Ended
            }
        }
    }
}

impl Wire<'_> {
    /// `Ok(false)` if a fault ended the response.
    async fn response(&mut self, head: Vec<u8>, body: Body, chunked: bool) -> io::Result<bool> {
        if !self.bytes(&head).await? {
            return Ok(false);
        }
        let mut source: Box<dyn Read + Send> = match body {
            Body::Bytes(bytes) => Box::new(io::Cursor::new(bytes)),
            Body::Stream(source, Some(length)) => Box::new(source.take(length)),
            Body::Stream(source, None) => source,
        };
        let mut block = vec![0; BLOCK];
        loop {
            let filled = source.read(&mut block)?;
            let part = block.get(..filled).unwrap_or_default();
            if filled == 0 {
                return if chunked {
                    self.bytes(b"0\r\n\r\n").await
                } else {
                    Ok(true)
                };
            }
            let framed =
                chunked.then(|| [format!("{filled:x}\r\n").as_bytes(), part, b"\r\n"].concat());
            if !self.bytes(framed.as_deref().unwrap_or(part)).await? {
                return Ok(false);
            }
        }
    }

    async fn bytes(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let limit = self
            .delivery
            .drop_at
            .into_iter()
            .chain(self.delivery.stall_at)
            .min()
            .unwrap_or(u64::MAX);
        let room = usize::try_from(limit.saturating_sub(self.sent)).unwrap_or(usize::MAX);
        let part = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        match self.delivery.drip_ms {
            Some(pause) => {
                for byte in part {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    self.connection
                        .stream
                        .write_all(std::slice::from_ref(byte))
                        .await?;
                }
            }
            None => self.connection.stream.write_all(part).await?,
        }
        self.sent += part.len() as u64;
        if self.sent < limit {
            return Ok(true);
        }
        if self.delivery.stall_at == Some(limit) {
            self.connection.gone().await;
        } else if self.delivery.reset {
            self.connection.stream.set_zero_linger()?;
        }
        Ok(false)
    }
}
