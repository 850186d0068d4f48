//! Each answer of the Velox server, and the ways to a hit.

use pillion_fakes::{Answer, Behaviour, Gzip};
use sha2::Digest;

use super::*;
use crate::artifacts::Location;

#[tokio::test]
async fn stored_build_is_a_hit_without_the_server() {
    let mut host = Host::new(Options::default());
    let velox = host.velox();
    let built = build(&velox, request("http")).await.unwrap();
    assert_eq!(built.cache_status, CacheStatus::Miss);
    let config = host.store().config(&built.record).unwrap();
    assert_eq!(filename(&config), "roadrunner-linux-amd64");
    let bytes = std::fs::read(host.path(&built)).unwrap();
    assert_eq!(bytes.len() as u64, built.record.size);
    let digest: [u8; 32] = sha2::Sha256::digest(&bytes).into();
    assert_eq!(digest, built.record.sha256);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(host.path(&built)).unwrap());
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(host.counters().builds_started, 1);
    // The server stops; another process asks.
    host.settings.server_url = None;
    let hit = build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(
        (hit.cache_status, hit.record),
        (
            CacheStatus::Hit,
            velox.find(&request("http")).unwrap().record
        )
    );
    assert!(
        matches!(build(&host.velox(), request("grpc")).await, Err(Error::Config(text)) if text.contains("velox.server_url"))
    );
}

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
async fn cached_answer_of_the_server_is_accepted() {
    let host = Host::new(Options::default());
    let first = build(&host.velox_with(None, 5), request("http"))
        .await
        .unwrap();
    let second = build(&host.velox_with(None, 5), request("http"))
        .await
        .unwrap();
    assert_eq!(first.record.sha256, second.record.sha256);
    assert_eq!(
        (host.counters().builds_started, host.counters().cache_hits),
        (1, 1)
    );
}

#[tokio::test]
async fn forced_build_replaces_the_artifact() {
    let host = Host::new(Options::default());
    let velox = host.velox();
    let first = build(&velox, request("http")).await.unwrap();
    let second = build(&velox, forced("http")).await.unwrap();
    assert_ne!(first.record.sha256, second.record.sha256);
    let hit = build(&velox, request("http")).await.unwrap();
    assert_eq!(
        (hit.cache_status, host.path(&hit)),
        (CacheStatus::Hit, host.path(&second))
    );
    assert!(host.path(&second).exists());
}

#[tokio::test]
async fn build_in_progress_at_the_server_is_polled() {
    let host = Host::new(Options::default().behave(Behaviour {
        times: Some(4),
        ..Answer::Busy.into()
    }));
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(
        (host.counters().conflicts, host.counters().builds_started),
        (4, 1)
    );
}

#[tokio::test]
async fn validation_errors_of_the_server_are_invalid_requests() {
    let host = Host::new(Options::default());
    let mut bad = request("http");
    bad.plugins.clear();
    let Err(Error::InvalidRequest(all)) = build(&host.velox(), bad).await else {
        panic!()
    };
    assert_eq!(all[0].to_string(), "plugins: value is required");
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn build_errors_of_the_server_are_permanent() {
    let host = Host::new(Options::default());
    let mut version = request("http");
    version.rr_version = "v2025.9.9".into();
    let mut tag = request("logger");
    tag.plugins[0].tag = "v5.999.999".into();
    let mut windows = request("rpc");
    windows.target_platform.os = "windows".into();
    // An unresolved tag may be a fault of a module proxy, and is retried once.
    for (asked, requests, end) in [
        (version, 1, "v2025.9.9.zip, got 404"),
        (
            tag,
            2,
            "\ngo: module github.com/roadrunner-server/logger/v5: not a known dependency",
        ),
        (
            windows,
            1,
            "building plugins: velox v3 does not support Windows targets",
        ),
    ] {
        let before = host.counters().build_requests;
        let Err(Error::BuildFailed(failure)) = build(&host.velox(), asked).await else {
            panic!()
        };
        assert!(failure.message.ends_with(end), "{}", failure.message);
        assert_eq!(failure.http_status, 500);
        assert_eq!(host.counters().build_requests - before, requests);
    }
}

#[tokio::test]
async fn wrong_address_and_wrong_token_name_their_setting() {
    let mut host = Host::new(Options::default());
    let right = host.settings.server_url.clone();
    host.settings.server_url =
        Some(ServerUrl::parse(&format!("{}/else/", host.server.url())).unwrap());
    assert!(remote(build(&host.velox(), request("http")).await).contains("velox.server_url"));
    host.settings.server_url = right;
    host.server.apply(&pillion_fakes::Script {
        auth_token: Some("secret".into()),
        ..Default::default()
    });
    let refused = remote(build(&host.velox(), request("http")).await);
    assert!(refused.contains("velox.auth_token") && !refused.contains("secret"));
    host.settings.auth_token = Some(Secret::new("secret"));
    build(&host.velox(), request("http")).await.unwrap();
    host.server
        .behave(Answer::redirect("http://elsewhere.example/"));
    assert!(
        remote(build(&host.velox(), request("grpc")).await).contains("redirects are not followed")
    );
}

#[tokio::test]
async fn body_is_accepted_compressed_or_not() {
    for (gzip, content_type, module) in [
        (Gzip::No, None, "a"),
        (Gzip::Body, None, "b"),
        (Gzip::Encoding, None, "c"),
        (Gzip::No, Some("text/plain"), "d"),
    ] {
        let host = Host::new(Options::default().behave(Answer::Bytes {
            size: Some(300_000),
            gzip,
            keep: None,
            content_type: content_type.map(str::to_owned),
        }));
        let built = build(&host.velox(), request(module)).await.unwrap();
        assert_eq!(built.record.size, 300_000);
        assert!(
            std::fs::read(host.path(&built))
                .unwrap()
                .starts_with(b"\x7fELF")
        );
    }
}

#[tokio::test]
async fn request_has_the_headers_and_body_of_the_protocol() {
    let host = Host::new(Options::default());
    build(&host.velox(), request("http")).await.unwrap();
    let seen = host.counters().recent[0].clone();
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["connect-protocol-version"], "1");
    assert!(!seen.headers.contains_key("authorization"));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(
        body["target_platform"],
        json!({"os": "linux", "arch": "amd64"})
    );
    assert_eq!(body["force_rebuild"], false);
    assert_eq!(body["request_id"].as_str().unwrap().len(), 36);
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
