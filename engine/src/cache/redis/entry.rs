//! A value on its way to the second tier. Pure data; any thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::cache::{Encoding, Production, Tag, Ttl};

/// A value to be stored.
#[derive(Debug, Clone)]
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
    /// How the first tier gets it, after the server; `None`: it has it already.
    pub first: Option<FirstCopy>,
}

/// How the first tier gets a value: once the server has it, or once it is clear that the server does not get it. One
/// of the two threads that may find that out stores it.
#[derive(Debug, Clone)]
pub struct FirstCopy {
    /// Its tags, with their versions before the store began.
    pub(super) tags: Vec<Tag>,
    /// How it was produced, by `remember()`.
    pub(super) production: Option<Production>,
    is_claimed: Arc<AtomicBool>,
}

impl FirstCopy {
    /// A copy that is not stored yet.
    #[must_use]
    pub fn new(tags: &[Tag], production: Option<Production>) -> Self {
        Self {
            tags: tags.to_vec(),
            production,
            is_claimed: Arc::default(),
        }
    }

    /// Whether the caller is to store it: the first one is.
    pub(super) fn claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::AcqRel)
    }
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
