//! The record of an artifact in the index, small enough to be copied out of a slot on PHP's thread. The rest is in the
//! metadata file. Pure values; any thread.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConfigDigest, Key, file_names::binary_name, key::hex};

/// One artifact. Times are wall-clock Unix milliseconds, sizes are bytes.
#[derive(Copy, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRecord {
    /// The cache key.
    pub key: Key,
    /// SHA-256 of the binary, computed while it was written.
    pub sha256: [u8; 32],
    /// Size of the binary.
    pub size: u64,
    /// Time of the commit.
    pub created_ms: u64,
    /// Time from which it is a miss; `u64::MAX` for never.
    pub expires_ms: u64,
    /// Last time it was found, to a second.
    pub accessed_ms: u64,
    /// Build time in milliseconds; 0 if unknown.
    pub build_ms: u32,
    /// Digest of the exact configuration.
    pub digest: ConfigDigest,
}

impl IndexRecord {
    /// Whether it is expired at that time.
    #[inline]
    #[must_use]
    pub const fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_ms <= now_ms
    }

    /// File name of its binary: the key and the first 8 digits of the SHA-256, so that a replaced binary does not
    /// change under a process that serves it.
    #[must_use]
    pub fn file_name(&self) -> String {
        binary_name(self.key, &self.sha256)
    }

    /// Path of its binary below the cache directory.
    #[must_use]
    pub fn relative_path(&self) -> PathBuf {
        let [outer, inner] = self.key.shard_names();
        PathBuf::from([&outer, "/", &inner, "/", &self.file_name()].concat())
    }

    /// The SHA-256 as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }

    /// Whether it was created or found less than `grace` ago, so that a process may be about to serve it. A time
    /// further in the future is one of a clock that was ahead, and does not count: it would keep the artifact from
    /// eviction until the clock is there again.
    pub(super) fn is_recent(&self, now_ms: u64, grace: Duration) -> bool {
        let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        [self.created_ms, self.accessed_ms]
            .iter()
            .any(|at| at.abs_diff(now_ms) < grace)
    }
}

impl fmt::Debug for IndexRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexRecord")
            .field("key", &self.key)
            .field("sha256", &self.sha256_hex())
            .field("size", &self.size)
            .field("created_ms", &self.created_ms)
            .field("expires_ms", &self.expires_ms)
            .field("accessed_ms", &self.accessed_ms)
            .field("build_ms", &self.build_ms)
            .field("digest", &self.digest)
            .finish()
    }
}

/// Parses 64 lower-case hexadecimal digits.
pub(super) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let mut sha256 = [0; 32];
    let (quarters, rest) = text.as_bytes().as_chunks::<16>();
    if quarters.len() != 4 || !rest.is_empty() {
        return None;
    }
    for (target, quarter) in sha256.chunks_exact_mut(8).zip(quarters) {
        target.copy_from_slice(&Key::parse(quarter)?.0.to_be_bytes());
    }
    Some(sha256)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// A record with a different value in each field.
    pub(in crate::artifacts) fn sample(seed: u64) -> IndexRecord {
        IndexRecord {
            key: Key(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)),
            sha256: Sha256::digest(seed.to_le_bytes()).into(),
            size: 1000 + seed,
            created_ms: 1_700_000_000_000 + seed,
            expires_ms: 1_900_000_000_000 + seed,
            accessed_ms: 1_700_000_001_000 + seed,
            build_ms: seed as u32,
            digest: ConfigDigest(!seed),
        }
    }

    #[test]
    fn path_consists_of_key_and_checksum() {
        let mut record = sample(1);
        record.key = Key(0xab01_0000_0000_00ff);
        record.sha256[..4].copy_from_slice(&[0x0a, 0xbc, 0, 1]);
        assert_eq!(
            record.relative_path().to_str(),
            Some("ab/01/ab010000000000ff.0abc0001.bin")
        );
    }

    #[test]
    fn checksum_is_parsed_and_other_lengths_are_refused() {
        let sha256 = sample(7).sha256;
        let text = hex(&sha256);
        assert_eq!(parse_sha256(&text), Some(sha256));
        assert_eq!(parse_sha256(&text[1..]), None);
        assert_eq!(parse_sha256(&format!("{text}0")), None);
        assert_eq!(parse_sha256(&text.to_uppercase()), None);
    }

    #[test]
    fn expiry_is_reached_at_its_very_millisecond() {
        let record = sample(1);
        assert!(!record.is_expired(record.expires_ms - 1));
        assert!(record.is_expired(record.expires_ms));
    }
}
