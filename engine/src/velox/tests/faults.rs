//! Faults of a network, a proxy, a disk or a hostile server.

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
async fn transient_faults_are_retried() {
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
        let name = format!("{behaviour:?}");
        let host = Host::new(Options::default().behave(behaviour));
        let built = build(&host.velox(), request("http")).await.expect(&name);
        let size = std::fs::metadata(host.path(&built)).unwrap().len();
        assert_eq!(size, built.record.size, "{name}");
        assert_eq!(host.counters().build_requests, 2, "{name}");
    }
}

#[tokio::test]
async fn broken_server_fails_after_max_attempts() {
    let host = Host::new(Options::default().behave(Answer::proxy_error(502)));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("answered 502") && message.ends_with("(given up after 3 attempts)"),
        "{message}"
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

fn with_retry_after(status: u16, retry_after: &str) -> Answer {
    Answer::Raw {
        status,
        headers: [("Retry-After".to_owned(), retry_after.to_owned())].into(),
        body: String::new(),
    }
}

#[tokio::test]
async fn retry_after_is_respected() {
    for status in [429, 503] {
        let host = Host::new(Options::default().behave(once(with_retry_after(status, "1"))));
        let started = std::time::Instant::now();
        build(&host.velox(), request("http")).await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(1));
        assert_eq!(host.counters().build_requests, 2);
    }
}

#[tokio::test]
async fn retry_after_beyond_the_deadline_ends_the_build() {
    let host = Host::new(Options::default().behave(with_retry_after(503, "3600")));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("a pause of 1h, which is longer"),
        "{message}"
    );
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn unresolved_version_is_retried_once() {
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
async fn restarting_server_is_reached_after_retries() {
    let mut host = Host::new(Options::default());
    host.settings.retry.initial_delay = Duration::from_millis(200);
    host.settings.retry.max_delay = Duration::from_secs(2);
    // A reserved port, which refuses connections until a server listens.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.set_reuseaddr(true).unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    host.settings.server_url = Some(ServerUrl::parse(&format!("http://{address}")).unwrap());
    let velox = host.velox();
    let builds: Vec<_> = (0..20)
        .map(|number| spawn(&velox, request(&format!("m{number}"))).0)
        .collect();
    // With the backoff after an answer, all attempts would be spent within three times the first delay.
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
async fn connection_error_names_the_address() {
    let mut host = Host::new(Options::default());
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    host.settings.server_url =
        Some(ServerUrl::parse(&format!("http://user:pass@{unused}")).unwrap());
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains(&unused.to_string()) && message.contains("can't be reached"),
        "{message}"
    );
    assert!(!message.contains("pass"), "{message}");
}

#[tokio::test]
async fn file_missing_in_the_server_cache_is_rebuilt() {
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
    assert_eq!(force_flags(&host), [false, false, true]);
}

fn force_flags(host: &Host) -> Vec<bool> {
    let recent = host.counters().recent;
    let bodies = recent
        .iter()
        .map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap());
    bodies
        .map(|body| body["force_rebuild"].as_bool().unwrap())
        .collect()
}

#[tokio::test]
async fn missing_file_is_requested_again_only_once() {
    let host = Host::new(Options::default().behave(Answer::file(FileFault::Missing)));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("is not there") && message.contains("velox.path_map"),
        "{message}"
    );
    assert_eq!(force_flags(&host), [false, true]);
}

#[tokio::test]
async fn missing_file_of_a_forced_build_is_requested_again() {
    let host = Host::new(Options::default().behave(once(Answer::file(FileFault::Missing))));
    build(&host.velox(), forced("http")).await.unwrap();
    assert_eq!(force_flags(&host), [true, true]);
}

#[tokio::test]
async fn untrusted_files_are_rejected() {
    for (fault, words) in [
        (FileFault::Outside, "velox.path_map"),
        (FileFault::DotDot, "velox.path_map"),
        (FileFault::Symlink, "symbolic link"),
        (FileFault::SymlinkedDirectory, "symbolic link"),
        (FileFault::Directory, "not a regular file"),
        (FileFault::Fifo, "not a regular file"),
        (FileFault::NoMagic, "no ELF executable"),
        (FileFault::WorldWritable, "world-writable"),
    ] {
        let host = Host::new(Options::default().behave(Answer::file(fault)));
        let velox = host.velox();
        let message = remote(build(&velox, request("http")).await);
        assert!(message.contains(words), "{fault:?}: {message}");
        assert!(velox.find(&request("http")).is_none());
        assert_eq!(host.counters().build_requests, 1, "{fault:?}");
    }
    for fault in [FileFault::GroupWritable, FileFault::NotExecutable] {
        let host = Host::new(Options::default().behave(Answer::file(fault)));
        let built = build(&host.velox(), request("http")).await.unwrap();
        let mode =
            std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(host.path(&built)).unwrap());
        assert_eq!(mode & 0o777, 0o755, "{fault:?}");
    }
}

#[tokio::test]
async fn endless_bodies_and_bombs_stop_at_the_limit() {
    for answer in [Answer::Bomb { size: 1 << 30 }, Answer::Endless] {
        let mut host = Host::new(Options::default().behave(answer));
        // Only the limit may end these, also on a slow machine.
        host.settings.build_timeout = Duration::from_secs(120);
        host.settings.request_timeout = Duration::from_secs(60);
        let mut velox = host.velox();
        velox.limit_binary_size(1 << 20);
        let message = remote(build(&velox, request("http")).await);
        assert!(
            message.contains("larger than the 1048576 bytes"),
            "{message}"
        );
        assert_eq!(host.counters().build_requests, 1);
        let cache = host.dir.path().join("cache/.pillion/tmp");
        assert!(std::fs::read_dir(cache).map_or(0, Iterator::count) == 0);
    }
}

#[tokio::test]
async fn web_page_is_rejected_as_a_binary() {
    let host = Host::new(Options::default().behave(Answer::Raw {
        status: 200,
        headers: [("Content-Type".to_owned(), "text/html".to_owned())].into(),
        body: "<!doctype html><p>Welcome to nginx".into(),
    }));
    let message = remote(build(&host.velox(), request("http")).await);
    assert!(
        message.contains("no ELF executable for linux/amd64"),
        "{message}"
    );
}

#[tokio::test]
async fn silent_server_is_retried_after_the_idle_timeout() {
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
async fn build_may_exceed_request_timeout_but_not_build_timeout() {
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
async fn slow_but_steady_answer_is_received() {
    let mut host = Host::new(Options::default().behave(Delivery {
        drip_ms: Some(2),
        ..Delivery::default()
    }));
    host.settings.request_timeout = Duration::from_millis(500);
    build(&host.velox(), request("http")).await.unwrap();
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn panic_in_a_build_is_an_error() {
    let host = Host::new(Options::default());
    let velox = host.velox_with(Some(host.store()), 5);
    let panicking = Velox::new(
        host.settings.clone(),
        Some(host.store()),
        BuildDirs {
            run_dir: host.dir.path().join("run"),
            temporary_dir: host.dir.path().join("temporary"),
        },
        Arc::new(|_| panic!("no limit")),
    );
    assert!(build(&panicking, request("http")).await.is_err());
    build(&velox, request("http")).await.unwrap();
}

#[tokio::test]
async fn endless_conflict_ends_at_the_build_timeout() {
    let mut host = Host::new(Options::default().behave(Answer::Busy));
    host.settings.build_timeout = Duration::from_millis(700);
    assert!(matches!(
        build(&host.velox(), request("http")).await,
        Err(Error::Timeout(_))
    ));
    assert!(host.counters().conflicts > host.settings.retry.max_attempts.into());
}
