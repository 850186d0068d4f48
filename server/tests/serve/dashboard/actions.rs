//! Actions of the dashboard.

use pillion_engine::{
    cache::{NewValue, Ttl, encoding},
    runtime::CancellationToken,
};
use serde_json::json;

use super::Guarded;
use crate::test_host::request;

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_are_verified_deleted_and_cleaned() {
    let guarded = Guarded::start().await;
    let velox = guarded.server.engine.velox().unwrap().clone();
    let cancel = CancellationToken::new();
    let built = velox.build(request("http"), &cancel, |_| ());
    let key = built.await.unwrap().record.key.to_string();
    let named = json!({ "key": key });
    let verified = guarded.act("/api/artifacts/verify", &named).await;
    assert_eq!(verified.json(), json!({"valid": true}));
    let store = guarded.server.engine.store().unwrap().unwrap();
    let path = store.path(&store.peek(key.parse().unwrap()).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let verified = guarded.act("/api/artifacts/verify", &named).await;
    assert_eq!(verified.json(), json!({"valid": false}));
    assert_eq!(
        guarded.act("/api/artifacts/delete", &named).await.status,
        200
    );
    assert!(!path.exists());
    assert_eq!(
        guarded.act("/api/artifacts/delete", &named).await.status,
        404
    );
    assert_eq!(
        guarded.act("/api/artifacts/verify", &named).await.status,
        404
    );
    for wrong in [
        json!({}),
        json!({"key": "x"}),
        json!({"key": 5}),
        json!({"key": "../../x"}),
    ] {
        assert_eq!(
            guarded.act("/api/artifacts/delete", &wrong).await.status,
            400,
            "{wrong}"
        );
    }
    let report = guarded.act("/api/artifacts/clean", &json!({})).await.json();
    assert_eq!(report["complete"], true, "{report}");
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_values_are_listed_and_removed() {
    let guarded = Guarded::start().await;
    let engine = &guarded.server.engine;
    let cache = engine.checked_cache().unwrap();
    let store = |key: &[u8], size: usize, tags: &[&[u8]]| {
        let tags: Vec<_> = tags.iter().map(|tag| cache.tag(tag)).collect();
        let value = NewValue {
            bytes: &vec![b'x'; size],
            encoding: encoding::STRING,
            ttl: Ttl::Forever,
            tags: &tags,
        };
        cache.set(key, &value);
    };
    store(b"user:1", 100, &[b"users"]);
    store(b"user:2", 5000, &[]);
    store(b"page:\xff", 10, &[]);
    let view = guarded.read("/api/cache").await.json();
    assert_eq!(view["entries"], 3);
    assert_eq!(view["largest"][0]["key"], "user:2");
    assert_eq!(view["largest"][2]["key_base64"], "cGFnZTr/");
    let long = format!("/api/cache/keys?pattern={}", "a".repeat(1025));
    assert_eq!(guarded.read(&long).await.status, 400);
    let keys = guarded
        .read("/api/cache/keys?pattern=user%3A*")
        .await
        .json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "{keys}");
    let page = guarded
        .read("/api/cache/keys?pattern=user:*&limit=1")
        .await
        .json();
    let next = page["next"].as_str().unwrap();
    let last = guarded
        .read(&format!(
            "/api/cache/keys?pattern=user:*&limit=1&after={next}"
        ))
        .await
        .json();
    assert_ne!(page["keys"][0]["key"], last["keys"][0]["key"]);
    let invalidated = guarded
        .act("/api/cache/invalidate", &json!({"tags": ["users"]}))
        .await;
    assert_eq!(invalidated.status, 200);
    assert!(!cache.has(b"user:1") && cache.has(b"user:2"));
    let removed = guarded
        .act("/api/cache/delete", &json!({"pattern": "user:*"}))
        .await
        .json();
    assert_eq!(removed, json!({"removed": 1}));
    assert!(cache.has(b"page:\xff"));
    assert_eq!(
        guarded.act("/api/cache/clear", &json!({})).await.status,
        200
    );
    assert!(!cache.has(b"page:\xff"));
    for (path, wrong) in [
        ("delete", json!({})),
        ("delete", json!({"pattern": ""})),
        ("invalidate", json!({"tags": []})),
        ("invalidate", json!({"tags": [5]})),
        ("invalidate", json!({"tags": "users"})),
    ] {
        assert_eq!(
            guarded
                .act(&format!("/api/cache/{path}"), &wrong)
                .await
                .status,
            400,
            "{wrong}"
        );
    }
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn value_removed_while_it_is_listed_has_no_row() {
    let guarded = Guarded::start().await;
    let (engine, ended) = (guarded.server.engine.clone(), CancellationToken::new());
    let end = ended.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let cache = engine.checked_cache().unwrap();
        let value = NewValue {
            bytes: b"x",
            encoding: encoding::STRING,
            ttl: Ttl::Forever,
            tags: &[],
        };
        let keys: Vec<String> = (0..200).map(|number| format!("user:{number}")).collect();
        while !end.is_cancelled() {
            for key in &keys {
                cache.set(key.as_bytes(), &value);
            }
            for key in &keys {
                cache.delete(key.as_bytes());
            }
        }
    });
    let mut rows = 0;
    for _ in 0..300 {
        let page = guarded.read("/api/cache/keys?pattern=user:*").await.json();
        for row in page["keys"].as_array().unwrap() {
            assert!(row["bytes"].is_u64(), "{row}");
            rows += 1;
        }
    }
    ended.cancel();
    writer.await.unwrap();
    assert!(rows > 0);
    guarded.server.end().await;
}
