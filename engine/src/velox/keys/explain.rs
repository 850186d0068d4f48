//! Explains a lookup: the keys of a configuration, its record, and the reason for a hit or a miss. Reads the index
//! only.

use serde_json::{Value, json};

use super::{config_keys::ConfigKeys, mutable_refs::mutable_ref};
use crate::artifacts::{IndexRecord, Store};
use crate::velox::protocol::request::BuildRequest;

/// The reason for the result of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupReason {
    /// There is an unexpired artifact.
    Hit,
    /// There is no artifact.
    Absent,
    /// The artifact has expired.
    Expired,
    /// The artifact has expired; its lifetime was short because a reference of the request is mutable.
    MutableRefExpired,
    /// The key belongs to another configuration, and there is no artifact under the extended key.
    OtherConfiguration,
    /// The cache is off, or can't be opened.
    CacheOff,
}

impl LookupReason {
    /// Returns the stable name of the reason.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::MutableRefExpired => "moving_ref_expired",
            Self::OtherConfiguration => "other_configuration",
            Self::CacheOff => "cache_off",
        }
    }
}

/// The result of `Velox\explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The keys of the configuration.
    pub keys: ConfigKeys,
    /// The record of this configuration in the index, expired or not.
    pub record: Option<IndexRecord>,
    /// The reason for the result.
    pub reason: LookupReason,
    /// The first mutable reference, if there is one.
    pub mutable_ref: Option<String>,
}

/// Explains the result of a lookup. Is not counted as a lookup.
#[must_use]
pub fn explain(store: Option<&Store>, request: &BuildRequest, now_ms: u64) -> Explanation {
    let keys = ConfigKeys::of(request);
    let mutable = mutable_ref(request);
    let mut record = None;
    let mut reason = LookupReason::CacheOff;
    if let Some(store) = store {
        let [plain, extended] = [keys.key, keys.extended_key()].map(|key| store.peek(key));
        let taken =
            plain.is_some_and(|record| record.digest != keys.digest && !record.is_expired(now_ms));
        let matches = |record: &IndexRecord| record.digest == keys.digest;
        let mut candidates = [plain.filter(matches), extended.filter(matches)]
            .into_iter()
            .flatten();
        let first = candidates.next();
        // A lookup finds an unexpired record under either key.
        record = candidates
            .chain(first)
            .find(|record| !record.is_expired(now_ms))
            .or(first);
        reason = match &record {
            Some(record) if !record.is_expired(now_ms) => LookupReason::Hit,
            Some(_) if mutable.is_some() => LookupReason::MutableRefExpired,
            Some(_) => LookupReason::Expired,
            None if taken => LookupReason::OtherConfiguration,
            None => LookupReason::Absent,
        };
    }
    Explanation {
        keys,
        record,
        reason,
        mutable_ref: mutable.map(str::to_owned),
    }
}

impl Explanation {
    /// Returns the explanation for PHP. Times are float seconds since the epoch.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let other = self.reason == LookupReason::OtherConfiguration;
        let used = match &self.record {
            Some(record) => record.key,
            None if other => self.keys.extended_key(),
            None => self.keys.key,
        };
        json!({
            "canonical": self.keys.canonical,
            "key": self.keys.key.to_string(),
            "stored_key": used.to_string(),
            "hit": self.reason == LookupReason::Hit,
            "reason": self.reason.name(),
            "moving_ref": self.mutable_ref,
            "created": self.record.as_ref().map(|record| seconds(record.created_ms)),
            "expires": self.record.as_ref().map(|record| seconds(record.expires_ms)),
        })
    }
}
