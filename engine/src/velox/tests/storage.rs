//! The store of a binary: the cache, the temporary one, the old plugin's.

use super::*;
use crate::artifacts::Location;

#[tokio::test]
async fn removed_binary_is_built_again() {
    let host = Host::new(Options::default());
    let velox = host.velox();
    let first = build(&velox, request("http")).await.unwrap();
    std::fs::remove_file(host.path(&first)).unwrap();
    let second = build(&velox, request("http")).await.unwrap();
    assert_eq!(second.cache_status, CacheStatus::Miss);
    assert!(host.path(&second).exists());
}

#[tokio::test]
async fn builds_without_cache_are_stored_temporarily() {
    let host = Host::new(Options::default());
    let velox = host.velox_with(None, 5);
    let first = build(&velox, request("http")).await.unwrap();
    assert!(
        host.path(&first)
            .starts_with(host.dir.path().join("temporary"))
            && host.path(&first).exists()
    );
    assert_eq!(
        build(&velox, request("http")).await.unwrap().cache_status,
        CacheStatus::Miss
    );
    // So does a cache that is too small for the binary.
    let mut options = StoreOptions::new(host.dir.path().join("small"), host.dir.path());
    options.max_size = 1000;
    let small = host.velox_with(Some(Arc::new(Store::open(options).unwrap())), 5);
    let temporary = build(&small, request("grpc")).await.unwrap();
    assert!(
        host.path(&temporary)
            .starts_with(host.dir.path().join("temporary"))
    );
    assert!(small.find(&request("grpc")).is_none());
}

#[tokio::test]
async fn temporary_binaries_are_removed_after_their_lifetime() {
    let host = Host::new(Options::default());
    let velox = host.velox_with(None, 5);
    let built = build(&velox, request("http")).await.unwrap();
    let Location::Temporary(binary) = &built.location else {
        panic!("{built:?}")
    };
    let id = binary.config["request_id"].as_str().unwrap();
    assert!(velox.status(id).is_some());
    velox.sweep(built.record.expires_ms - 1);
    assert!(host.path(&built).exists());
    assert!(velox.status(id).is_none());
    velox.sweep(built.record.expires_ms);
    assert!(!host.path(&built).exists());
}

#[tokio::test]
async fn mutable_references_have_a_short_lifetime() {
    let mut host = Host::new(Options::default());
    let mut mutable = request("http");
    mutable.plugins[0].tag = "latest".into();
    let built = build(&host.velox(), mutable.clone()).await.unwrap();
    assert_eq!(built.record.expires_ms - built.record.created_ms, 3_600_000);
    let fixed = build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(
        fixed.record.expires_ms - fixed.record.created_ms,
        7 * 86_400_000
    );
    host.settings.mutable_ttl = Duration::ZERO;
    mutable.plugins[0].tag = "master".into();
    build(&host.velox(), mutable.clone()).await.unwrap();
    assert!(host.velox().find(&mutable).is_none());
}

#[tokio::test]
async fn artifact_of_the_old_plugin_is_a_hit() {
    let host = Host::new(Options::default());
    let flat = json!({
        "rr_version": "v2025.1.9", "os": "linux", "arch": "amd64",
        "plugins": [{"module": "github.com/roadrunner-server/flat/v5", "tag": "v5.3.0"}],
    });
    let mut whole = request_json("whole");
    whole["request_id"] = "build-1".into();
    let mut entries = serde_json::Map::new();
    for (module, config) in [("flat", flat), ("whole", whole)] {
        let key = ConfigKeys::of(&request(module)).key.to_string();
        let shard = host
            .dir
            .path()
            .join("cache")
            .join(&key[..2])
            .join(&key[2..4]);
        std::fs::create_dir_all(&shard).unwrap();
        std::fs::write(shard.join(format!("{key}.bin")), "binary").unwrap();
        let entry = json!({
            "file_path": format!("{}/{}/{key}.bin", &key[..2], &key[2..4]), "file_size": 6,
            "created_at": "2026-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z",
            "accessed_at": "2026-01-02T00:00:00Z", "build_config": config,
        });
        entries.insert(key, entry);
    }
    let index = json!({"version": 1, "entries": entries});
    std::fs::write(host.dir.path().join("cache/index.json"), index.to_string()).unwrap();
    let store = host.store();
    store.import().unwrap();
    let velox = host.velox_with(Some(store), 5);
    for module in ["flat", "whole"] {
        let hit = build(&velox, request(module)).await.unwrap();
        assert_eq!(hit.cache_status, CacheStatus::Hit, "{module}");
    }
    assert_eq!(host.counters().build_requests, 0);
}
