//! Views of the dashboard.

use std::sync::Arc;

use pillion_engine::{
    host::{Presence, presence},
    worker::{
        WorkerRegistry,
        registry::{ProcessId, WorkerField},
    },
};
use serde_json::{Value, json};

use super::Guarded;
use crate::test_host::{get, request};

/// Whether `view` has all fields of `shape`, of the same types.
fn assert_shape(view: &Value, shape: &Value, path: &str) {
    let Value::Object(fields) = shape else {
        return;
    };
    for (name, expected) in fields {
        let path = format!("{path}/{name}");
        let found = view
            .get(name)
            .unwrap_or_else(|| panic!("{path} is missing in {view}"));
        assert_shape(found, expected, &path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overview_has_the_numbers_of_the_host() {
    let guarded = Guarded::start().await;
    let overview = guarded.read("/api/overview").await.json();
    assert_shape(
        &overview,
        &json!({
            "version": 0, "hostname": 0, "pid": 0, "uptime": 0, "time": 0, "leader": 0, "run_dir": 0,
            "state_dir": 0, "problems": 0,
            "workers": {
                "total": 0, "busy": 0, "memory": 0, "peak_memory": 0, "requests": 0, "requests_per_second": 0,
                "leaks": 0,
            },
            "builds": {"active": 0, "success": 0, "failed": 0, "hits": 0, "misses": 0},
            "artifacts": {"entries": 0, "max_entries": 0, "bytes": 0, "max_bytes": 0},
            "cache": {
                "enabled": 0, "reason": 0, "hit_ratio": 0, "bytes_used": 0, "bytes_limit": 0, "entries": 0,
                "evictions": 0, "second_tier": {"configured": 0, "connected": 0},
            },
            "sentry": {"enabled": 0, "queued": 0, "sent": 0, "failed": 0, "dead_letters": 0, "rate_limits": 0},
            "delivery": {"active": 0, "total": 0, "held": 0},
        }),
        "",
    );
    assert_eq!(overview["problems"], json!([]));
    let run_dir = guarded.host.dir.path().join("run");
    assert_eq!(overview["run_dir"], run_dir.to_str().unwrap());
    // No view creates a cache.
    let names = std::fs::read_dir(&run_dir).unwrap().flatten();
    let has_cache = names
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("cache-"));
    assert!(!has_cache);
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_and_processes_are_named() {
    let guarded = Guarded::start().await;
    crate::test_host::until("it leads", || guarded.server.engine.is_leader()).await;
    // A view is a second old at most.
    let leader = loop {
        let overview = guarded.read("/api/overview").await.json();
        if !overview["leader"].is_null() {
            break overview["leader"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(leader, json!({"pid": std::process::id(), "mode": "serve"}));
    let workers = guarded.read("/api/workers").await.json();
    assert_eq!(workers["workers"], json!([]));
    assert_eq!(workers["processes"][0]["pid"], std::process::id());
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_are_listed_by_pages_and_found_by_a_search() {
    let guarded = Guarded::start().await;
    let velox = guarded.server.engine.velox().unwrap().clone();
    let cancel = pillion_engine::runtime::CancellationToken::new();
    for module in ["http", "grpc", "jobs"] {
        velox.build(request(module), &cancel, |_| ()).await.unwrap();
    }
    let all = guarded.read("/api/artifacts").await.json();
    let keys = |page: &Value| -> Vec<String> {
        let artifacts = page["artifacts"].as_array().unwrap().iter();
        artifacts
            .map(|one| one["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected = keys(&all);
    assert_eq!((expected.len(), &all["next"]), (3, &Value::Null));
    assert_eq!(all["artifacts"][0]["platform"], "linux/amd64");
    assert_eq!(all["artifacts"][0]["rr_version"], "v2025.1.9");
    assert_eq!(all["artifacts"][0]["filename"], "roadrunner-linux-amd64");
    assert_eq!(all["stats"]["entries"], 3);
    let first = guarded.read("/api/artifacts?limit=2").await.json();
    assert_eq!(
        (keys(&first), &first["next"]),
        (expected[..2].to_vec(), &json!(expected[1]))
    );
    let second = guarded
        .read(&format!("/api/artifacts?limit=2&after={}", expected[1]))
        .await
        .json();
    assert_eq!(
        (keys(&second), &second["next"]),
        (expected[2..].to_vec(), &Value::Null)
    );
    let found = guarded
        .read(&format!("/api/artifacts?search={}", &expected[1][4..]))
        .await
        .json();
    assert_eq!(keys(&found), expected[1..2]);
    assert_eq!(
        keys(&guarded.read("/api/artifacts?search=AMD64").await.json()),
        expected
    );
    assert_eq!(
        keys(&guarded.read("/api/artifacts?search=windows").await.json()),
        [""; 0]
    );
    let builds = guarded.read("/api/builds").await.json();
    assert_eq!(builds["active"], json!([]));
    let recent = builds["recent"].as_array().unwrap();
    assert_eq!(recent.len(), 3);
    assert!(
        recent.iter().all(|build| build["state"] == "done"),
        "{builds}"
    );
    let mut built: Vec<&str> = recent
        .iter()
        .map(|build| build["key"].as_str().unwrap())
        .collect();
    built.sort_unstable();
    assert_eq!(built, expected);
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_workers_are_listed_with_their_requests() {
    let guarded = Guarded::start().await;
    let run = guarded.host.dir.path().join("run");
    let joined = Presence::join(&run, presence::describe("fpm-fcgi", 1)).unwrap();
    let registry = Arc::new(WorkerRegistry::open(&run).unwrap());
    let owner = ProcessId::from_presence(&joined.name()).unwrap();
    let slots: Vec<_> = (1..=500_u64)
        .map(|number| {
            let slot = registry.acquire(owner, &|_| true).unwrap();
            slot.set(WorkerField::Thread, number);
            slot.set(WorkerField::RequestStartedMs, 1);
            slot.set_request(b"POST", format!("/order/{number}?card=4711").as_bytes());
            slot.publish();
            slot
        })
        .collect();
    let answer = guarded.read("/api/workers").await;
    assert!(!answer.text().contains("4711"));
    let workers = answer.json()["workers"].as_array().unwrap().clone();
    assert_eq!(workers.len(), 500);
    let last = workers.last().unwrap();
    assert_eq!(
        last["request"],
        json!({"method": "POST", "uri": "/order/500"})
    );
    let overview = guarded.read("/api/overview").await.json();
    assert_eq!(
        (&overview["workers"]["total"], &overview["workers"]["busy"]),
        (&json!(500), &json!(500))
    );
    drop(slots);
    guarded.server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_of_the_page() {
    let guarded = Guarded::start().await;
    let view = guarded.read("/api/metrics").await.json();
    let families = view["families"].as_array().unwrap();
    let page = get(guarded.address, "/metrics", &[&super::bearer()])
        .await
        .text();
    let named = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let expected: Vec<&str> = named.map(|line| line.split(' ').next().unwrap()).collect();
    let names: Vec<&str> = families
        .iter()
        .map(|family| family["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, expected);
    assert!(families.iter().all(|family| family["application"] == false));
    guarded.server.end().await;
}
