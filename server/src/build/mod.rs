//! A build server that speaks Velox's protocol and builds with the local Go toolchain from the Go
//! module proxy. It needs a Tokio runtime with process and time drivers, which is why it is a feature
//! that the extension is built without; `pillion velox` is its program.
//!
//! # Layout
//!
//! * `server`, `service`, `auth`: connections, HTTP, and who may. `rpc`, `grpc`: in which protocol.
//!   `protocol`, `messages`, `violation`, `wire`: what is said.
//! * `validate`, `grammar`: what may be asked. `configuration`: what is asked, and its name.
//! * `builds`, `flights`, `progress`, `stop`: who builds, how far it is, how it is ended.
//! * `pipeline`, `toolchain`, `targets`, `versions`, `releases`, `module`, `room`: one
//!   build.
//! * `go`, `environment`, `failure`: one command of it, and what its end means.
//! * `keep`, `links`: the binaries.
//!
//! # Files
//!
//! Below the server's directory, which one server owns at a time (`server.lock`): `store/` and `index/`
//! of the artifact store, `<hash>/rr` with `build.json` for clients, and `work/` with a directory for
//! each build that runs. What a killed server left in `work/` is removed at the next start.

mod active_builds;
mod builder;
mod builds;
mod cache;
mod cancellation;
mod configuration;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod module;
mod progress;
mod routes;
mod rpc;
mod toolchain;
mod validate;
mod wire;
mod work_dir;

use std::{
    ffi::OsString,
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
    host::lock::{Kind, Lock},
};
use tokio::{
    net::TcpListener,
    task::spawn_blocking,
    time::{Instant, interval, sleep, timeout_at},
};

use crate::http::{self, Limits, ShutdownTrigger, Tokens};
use builds::Builds;
use routes::Routes;

pub use cache::KeepLimits;
pub use rpc::protocol::BUILD_PATH;

/// How long a new server waits for the old one's directory.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(1);
const CLEANING_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where binaries are kept and built. Made if it is not there.
    pub dir: PathBuf,
    /// Builds at once; at least 1.
    pub max_builds: usize,
    /// Builds that may wait for their turn beyond those; the next is refused (503).
    pub max_queued: usize,
    /// The longest that one build may take, from its turn on.
    pub build_timeout: Duration,
    /// Who may build; everybody where empty.
    pub tokens: Tokens,
    /// Whether a `replace` may name a directory of this machine. What lies there can then be read out
    /// of a binary or an error.
    pub allow_local_replaces: bool,
    /// How many binaries are kept, and how long.
    pub keep: KeepLimits,
    /// The variables from which `go` is found and run; of these, it gets what it needs.
    pub environment: Vec<(OsString, OsString)>,
}

/// A build server that owns its directory.
#[derive(Debug)]
pub struct Server {
    options: Options,
    keep: Arc<cache::BuildCache>,
    lock: Lock,
}

impl Server {
    /// Takes the directory, and removes what a killed server left there.
    ///
    /// # Errors
    /// The directory can't be made, is not this user's, or belongs to another running server.
    pub fn open(mut options: Options) -> Result<Self> {
        options.dir = own_directory(&options.dir)?;
        let lock = options.dir.join("server.lock");
        let lock = Lock::within(&lock, Kind::Exclusive, TAKEOVER_TIMEOUT)
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
        let keep = cache::BuildCache::open(&options.dir, options.keep, Clock::System)?;
        Ok(Self {
            options,
            keep: Arc::new(keep),
            lock,
        })
    }

    /// Serves until `stop` is ready; then stops the builds, and returns when they are gone.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Self {
            options,
            keep,
            lock,
        } = self;
        let (trigger, shutdown) = ShutdownTrigger::new();
        let tokens = options.tokens.clone();
        let builds = Arc::new(Builds::new(options, Arc::clone(&keep), shutdown.clone()));
        let routes = Arc::new(Routes {
            builds: Arc::clone(&builds),
            tokens,
        });
        let cleaning = tokio::spawn(clean_periodically(Arc::clone(&builds), keep));
        let limits = Limits::default();
        let ending = async {
            stop.await;
            trigger.fire();
            Instant::now() + limits.drain_timeout
        };
        let (drained, deadline) =
            tokio::join!(http::serve(listener, routes, limits, shutdown), ending);
        cleaning.abort();
        // A build ends after its connection when the client disconnected first.
        let idle = async {
            while builds.active.count() > 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout_at(deadline, idle).await.is_err() || !drained {
            log::warn!(builds = builds.active.count(); "stopped before all builds ended");
        }
        // The next owner of the directory removes what is left there.
        drop(lock);
    }
}

async fn clean_periodically(builds: Arc<Builds>, keep: Arc<cache::BuildCache>) {
    let mut cleaning = interval(CLEANING_INTERVAL);
    loop {
        cleaning.tick().await;
        builds.active.forget_old();
        let keep = Arc::clone(&keep);
        let _ = spawn_blocking(move || keep.clean()).await;
    }
}

/// A directory that this user owns and nobody else may write, made if it is not there. Others may
/// read: clients take the binaries from here.
fn own_directory(dir: &Path) -> Result<PathBuf> {
    let name = dir.display();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(dir)
        .context(|| format!("--dir {name}"))?;
    let meta = fs::symlink_metadata(dir).context(|| format!("--dir {name}"))?;
    let wrong = if meta.file_type().is_symlink() {
        "is a symbolic link; name the directory itself"
    } else if meta.uid() != geteuid().as_raw() {
        "belongs to another user; name a directory of your own"
    } else if meta.mode() & 0o002 != 0 {
        "may be written by everybody; take that right away (chmod o-w), or name another directory"
    } else {
        return dir.canonicalize().context(|| format!("--dir {name}"));
    };
    Err(Error::Config(format!("--dir {name}: {wrong}")))
}
