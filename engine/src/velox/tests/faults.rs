//! Faults of a network, a proxy, a disk or a hostile server.

use pillion_fakes::{Answer, Behaviour, Delivery, FileFault, Gzip};

use super::*;

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
