//! Who shares a build within one process and between several: each `Velox` here stands for a process,
//! since all that they share lies in files.

use pillion_fakes::Answer;

use super::*;

const WHILE: Duration = Duration::from_millis(400);

#[tokio::test]
async fn callers_of_one_process_and_of_others_share_one_build() {
    let host = Host::new(Options::default().delay(WHILE));
    let processes = [host.velox(), host.velox(), host.velox()];
    let mut tasks = Vec::new();
    for velox in &processes {
        for _ in 0..10 {
            tasks.push(begin(velox, request("http")).0);
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
async fn different_configurations_build_at_the_same_time() {
    let host = Host::new(Options::default().delay(WHILE));
    let velox = host.velox();
    let tasks: Vec<_> = ["a", "b", "c", "d"]
        .map(|module| begin(&velox, request(module)).0)
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
async fn the_hosts_limit_holds_for_all_processes() {
    let host = Host::new(Options::default().delay(Duration::from_millis(200)));
    let processes = [
        host.velox_with(Some(host.store()), 2),
        host.velox_with(Some(host.store()), 2),
    ];
    let tasks: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .into_iter()
        .zip(processes.iter().cycle())
        .map(|(module, velox)| begin(velox, request(module)).0)
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
async fn a_failing_build_fails_for_all_from_one_request() {
    let failure =
        "building plugins: go build: exit status 1\n--- stderr (last 9 bytes) ---\nundefined\n";
    let host = Host::new(
        Options::default()
            .delay(WHILE)
            .behave(Answer::failure(failure)),
    );
    let processes = [host.velox(), host.velox()];
    let tasks: Vec<_> = (0..20)
        .map(|n| begin(&processes[n % 2], request("http")).0)
        .collect();
    for task in tasks {
        let Err(Error::BuildFailed(build)) = task.await.unwrap() else {
            panic!()
        };
        assert!(build.message.ends_with("undefined"));
        assert_eq!((build.logs.as_str(), build.http_status), ("undefined", 500));
    }
    assert_eq!(host.counters().build_requests, 1);
    // Who asks afterwards is told anew.
    assert!(build(&host.velox(), request("http")).await.is_err());
    assert_eq!(host.counters().build_requests, 2);
}

#[tokio::test]
async fn a_forced_build_follows_one_that_is_not_and_is_joined_by_all() {
    let host = Host::new(Options::default().delay(WHILE));
    let (one, other) = (host.velox(), host.velox());
    let (plain, _) = begin(&one, request("http"));
    until("a build", || host.counters().in_flight == 1).await;
    let (first, _) = begin(&one, forced("http"));
    let (second, _) = begin(&other, forced("http"));
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
async fn a_table_that_a_stopped_process_holds_does_not_stop_builds() {
    let host = Host::new(Options::default());
    let velox = host.velox();
    build(&velox, request("http")).await.unwrap();
    let table = host.dir.path().join("cache/.pillion/flights/table.lock");
    let _held = crate::host::lock::Lock::attempt(&table, crate::host::lock::Kind::Exclusive)
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
    // At most one slot more for each that was in use at the same time, and these were not.
    assert!(count() <= before + 4 * 4, "{}", count());
}

#[tokio::test]
async fn without_a_directory_for_flights_each_process_builds_on_its_own() {
    let host = Host::new(Options::default());
    let file = host.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let places = Places {
        run_dir: file.join("run"),
        spare_dir: host.dir.path().join("spare"),
    };
    std::fs::write(host.dir.path().join("index"), "").unwrap();
    let velox = Velox::new(
        host.settings.clone(),
        Some(host.store()),
        places,
        Arc::new(|_| 5),
    );
    build(&velox, request("http")).await.unwrap();
    std::fs::remove_dir_all(host.dir.path().join("cache/.pillion/flights")).unwrap();
    std::fs::write(host.dir.path().join("cache/.pillion/flights"), "").unwrap();
    let lost = Velox::new(
        host.settings.clone(),
        Some(host.store()),
        Places {
            run_dir: file.join("run"),
            spare_dir: host.dir.path().join("spare"),
        },
        Arc::new(|_| 5),
    );
    let (task, _) = begin(&lost, request("grpc"));
    task.await.unwrap().unwrap();
    assert_eq!(host.counters().builds_started, 2);
}

#[tokio::test]
async fn a_joined_build_ends_as_a_miss_and_what_was_landed_meanwhile_as_a_hit() {
    let host = Host::new(Options::default().delay(WHILE));
    let (first, second) = (host.velox(), host.velox());
    build(&first, request("http")).await.unwrap();
    // As if the index had not told: straight into the flight.
    let booking = second.book(request("http"));
    let there = second
        .fly(booking, &CancellationToken::new(), |_| {})
        .await
        .unwrap();
    assert_eq!(there.cache_status, CacheStatus::Hit);
    assert_eq!(host.counters().build_requests, 1);
}
