//! A value on its way to the second tier. Pure data; any thread.

use std::time::Duration;

use crate::cache::{Encoding, Ttl};

/// A value to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// The encoding of the bytes.
    pub encoding: Encoding,
    /// The bytes, as the first tier has them.
    pub bytes: Vec<u8>,
    /// When it expires.
    pub ttl: Ttl,
    /// Its tags.
    pub tags: Vec<Vec<u8>>,
}

impl Entry {
    /// Bytes of key, value and tags.
    pub(super) fn size(&self) -> usize {
        let tags: usize = self.tags.iter().map(Vec::len).sum();
        self.key.len() + self.bytes.len() + tags
    }
}

/// The lifetime for the server.
pub(super) fn milliseconds(ttl: Ttl) -> Option<u64> {
    match ttl {
        Ttl::Forever => None,
        Ttl::For(time) => Some(clamp(time)),
    }
}

/// The server knows no more milliseconds than fit a signed number, times since 1970 included.
fn clamp(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 48)
}
