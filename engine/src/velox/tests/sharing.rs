//! Builds shared within one process and between several: each `Velox` stands for a process, because all shared state
//! is in files.

use super::*;

const BUILD_TIME: Duration = Duration::from_millis(400);

#[tokio::test]
async fn requests_of_several_processes_share_one_build() {
    let host = Host::new(Options::default().delay(BUILD_TIME));
    let processes = [host.velox(), host.velox(), host.velox()];
    let mut tasks = Vec::new();
    for velox in &processes {
        for _ in 0..10 {
            tasks.push(spawn(velox, request("http")).0);
        }
    }
    let mut shas = Vec::new();
    for task in tasks {
        let artifact = task.await.unwrap().unwrap();
        assert_eq!(artifact.cache_status, CacheStatus::Miss);
        shas.push(artifact.record.sha256);
    }
    shas.dedup();
    assert_eq!(shas.len(), 1);
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn different_configurations_build_concurrently() {
    let host = Host::new(Options::default().delay(BUILD_TIME));
    let velox = host.velox();
    let tasks: Vec<_> = ["a", "b", "c", "d"]
        .map(|module| spawn(&velox, request(module)).0)
        .into();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(
        (
            host.counters().builds_started,
            host.counters().max_in_flight
        ),
        (4, 4)
    );
}

#[tokio::test]
async fn build_limit_holds_for_all_processes() {
    let host = Host::new(Options::default().delay(Duration::from_millis(200)));
    let processes = [
        host.velox_with(Some(host.store()), 2),
        host.velox_with(Some(host.store()), 2),
    ];
    let tasks: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .into_iter()
        .zip(processes.iter().cycle())
        .map(|(module, velox)| spawn(velox, request(module)).0)
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(
        (
            host.counters().builds_started,
            host.counters().max_in_flight
        ),
        (6, 2)
    );
}

#[tokio::test]
async fn forced_build_follows_a_plain_one_and_is_shared() {
    let host = Host::new(Options::default().delay(BUILD_TIME));
    let (one, other) = (host.velox(), host.velox());
    let (plain, _) = spawn(&one, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    let (first, _) = spawn(&one, forced("http"));
    let (second, _) = spawn(&other, forced("http"));
    let plain = plain.await.unwrap().unwrap();
    until("the forced build", || host.counters().in_flight == 1).await;
    let first = first.await.unwrap().unwrap();
    let second = second.await.unwrap().unwrap();
    assert_ne!(plain.record.sha256, first.record.sha256);
    assert_eq!(first.record.sha256, second.record.sha256);
    assert_eq!(
        (host.counters().builds_started, host.counters().conflicts),
        (2, 0)
    );
    assert_eq!(
        one.find(&request("http")).unwrap().record.sha256,
        first.record.sha256
    );
}

#[tokio::test]
async fn table_held_by_a_stopped_process_does_not_stop_builds() {
    let host = Host::new(Options::default());
    let velox = host.velox();
    build(&velox, request("http")).await.unwrap();
    let table = host.dir.path().join("cache/.pillion/flights/table.lock");
    let _held = crate::host::lock::Lock::attempt(&table, crate::host::lock::LockMode::Exclusive)
        .unwrap()
        .unwrap();
    build(&velox, request("grpc")).await.unwrap();
}

#[tokio::test]
async fn flight_files_do_not_grow_with_builds() {
    let host = Host::new(Options::default());
    let velox = host.velox();
    let count = || {
        std::fs::read_dir(host.dir.path().join("cache/.pillion/flights"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() != "outcome")
            .count()
    };
    build(&velox, request("a")).await.unwrap();
    let before = count();
    for module in ["b", "c", "d", "e"] {
        build(&velox, request(module)).await.unwrap();
    }
    // At most one more slot for each concurrent build; these were sequential.
    assert!(count() <= before + 4 * 4, "{}", count());
}

#[tokio::test]
async fn process_without_flight_directory_builds_alone() {
    let host = Host::new(Options::default());
    let file = host.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let dirs = BuildDirs {
        run_dir: file.join("run"),
        temporary_dir: host.dir.path().join("temporary"),
    };
    std::fs::write(host.dir.path().join("index"), "").unwrap();
    let velox = Velox::new(
        host.settings.clone(),
        Some(host.store()),
        dirs,
        Arc::new(|_| 5),
    );
    build(&velox, request("http")).await.unwrap();
    std::fs::remove_dir_all(host.dir.path().join("cache/.pillion/flights")).unwrap();
    std::fs::write(host.dir.path().join("cache/.pillion/flights"), "").unwrap();
    let lost = Velox::new(
        host.settings.clone(),
        Some(host.store()),
        BuildDirs {
            run_dir: file.join("run"),
            temporary_dir: host.dir.path().join("temporary"),
        },
        Arc::new(|_| 5),
    );
    let (task, _) = spawn(&lost, request("grpc"));
    task.await.unwrap().unwrap();
    assert_eq!(host.counters().builds_started, 2);
}

#[tokio::test]
async fn artifact_stored_meanwhile_is_a_hit() {
    let host = Host::new(Options::default().delay(BUILD_TIME));
    let (first, second) = (host.velox(), host.velox());
    build(&first, request("http")).await.unwrap();
    // Skips the lookup, as if the index had missed the artifact.
    let pending = second.enqueue(request("http"));
    let found = second
        .run(pending, &CancellationToken::new(), |_| {})
        .await
        .unwrap();
    assert_eq!(found.cache_status, CacheStatus::Hit);
    assert_eq!(host.counters().build_requests, 1);
}
