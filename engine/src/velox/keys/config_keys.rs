//! What a request is called: its keys and its digest, and where its artifact would be. Lookups touch the
//! index only and run on PHP's thread.

use serde_json::{Value, json};

use super::{canonical::Canonical, mutable_refs::moving_ref};
use crate::velox::{flight::FlightId, protocol::request::Request};
use crate::{
    Result,
    artifacts::{ConfigDigest, Key, Record, Store},
};

/// The names of one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The bytes that the names are made of.
    pub canonical: Canonical,
    /// The plugin's key.
    pub key: Key,
    /// What tells configurations of one key apart.
    pub digest: ConfigDigest,
}

impl Identity {
    /// Works them out.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let canonical = Canonical::of(request);
        Self {
            key: canonical.key(),
            digest: canonical.digest(),
            canonical,
        }
    }

    /// The key to use where another configuration has [`Identity::key`].
    #[must_use]
    pub fn extended_key(&self) -> Key {
        self.canonical.extended_key()
    }

    pub(in crate::velox) fn flight(&self) -> FlightId {
        FlightId {
            key: self.key.0,
            digest: self.digest.0,
        }
    }

    /// The artifact of this very configuration, if the index knows one that lives.
    #[must_use]
    pub fn lookup(&self, store: &Store) -> Option<Record> {
        store.find_exact(self.key, self.digest).or_else(|| {
            let key = self.extended_key();
            // Looked at first, so that a plain miss counts once.
            store
                .peek(key)
                .filter(|record| record.digest == self.digest)
                .and_then(|_| store.find_exact(key, self.digest))
        })
    }

    /// The same from the disk, for an index that has missed something. May wait for a disk.
    pub(in crate::velox) fn lookup_disk(
        &self,
        store: &Store,
        now_ms: u64,
    ) -> Result<Option<Record>> {
        for key in [self.key, self.extended_key()] {
            let record = store.read_disk(key)?;
            let own = |record: &Record| record.digest == self.digest && !record.is_expired(now_ms);
            if let Some(record) = record.filter(own) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The key to keep a new artifact under: that of the old one, else the plain one unless another
    /// configuration has it. May wait for a disk.
    pub(in crate::velox) fn place(&self, store: &Store, now_ms: u64) -> Result<Key> {
        let living = |key| -> Result<Option<Record>> {
            Ok(store
                .read_disk(key)?
                .filter(|record| !record.is_expired(now_ms)))
        };
        let plain = living(self.key)?;
        if plain
            .as_ref()
            .is_some_and(|record| record.digest == self.digest)
        {
            return Ok(self.key);
        }
        let extended = living(self.extended_key())?;
        let moved = extended.is_some_and(|record| record.digest == self.digest);
        Ok(if moved || plain.is_some() {
            self.extended_key()
        } else {
            self.key
        })
    }
}

/// Why a lookup ends as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is an artifact.
    Hit,
    /// There is none.
    Absent,
    /// There is one whose time is up.
    Expired,
    /// The same, and its time was short because a reference of it moves.
    MovingRefExpired,
    /// The key belongs to another configuration, and there is none under the extended key.
    OtherConfiguration,
    /// Nothing is kept: the cache is off, or can't be opened.
    CacheOff,
}

impl Reason {
    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::MovingRefExpired => "moving_ref_expired",
            Self::OtherConfiguration => "other_configuration",
            Self::CacheOff => "cache_off",
        }
    }
}

/// What `Velox\explain` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The names.
    pub identity: Identity,
    /// What the index holds for this configuration, expired or not.
    pub record: Option<Record>,
    /// Why.
    pub reason: Reason,
    /// The reference that may mean something else tomorrow, if there is one.
    pub moving_ref: Option<String>,
}

/// Says what a lookup would find, and why. Counts as no lookup.
#[must_use]
pub fn explain(store: Option<&Store>, request: &Request, now_ms: u64) -> Explanation {
    let identity = Identity::of(request);
    let moving = moving_ref(request);
    let mut record = None;
    let mut reason = Reason::CacheOff;
    if let Some(store) = store {
        let [plain, extended] = [identity.key, identity.extended_key()].map(|key| store.peek(key));
        let taken = plain
            .is_some_and(|record| record.digest != identity.digest && !record.is_expired(now_ms));
        let own = |record: &Record| record.digest == identity.digest;
        let mut candidates = [plain.filter(own), extended.filter(own)]
            .into_iter()
            .flatten();
        let first = candidates.next();
        // A living one under either key is what a lookup would find.
        record = candidates
            .chain(first)
            .find(|record| !record.is_expired(now_ms))
            .or(first);
        reason = match &record {
            Some(record) if !record.is_expired(now_ms) => Reason::Hit,
            Some(_) if moving.is_some() => Reason::MovingRefExpired,
            Some(_) => Reason::Expired,
            None if taken => Reason::OtherConfiguration,
            None => Reason::Absent,
        };
    }
    Explanation {
        identity,
        record,
        reason,
        moving_ref: moving.map(str::to_owned),
    }
}

impl Explanation {
    /// For PHP. Times are float seconds since the epoch.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let other = self.reason == Reason::OtherConfiguration;
        let used = match &self.record {
            Some(record) => record.key,
            None if other => self.identity.extended_key(),
            None => self.identity.key,
        };
        json!({
            "canonical": self.identity.canonical.json,
            "key": self.identity.key.to_string(),
            "stored_key": used.to_string(),
            "hit": self.reason == Reason::Hit,
            "reason": self.reason.name(),
            "moving_ref": self.moving_ref,
            "created": self.record.as_ref().map(|record| seconds(record.created_ms)),
            "expires": self.record.as_ref().map(|record| seconds(record.expires_ms)),
        })
    }
}

#[cfg(test)]
mod tests;
