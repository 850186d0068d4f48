//! The binary of an answer: a file of the server, or a body.

use pillion_fakes::{Answer, FileFault, Gzip};

use super::*;

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
