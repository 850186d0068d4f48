//! Each fault that a network, a proxy, a disk or a hostile server can play.

use pillion_fakes::{Answer, Behaviour, Delivery, FileFault, Gzip};

use super::*;

fn once(behaviour: impl Into<Behaviour>) -> Behaviour {
    Behaviour {
        times: Some(1),
        ..behaviour.into()
    }
}

fn drop_at(bytes: u64) -> Delivery {
    Delivery {
        drop_at: Some(bytes),
        ..Delivery::default()
    }
}

#[tokio::test]
async fn faults_that_pass_are_outlived() {
    let table: Vec<Behaviour> = vec![
        once(Answer::proxy_error(502)),
        once(Answer::proxy_error(503)),
        once(Answer::proxy_error(504)),
        once(Answer::failure(
            "downloading template: dial tcp: i/o timeout",
        )),
        once(Answer::json("{\"path\":\"/tmp/x")),
        once(drop_at(0)),
        once(drop_at(20)),
        once(drop_at(120)),
        once(Delivery {
            reset: true,
            ..drop_at(60)
        }),
        once(Answer::file(FileFault::Missing)),
        once(Answer::file(FileFault::Empty)),
        once(Answer::file(FileFault::Truncated)),
        once(Answer::Bytes {
            size: Some(300_000),
            gzip: Gzip::Body,
            keep: Some(9000),
            content_type: None,
        }),
        once(Answer::Bytes {
            size: Some(300_000),
            gzip: Gzip::No,
            keep: Some(9000),
            content_type: None,
        }),
        Behaviour {
            delivery: drop_at(9000),
            ..once(Answer::Bytes {
                size: Some(300_000),
                gzip: Gzip::No,
                keep: None,
                content_type: None,
            })
        },
        Behaviour {
            delivery: Delivery {
                content_length: Some(400_000),
                ..Delivery::default()
            },
            ..once(Answer::Bytes {
                size: Some(300_000),
                gzip: Gzip::No,
                keep: None,
                content_type: None,
            })
        },
    ];
    for behaviour in table {
        let told = format!("{behaviour:?}");
        let host = Host::new(Options::default().behave(behaviour));
        let built = build(&host.velox(), request("http")).await.expect(&told);
        let size = std::fs::metadata(&built.path).unwrap().len();
        assert_eq!(size, built.record.size, "{told}");
        assert_eq!(host.counters().build_requests, 2, "{told}");
    }
}

#[tokio::test]
async fn a_server_that_stays_broken_is_given_up_after_the_set_attempts() {
    let host = Host::new(Options::default().behave(Answer::proxy_error(502)));
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(
        said.contains("answered 502") && said.ends_with("(given up after 3 attempts)"),
        "{said}"
    );
    assert_eq!(host.counters().build_requests, 3);
    let host = Host::new(Options::default().behave(Answer::failure("generating cache hash: x")));
    let Err(Error::BuildFailed(failure)) = build(&host.velox(), request("http")).await else {
        panic!()
    };
    assert_eq!(
        (failure.http_status, host.counters().build_requests),
        (500, 3)
    );
}

fn told_to_wait(status: u16, retry_after: &str) -> Answer {
    Answer::Raw {
        status,
        headers: [("Retry-After".to_owned(), retry_after.to_owned())].into(),
        body: String::new(),
    }
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    for status in [429, 503] {
        let host = Host::new(Options::default().behave(once(told_to_wait(status, "1"))));
        let begun = std::time::Instant::now();
        build(&host.velox(), request("http")).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1));
        assert_eq!(host.counters().build_requests, 2);
    }
}

#[tokio::test]
async fn retry_after_beyond_the_deadline_ends_the_build() {
    let host = Host::new(Options::default().behave(told_to_wait(503, "3600")));
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(said.contains("a pause of 1h, which is longer"), "{said}");
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn unresolved_version_is_asked_for_once_more() {
    let away = "building plugins: verifyResolvedVersions: go list -m m: go failed: exit status 1\n--- stderr (last 9 bytes) ---\ngo: module m: not a known dependency\n";
    let mut host = Host::new(Options::default().behave(once(Answer::failure(away))));
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(host.counters().build_requests, 2);
    host = Host::new(Options::default().behave(Answer::failure(away)));
    let end = build(&host.velox(), request("http")).await;
    assert!(matches!(end, Err(Error::BuildFailed(_))), "{end:?}");
    assert_eq!(host.counters().build_requests, 2);
    host.settings.retry.max_attempts = 1;
    assert!(build(&host.velox(), request("grpc")).await.is_err());
    assert_eq!(host.counters().build_requests, 3);
}

#[tokio::test]
async fn server_that_restarts_is_not_missed() {
    let mut host = Host::new(Options::default());
    host.settings.retry.initial_delay = Duration::from_millis(200);
    host.settings.retry.max_delay = Duration::from_secs(2);
    // A port that is taken, and refuses connections until a server listens.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.set_reuseaddr(true).unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    host.settings.server_url = Some(ServerUrl::parse(&format!("http://{address}")).unwrap());
    let velox = host.velox();
    let builds: Vec<_> = (0..20)
        .map(|number| begin(&velox, request(&format!("m{number}"))).0)
        .collect();
    // Answered attempts would all be spent within three times the first delay.
    tokio::time::sleep(host.settings.retry.initial_delay * 3).await;
    let _back = FakeVelox::start_apart(Options {
        listen: address,
        root: Some(host.server.root().to_owned()),
        ..Options::default()
    })
    .unwrap();
    for built in builds {
        built.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_address() {
    let mut host = Host::new(Options::default());
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    host.settings.server_url = Some(ServerUrl::parse(&format!("http://user:pass@{free}")).unwrap());
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(
        said.contains(&free.to_string()) && said.contains("can't be reached"),
        "{said}"
    );
    assert!(!said.contains("pass"), "{said}");
}

#[tokio::test]
async fn a_file_that_vanished_from_the_servers_cache_is_built_once_more() {
    let host = Host::new(Options::default());
    build(&host.velox_with(None, 5), request("http"))
        .await
        .unwrap();
    let hash = host.counters().recent[0].hash.clone().unwrap();
    std::fs::remove_file(host.server.root().join(hash).join("rr")).unwrap();
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(
        (host.counters().cache_hits, host.counters().builds_started),
        (1, 2)
    );
    assert_eq!(asked_by_force(&host), [false, false, true]);
}

fn asked_by_force(host: &Host) -> Vec<bool> {
    let recent = host.counters().recent;
    let bodies = recent
        .iter()
        .map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap());
    bodies
        .map(|body| body["force_rebuild"].as_bool().unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_that_is_not_even_there_when_it_is_fresh_is_asked_for_once_more_only() {
    let host = Host::new(Options::default().behave(Answer::file(FileFault::Missing)));
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(
        said.contains("is not there") && said.contains("velox.path_map"),
        "{said}"
    );
    assert_eq!(asked_by_force(&host), [false, true]);
}

#[tokio::test]
async fn a_forced_builds_file_may_be_missing_once_too() {
    let host = Host::new(Options::default().behave(once(Answer::file(FileFault::Missing))));
    build(&host.velox(), forced("http")).await.unwrap();
    assert_eq!(asked_by_force(&host), [true, true]);
}

#[tokio::test]
async fn files_that_can_not_be_trusted_are_refused() {
    for (fault, words) in [
        (FileFault::Outside, "velox.path_map"),
        (FileFault::DotDot, "velox.path_map"),
        (FileFault::Symlink, "symbolic link"),
        (FileFault::SymlinkedDirectory, "symbolic link"),
        (FileFault::Directory, "not a regular file"),
        (FileFault::Fifo, "not a regular file"),
        (FileFault::NoMagic, "no ELF executable"),
        (FileFault::WorldWritable, "everybody may write"),
    ] {
        let host = Host::new(Options::default().behave(Answer::file(fault)));
        let velox = host.velox();
        let said = remote(build(&velox, request("http")).await);
        assert!(said.contains(words), "{fault:?}: {said}");
        assert!(velox.find(&request("http")).is_none());
        assert_eq!(host.counters().build_requests, 1, "{fault:?}");
    }
    for fault in [FileFault::GroupWritable, FileFault::NotExecutable] {
        let host = Host::new(Options::default().behave(Answer::file(fault)));
        let built = build(&host.velox(), request("http")).await.unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&built.path).unwrap());
        assert_eq!(mode & 0o777, 0o755, "{fault:?}");
    }
}

#[tokio::test]
async fn bodies_without_end_and_bombs_stop_at_the_bound() {
    for answer in [Answer::Bomb { size: 1 << 30 }, Answer::Endless] {
        let host = Host::new(Options::default().behave(answer));
        let mut velox = host.velox();
        velox.bound(1 << 20);
        let said = remote(build(&velox, request("http")).await);
        assert!(said.contains("larger than the 1048576 bytes"), "{said}");
        assert_eq!(host.counters().build_requests, 1);
        let cache = host.dir.path().join("cache/.pillion/tmp");
        assert!(std::fs::read_dir(cache).map_or(0, Iterator::count) == 0);
    }
}

#[tokio::test]
async fn a_page_instead_of_a_binary_is_told() {
    let host = Host::new(Options::default().behave(Answer::Raw {
        status: 200,
        headers: [("Content-Type".to_owned(), "text/html".to_owned())].into(),
        body: "<!doctype html><p>Welcome to nginx".into(),
    }));
    let said = remote(build(&host.velox(), request("http")).await);
    assert!(said.contains("no ELF executable for linux/amd64"), "{said}");
}

#[tokio::test]
async fn a_server_that_falls_silent_in_its_answer_is_left() {
    let mut host = Host::new(Options::default().behave(Behaviour {
        delivery: Delivery {
            stall_at: Some(9000),
            ..Delivery::default()
        },
        ..once(Answer::Bytes {
            size: Some(300_000),
            gzip: Gzip::No,
            keep: None,
            content_type: None,
        })
    }));
    host.settings.request_timeout = Duration::from_millis(200);
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(host.counters().build_requests, 2);
}

#[tokio::test]
async fn a_build_may_take_longer_than_the_request_timeout_and_not_than_its_own() {
    let mut host = Host::new(Options::default().delay(Duration::from_millis(600)));
    host.settings.request_timeout = Duration::from_millis(100);
    build(&host.velox(), request("http")).await.unwrap();
    host.settings.build_timeout = Duration::from_millis(300);
    let late = build(&host.velox(), request("grpc")).await;
    assert!(
        matches!(&late, Err(Error::Timeout(text)) if text == "build exceeded 300ms timeout"),
        "{late:?}"
    );
    until("the request is stopped", || {
        host.counters().builds_cancelled == 1
    })
    .await;
}

#[tokio::test]
async fn a_slow_but_steady_answer_is_waited_for() {
    let mut host = Host::new(Options::default().behave(Delivery {
        drip_ms: Some(2),
        ..Delivery::default()
    }));
    host.settings.request_timeout = Duration::from_millis(500);
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn a_panic_in_a_build_is_an_error_like_others() {
    let host = Host::new(Options::default());
    let velox = host.velox_with(Some(host.store()), 5);
    let panicking = Velox::new(
        host.settings.clone(),
        Some(host.store()),
        Places {
            run_dir: host.dir.path().join("run"),
            spare_dir: host.dir.path().join("spare"),
        },
        Arc::new(|_| panic!("no limit")),
    );
    assert!(build(&panicking, request("http")).await.is_err());
    build(&velox, request("http")).await.unwrap();
}

#[tokio::test]
async fn a_conflict_without_end_ends_with_the_builds_deadline() {
    let mut host = Host::new(Options::default().behave(Answer::Busy));
    host.settings.build_timeout = Duration::from_millis(700);
    assert!(matches!(
        build(&host.velox(), request("http")).await,
        Err(Error::Timeout(_))
    ));
    assert!(host.counters().conflicts > host.settings.retry.max_attempts.into());
}
