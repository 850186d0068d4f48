//! Gzip of request bodies with a reused compressor. On the runtime; large bodies on a blocking thread.

use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::threads::blocking;

/// Smaller bodies fit into one packet as they are.
const MIN_SIZE: usize = 1200;
/// Larger bodies are compressed on a blocking thread, because they would hold up the runtime.
const BLOCKING_THRESHOLD: usize = 256 << 10;

/// A compressor, or none if `sentry.transport.compression` is off. Clones share its memory.
#[derive(Debug, Clone)]
pub(super) struct Compressor {
    level: Option<Compression>,
    /// Reused, because creating one takes longer than compressing an event.
    deflate: Arc<Mutex<Option<Compress>>>,
}

impl Compressor {
    pub(super) fn new(level: Option<u32>) -> Self {
        Self {
            level: level.map(Compression::new),
            deflate: Arc::default(),
        }
    }

    /// Frees the memory of the compressor.
    pub(super) fn free_buffers(&self) {
        let mut deflate = self.deflate.lock().unwrap_or_else(PoisonError::into_inner);
        deflate.take();
    }

    /// Compresses a body. Returns it unchanged, and `false`, if it is small, or if compression is off or fails.
    pub(super) async fn gzip(&self, body: Vec<u8>) -> (Vec<u8>, bool) {
        let level = self.level.filter(|_| body.len() >= MIN_SIZE);
        let Some(level) = level else {
            return (body, false);
        };
        if body.len() < BLOCKING_THRESHOLD {
            let mut deflate = self.deflate.lock().unwrap_or_else(PoisonError::into_inner);
            let deflate = deflate.get_or_insert_with(|| Compress::new(level, false));
            return match gzip(deflate, &body) {
                Some(compressed) => (compressed, true),
                None => (body, false),
            };
        }
        let body = Arc::new(body);
        let shared = Arc::clone(&body);
        let task = blocking(move || gzip(&mut Compress::new(level, false), &shared));
        match task.await {
            Ok(Some(compressed)) => (compressed, true),
            // There is no thread for it.
            _ => (Arc::unwrap_or_clone(body), false),
        }
    }
}

/// Writes a gzip member (RFC 1952): a header without name and time, the compressed data, checksum and length.
fn gzip(deflate: &mut Compress, body: &[u8]) -> Option<Vec<u8>> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut out = Vec::with_capacity(body.len() / 2 + 64);
    out.extend_from_slice(&HEADER);
    deflate.reset();
    loop {
        let rest = body.get(usize::try_from(deflate.total_in()).ok()?..)?;
        match deflate.compress_vec(rest, &mut out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => break,
            Ok(_) => out.reserve(body.len() / 2 + 64),
            Err(_) => return None,
        }
    }
    let mut sum = Crc::new();
    sum.update(body);
    out.extend_from_slice(&sum.sum().to_le_bytes());
    out.extend_from_slice(&sum.amount().to_le_bytes());
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn compressor_is_reused_for_envelopes_of_any_size() {
        let mut deflate = Compress::new(Compression::new(1), false);
        let noise = |length: usize| {
            let mut state = 88_172_645_463_325_252u64;
            let bytes = std::iter::repeat_with(move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            });
            bytes.take(length).collect::<Vec<u8>>()
        };
        for length in [0, 1, 100, 9_600, 70_000, 300_000] {
            for envelope in [noise(length), vec![b'x'; length]] {
                let compressed = gzip(&mut deflate, &envelope).unwrap();
                let mut decompressed = Vec::new();
                GzDecoder::new(compressed.as_slice())
                    .read_to_end(&mut decompressed)
                    .unwrap();
                assert_eq!(decompressed, envelope, "{length} bytes");
            }
        }
    }
}
