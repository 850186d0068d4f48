//! Each answer of the Velox server, and the ways to a hit.

use pillion_fakes::{Answer, Behaviour};
use sha2::Digest;

use super::*;

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
