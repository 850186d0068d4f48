//! A build server that speaks Velox's protocol, and builds with the local Go toolchain from the Go module proxy; the
//! command `pillion velox` runs it. Described to its users in `docs/guides/build-server.md`.
//!
//! # Layout
//!
//! * `routes`: HTTP. `rpc`: Connect, gRPC, gRPC-Web, their messages and errors. `validate`: rules of a request.
//! * `queue`, `active_builds`, `progress`, `cancellation`: from a request to its turn, and to its end.
//! * `options`; `builder`, `configuration`, `module`, `work_dir`, `error`: one build. `toolchain`: its `go` commands.
//! * `build_cache`: built binaries, and the paths from which clients read them.
//!
//! # Files
//!
//! Below the server's directory, which one server owns at a time (`server.lock`): `store/` and `index/` of the artifact
//! store, `<hash>/rr` with `build.json` for clients, and `work/` with a directory for each running build. The next
//! start removes what a killed server left in `work/`.

mod active_builds;
mod build_cache;
mod builder;
mod cancellation;
mod configuration;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod module;
mod options;
mod progress;
mod queue;
mod routes;
mod rpc;
mod toolchain;
mod validate;
mod work_dir;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::geteuid;

use pillion_engine::{
    artifacts::Clock,
    error::{Error, IoContext, Result},
    host::lock::{Lock, LockMode},
};
use tokio::{
    net::TcpListener,
    task::spawn_blocking,
    time::{Instant, interval, sleep, timeout_at},
};

use tokio_util::sync::CancellationToken;

use crate::http::{self, Limits};
use build_cache::BuildCache;
use queue::BuildQueue;
use routes::Routes;
use toolchain::go::Go;

pub use build_cache::CacheLimits;
pub use options::Options;

/// Time that a new server waits for the previous one to release the directory.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const CLEANING_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Interval between two checks of the remaining builds during shutdown.
const DRAIN_INTERVAL: Duration = Duration::from_millis(20);

/// A build server that owns its directory.
#[derive(Debug)]
pub struct Server {
    options: Options,
    cache: Arc<BuildCache>,
    lock: Lock,
}

impl Server {
    /// Acquires the directory, and removes what a killed server left there.
    ///
    /// # Errors
    /// The directory can't be made, is not this user's, or belongs to another running server.
    pub fn open(mut options: Options) -> Result<Self> {
        options.dir = own_directory(&options.dir)?;
        let lock = options.dir.join("server.lock");
        let lock = Lock::within(&lock, LockMode::Exclusive, LOCK_TIMEOUT)
            .context(|| lock.display().to_string())?;
        let lock = lock.ok_or_else(|| {
            Error::State(format!(
                "{}: another build server is running in this directory",
                options.dir.display()
            ))
        })?;
        let work = options.dir.join("work");
        if let Err(error) = fs::remove_dir_all(&work)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Error::io(
                format!("{}: can't be emptied", work.display()),
                error,
            ));
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&work)
            .context(|| work.display().to_string())?;
        let cache = BuildCache::open(&options.dir, options.cache_limits, Clock::System)?;
        if Go::find(&options.environment, &options.dir).is_none() {
            log::warn!("go not found in PATH: each build fails");
        }
        Ok(Self {
            options,
            cache: Arc::new(cache),
            lock,
        })
    }

    /// Serves until `stop` is ready; then stops the builds, and returns when they have ended.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Self {
            options,
            cache,
            lock,
        } = self;
        let shutdown = CancellationToken::new();
        let tokens = options.tokens.clone();
        let queue = BuildQueue::new(options, Arc::clone(&cache), shutdown.clone());
        let queue = Arc::new(queue);
        let routes = Arc::new(Routes {
            queue: Arc::clone(&queue),
            tokens,
        });
        let cleaning = tokio::spawn(clean_periodically(Arc::clone(&queue), cache));
        let limits = Limits::default();
        let stopping = async {
            stop.await;
            shutdown.cancel();
            Instant::now() + limits.drain_timeout
        };
        let serving = http::serve(listener, routes, limits, shutdown.clone());
        let (drained, deadline) = tokio::join!(serving, stopping);
        cleaning.abort();
        // A build ends after its connection if the client has disconnected.
        let idle = async {
            while queue.active.count() > 0 {
                sleep(DRAIN_INTERVAL).await;
            }
        };
        if timeout_at(deadline, idle).await.is_err() {
            log::warn!(builds = queue.active.count(); "stopped before all builds ended");
        } else if !drained {
            log::warn!("stopped before all connections closed");
        }
        // From here on another server may remove the files of this one's builds.
        drop(lock);
    }
}

async fn clean_periodically(queue: Arc<BuildQueue>, cache: Arc<BuildCache>) {
    let mut ticks = interval(CLEANING_INTERVAL);
    loop {
        ticks.tick().await;
        queue.active.drop_expired();
        let cache = Arc::clone(&cache);
        let _ = spawn_blocking(move || cache.clean()).await;
    }
}

/// Returns the directory's canonical path if this user owns it and no other may write it; makes it if it is absent.
/// Other users may read it, because clients read the binaries from here.
fn own_directory(dir: &Path) -> Result<PathBuf> {
    let name = dir.display();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(dir)
        .context(|| format!("--dir {name}"))?;
    let meta = fs::symlink_metadata(dir).context(|| format!("--dir {name}"))?;
    let problem = if meta.file_type().is_symlink() {
        "found a symbolic link; expected the directory itself"
    } else if meta.uid() != geteuid().as_raw() {
        "found a directory of another user; expected one of this user"
    } else if meta.mode() & 0o002 != 0 {
        "found a directory that all users may write; expected one that only its owner may write (chmod o-w)"
    } else {
        return dir.canonicalize().context(|| format!("--dir {name}"));
    };
    Err(Error::Config(format!("--dir {name}: {problem}")))
}
