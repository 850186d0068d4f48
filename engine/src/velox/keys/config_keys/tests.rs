//! Lookups by key and digest, and their explanation.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::artifacts::{Clock, CommitMeta, StoreOptions};
use crate::velox::keys::explain::{LookupReason, explain};
use crate::velox::protocol::request::BuildRequest;

fn request(module: &str, tag: &str) -> BuildRequest {
    BuildRequest::from_json(&json!({
        "rr_version": "v2025.1.2",
        "target_platform": {"os": "linux", "arch": "amd64"},
        "plugins": [{"module_name": module, "tag": tag}],
    }))
    .unwrap()
}

struct Cache {
    _dir: tempfile::TempDir,
    store: Store,
    now: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

fn cache() -> Cache {
    let dir = tempfile::tempdir().unwrap();
    let (clock, now) = Clock::manual(1000);
    let options = StoreOptions::new(dir.path().join("cache"), dir.path());
    let store = Store::attach(options, clock).unwrap();
    store.prepare().unwrap();
    Cache {
        _dir: dir,
        store,
        now,
    }
}

impl Cache {
    fn commit(&self, request: &BuildRequest) -> Key {
        let keys = ConfigKeys::of(request);
        let key = keys.choose_key(&self.store, self.now_ms()).unwrap();
        let mut staging = self.store.stage().unwrap();
        std::io::Write::write_all(&mut staging, b"binary").unwrap();
        let meta = CommitMeta {
            key,
            digest: keys.digest,
            config: request.config(),
            build_ms: 0,
            ttl: Duration::from_millis(100),
            replace: false,
        };
        self.store.commit(staging, meta).unwrap().key
    }

    fn now_ms(&self) -> u64 {
        self.now.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn advance(&self, ms: u64) {
        self.now.fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
    }

    fn reason(&self, request: &BuildRequest) -> &'static str {
        explain(Some(&self.store), request, self.now_ms())
            .reason
            .name()
    }
}

#[test]
fn configurations_with_one_key_get_their_own_binaries() {
    let cache = cache();
    let (lower, upper) = (request("a/m", "v1.0.0"), request("A/M", "v1.0.0"));
    let (first, second) = (ConfigKeys::of(&lower), ConfigKeys::of(&upper));
    assert_eq!(first.key, second.key);
    assert_eq!(cache.commit(&lower), first.key);
    assert_eq!(second.lookup(&cache.store), None);
    assert_eq!(cache.reason(&upper), "other_configuration");
    assert_eq!(cache.commit(&upper), second.extended_key());
    assert_eq!(first.lookup(&cache.store).unwrap().key, first.key);
    assert_eq!(
        second.lookup(&cache.store).unwrap().key,
        second.extended_key()
    );
    assert_eq!(cache.reason(&upper), "hit");
    let explained = explain(Some(&cache.store), &upper, cache.now_ms()).to_json();
    assert_eq!(explained["stored_key"], second.extended_key().to_string());
    assert_eq!(explained["key"], first.key.to_string());
    // After the first is removed, the second keeps its key.
    cache.store.forget(first.key).unwrap();
    assert_eq!(
        second.choose_key(&cache.store, cache.now_ms()).unwrap(),
        second.extended_key()
    );
    assert!(
        second
            .lookup_disk(&cache.store, cache.now_ms())
            .unwrap()
            .is_some()
    );
}

#[test]
fn miss_has_a_reason() {
    let cache = cache();
    let (fixed, mutable) = (request("m", "v1.0.0"), request("m", "latest"));
    assert_eq!(cache.reason(&fixed), "absent");
    cache.commit(&fixed);
    cache.commit(&mutable);
    assert_eq!(
        (cache.reason(&fixed), cache.reason(&mutable)),
        ("hit", "hit")
    );
    cache.advance(100);
    assert_eq!(cache.reason(&fixed), "expired");
    assert_eq!(cache.reason(&mutable), "moving_ref_expired");
    assert_eq!(explain(None, &fixed, 0).reason, LookupReason::CacheOff);
    let explained = explain(Some(&cache.store), &mutable, cache.now_ms()).to_json();
    assert_eq!(explained["moving_ref"], "latest");
    assert_eq!(explained["hit"], false);
}
