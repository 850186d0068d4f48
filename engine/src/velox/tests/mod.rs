//! Complete builds against a fake Velox server: its answers, its faults, and shared builds.

mod answers;
mod binaries;
mod cancellation;
mod endless;
mod faults;
mod malformed;
mod progress;
mod raw_server;
mod remote;
mod sharing;
mod slow;
mod small_runtime;
mod storage;
mod tls;

use std::{path::PathBuf, sync::Arc, time::Duration};

use pillion_fakes::{Behaviour, FakeVelox, Options};
use serde_json::{Value, json};

use super::*;
use crate::{
    Error, Result,
    artifacts::{Artifact, CacheStatus, Store, StoreOptions},
    config::{ArtifactCacheSettings, CacheDir, RetrySettings, VeloxSettings},
    runtime::CancellationToken,
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

/// A host with a fake server and a cache directory.
struct Host {
    dir: tempfile::TempDir,
    server: FakeVelox,
    settings: VeloxSettings,
}

/// Returns settings with short pauses.
fn settings(url: &str, root: PathBuf) -> VeloxSettings {
    VeloxSettings {
        server_url: Some(ServerUrl::parse(url).unwrap()),
        build_timeout: Duration::from_secs(20),
        request_timeout: Duration::from_secs(2),
        max_concurrent_builds: 5,
        path_map: vec![(root.clone(), root)],
        auth_token: None,
        ca_file: None,
        system_certificates: SystemCertificates::default(),
        mutable_ttl: Duration::from_secs(3600),
        cache: ArtifactCacheSettings {
            enabled: true,
            dir: CacheDir::InStateDir("unused".into()),
            ttl: Duration::from_secs(7 * 86_400),
            max_size_bytes: 1 << 30,
            max_entries: 64,
            cleanup_interval: Duration::from_secs(3600),
        },
        retry: RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(100),
            backoff_multiplier: 2.0,
        },
    }
}

impl Host {
    fn new(options: Options) -> Self {
        let server = FakeVelox::start_apart(options).unwrap();
        let settings = settings(&server.url(), server.root().to_owned());
        Self {
            dir: tempfile::tempdir().unwrap(),
            server,
            settings,
        }
    }

    fn store(&self) -> Arc<Store> {
        let mut options = StoreOptions::new(self.dir.path().join("cache"), self.dir.path());
        options.max_entries = 64;
        Arc::new(Store::open(options).unwrap())
    }

    /// Simulates another process: all shared state is in files.
    fn velox(&self) -> Velox {
        self.velox_with(Some(self.store()), self.settings.max_concurrent_builds)
    }

    fn velox_with(&self, store: Option<Arc<Store>>, limit: usize) -> Velox {
        let dirs = BuildDirs {
            run_dir: self.dir.path().join("run"),
            temporary_dir: self.dir.path().join("temporary"),
        };
        std::fs::create_dir_all(&dirs.run_dir).unwrap();
        Velox::new(self.settings.clone(), store, dirs, Arc::new(move |_| limit))
    }

    /// Returns the file of an artifact in this host's cache, or outside of it.
    fn path(&self, artifact: &Artifact) -> PathBuf {
        artifact.path(Some(&self.store()))
    }

    fn counters(&self) -> pillion_fakes::Counters {
        self.server.counters()
    }
}

impl Velox {
    /// Looks up an artifact in the index.
    fn find(&self, request: &BuildRequest) -> Option<Artifact> {
        let store = self.context.storage.cache()?;
        let record = ConfigKeys::of(request).lookup(store)?;
        Some(Artifact::hit(record))
    }
}

fn request_json(module: &str) -> Value {
    json!({
        "rr_version": "v2025.1.9",
        "target_platform": {"os": "linux", "arch": "amd64"},
        "plugins": [{"module_name": format!("github.com/roadrunner-server/{module}/v5"), "tag": "v5.3.0"}],
    })
}

fn request(module: &str) -> BuildRequest {
    BuildRequest::from_json(&request_json(module)).unwrap()
}

fn forced(module: &str) -> BuildRequest {
    let mut request = request(module);
    request.force_rebuild = true;
    request
}

async fn build(velox: &Velox, request: BuildRequest) -> Result<Artifact> {
    velox
        .build(request, &CancellationToken::new(), |_| {})
        .await
}

/// Spawns a build, and returns its task and its cancellation token.
fn spawn(
    velox: &Velox,
    request: BuildRequest,
) -> (tokio::task::JoinHandle<Result<Artifact>>, CancellationToken) {
    let (velox, cancel) = (velox.clone(), CancellationToken::new());
    let token = cancel.clone();
    let task = tokio::spawn(async move { velox.build(request, &token, |_| {}).await });
    (task, cancel)
}

/// Waits until a condition holds, for ten seconds at most.
async fn until(condition: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within ten seconds: {condition}");
}

fn remote(result: Result<Artifact>) -> String {
    match result {
        Err(Error::Remote(message)) => message,
        other => panic!("no remote error: {other:?}"),
    }
}

/// Limits a behaviour to one request.
fn once(behaviour: impl Into<Behaviour>) -> Behaviour {
    Behaviour {
        times: Some(1),
        ..behaviour.into()
    }
}
