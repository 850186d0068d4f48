//! The keys of one configuration, and the lookup of its artifact. Lookups read the index only, so they run on PHP's
//! thread.

use sha2::{Digest as _, Sha256};

use super::canonical;
use crate::velox::protocol::configuration::Configuration;
use crate::{
    Result,
    artifacts::{ConfigDigest, IndexRecord, Key, Store},
};

/// The keys of one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigKeys {
    /// The canonical JSON under the key.
    pub canonical: String,
    /// The same in the caller's letters, under the digest.
    pub exact: String,
    /// The Velox plugin's key.
    pub key: Key,
    /// Distinguishes configurations that share a key.
    pub digest: ConfigDigest,
}

impl ConfigKeys {
    /// Computes the keys of a request or its configuration.
    #[must_use]
    pub fn of<'a>(configuration: impl Into<Configuration<'a>>) -> Self {
        let configuration = configuration.into();
        let exact = canonical::exact(&configuration);
        let digest = ConfigDigest::of(exact.as_bytes());
        // Usually both texts are the same, and so are their first 64 bits.
        let (canonical, key) = if canonical::is_folded(&configuration) {
            (exact.clone(), Key(digest.0))
        } else {
            let canonical = canonical::folded(&configuration);
            let key = sha256_key(canonical.as_bytes());
            (canonical, key)
        };
        Self {
            key,
            digest,
            canonical,
            exact,
        }
    }

    /// Returns the key to use if [`ConfigKeys::key`] belongs to another configuration.
    #[must_use]
    pub fn extended_key(&self) -> Key {
        let hasher = Sha256::new()
            .chain_update(&self.canonical)
            .chain_update("\n")
            .chain_update(&self.exact);
        Key::from_sha256(&hasher.finalize().into())
    }

    /// Returns the unexpired record of this very configuration from the index.
    #[must_use]
    pub fn lookup(&self, store: &Store) -> Option<IndexRecord> {
        store.find_exact(self.key, self.digest).or_else(|| {
            let key = self.extended_key();
            // Peeked at first, so that a plain miss counts once.
            store
                .peek(key)
                .filter(|record| record.digest == self.digest)
                .and_then(|_| store.find_exact(key, self.digest))
        })
    }

    /// As [`ConfigKeys::lookup`], not counted as a lookup.
    #[must_use]
    pub fn lookup_again(&self, store: &Store) -> Option<IndexRecord> {
        let find = |key| store.find_again(key, self.digest);
        find(self.key).or_else(|| find(self.extended_key()))
    }

    /// Reads the record from disk, in case the index has missed it. May block on disk I/O.
    pub(in crate::velox) fn lookup_disk(
        &self,
        store: &Store,
        now_ms: u64,
    ) -> Result<Option<IndexRecord>> {
        for key in [self.key, self.extended_key()] {
            let record = store.read_disk(key)?;
            let matches =
                |record: &IndexRecord| record.digest == self.digest && !record.is_expired(now_ms);
            if let Some(record) = record.filter(matches) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Chooses the key for a new artifact: that of the existing one, else the plain key unless it belongs to another
    /// configuration. May block on disk I/O.
    pub(in crate::velox) fn choose_key(&self, store: &Store, now_ms: u64) -> Result<Key> {
        let unexpired = |key| -> Result<Option<IndexRecord>> {
            Ok(store
                .read_disk(key)?
                .filter(|record| !record.is_expired(now_ms)))
        };
        let plain = unexpired(self.key)?;
        if plain
            .as_ref()
            .is_some_and(|record| record.digest == self.digest)
        {
            return Ok(self.key);
        }
        let extended = unexpired(self.extended_key())?;
        let has_extended = extended.is_some_and(|record| record.digest == self.digest);
        Ok(if has_extended || plain.is_some() {
            self.extended_key()
        } else {
            self.key
        })
    }
}

fn sha256_key(bytes: &[u8]) -> Key {
    Key::from_sha256(&Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests;
