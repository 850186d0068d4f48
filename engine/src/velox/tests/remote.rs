//! Binaries of other hosts in place of builds. The remote is a fake; the real gateway is in the tests of hosts.

use std::{
    fs::File,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;

/// A remote with one binary for every configuration, or none.
#[derive(Default)]
struct Remote {
    binary: Option<PathBuf>,
    asked: AtomicUsize,
    offered: Mutex<Vec<BuiltBinary>>,
}

impl RemoteBinaries for Remote {
    fn fetch<'a>(
        &'a self,
        _: &'a BuildRequest,
        _: &'a ConfigKeys,
    ) -> Pin<Box<dyn Future<Output = Option<RemoteBinary>> + Send + 'a>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let file = File::open(self.binary.as_ref()?).unwrap();
            Some(RemoteBinary {
                size: file.metadata().unwrap().len(),
                file,
                build_time: Duration::from_millis(41_500),
            })
        })
    }

    fn offer(&self, binary: BuiltBinary) {
        self.offered.lock().unwrap().push(binary);
    }
}

impl Remote {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A binary that another host has built for the platform of [`request`].
async fn built(host: &Host) -> PathBuf {
    let artifact = build(&host.velox(), request("http")).await.unwrap();
    host.path(&artifact)
}

fn shared(host: &Host, remote: &Arc<Remote>) -> Velox {
    let remote: Arc<Remote> = Arc::clone(remote);
    host.velox().with_remote(remote)
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_of_another_host_is_not_built() {
    let other = Host::new(Options::default());
    let remote = Arc::new(Remote {
        binary: Some(built(&other).await),
        ..Remote::default()
    });
    let host = Host::new(Options::default());
    let velox = shared(&host, &remote);
    let artifact = build(&velox, request("http")).await.unwrap();
    assert_eq!(artifact.cache_status, CacheStatus::Hit);
    assert_eq!(artifact.record.build_ms, 41_500);
    let bytes = |path: PathBuf| std::fs::read(path).unwrap();
    assert_eq!(
        bytes(host.path(&artifact)),
        bytes(remote.binary.clone().unwrap())
    );
    assert_eq!((host.counters().builds_started, remote.asked()), (0, 1));
    // From then on it is in the cache, and nothing was built that others lack.
    build(&velox, request("http")).await.unwrap();
    assert_eq!(remote.asked(), 1);
    assert!(remote.offered.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_processes_ask_once_and_build_once() {
    let other = Host::new(Options::default());
    for binary in [Some(built(&other).await), None] {
        let builds = usize::from(binary.is_none());
        let remote = Arc::new(Remote {
            binary,
            ..Remote::default()
        });
        let host = Host::new(Options::default());
        let processes: Vec<Velox> = (0..16).map(|_| shared(&host, &remote)).collect();
        let waiting: Vec<_> = processes
            .iter()
            .map(|velox| spawn(velox, request("http")))
            .collect();
        for (task, _cancel) in waiting {
            task.await.unwrap().unwrap();
        }
        assert_eq!(remote.asked(), 1);
        assert_eq!(host.counters().builds_started as usize, builds);
        assert_eq!(remote.offered.lock().unwrap().len(), builds);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn built_binary_is_offered_with_its_configuration() {
    let remote = Arc::new(Remote::default());
    let host = Host::new(Options::default());
    let artifact = build(&shared(&host, &remote), request("http"))
        .await
        .unwrap();
    let offered = remote.offered.lock().unwrap();
    let [binary] = offered.as_slice() else {
        panic!("{offered:?}")
    };
    assert_eq!(binary.record, artifact.record);
    assert_eq!(binary.path, host.path(&artifact));
    let config = BuildRequest::from_json(&binary.config).unwrap();
    assert_eq!(ConfigKeys::of(&config), ConfigKeys::of(&request("http")));
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_and_mutable_builds_do_not_ask() {
    let other = Host::new(Options::default());
    let remote = Arc::new(Remote {
        binary: Some(built(&other).await),
        ..Remote::default()
    });
    let host = Host::new(Options::default());
    build(&shared(&host, &remote), forced("http"))
        .await
        .unwrap();
    assert_eq!(remote.offered.lock().unwrap().len(), 1);
    let mut mutable = request_json("grpc");
    mutable["plugins"][0]["tag"] = "master".into();
    let mutable = BuildRequest::from_json(&mutable).unwrap();
    build(&shared(&host, &remote), mutable).await.unwrap();
    assert_eq!((host.counters().builds_started, remote.asked()), (2, 0));
    // The binary of a branch would stay for ever, since the first writer wins.
    assert_eq!(remote.offered.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_file_that_is_no_binary_is_built_instead() {
    let host = Host::new(Options::default());
    let page = host.dir.path().join("page");
    std::fs::write(&page, "<html>").unwrap();
    let remote = Arc::new(Remote {
        binary: Some(page),
        ..Remote::default()
    });
    let artifact = build(&shared(&host, &remote), request("http"))
        .await
        .unwrap();
    assert_eq!(artifact.cache_status, CacheStatus::Miss);
    assert_eq!((host.counters().builds_started, remote.asked()), (1, 1));
}
