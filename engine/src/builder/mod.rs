//! A build server that speaks Velox's protocol and builds with the local Go toolchain from the Go
//! module proxy. It needs a Tokio runtime with process and time drivers, which is why it is a feature
//! that the extension is built without; `pillion velox` is its program.
//!
//! # Layout
//!
//! * `service`, `auth`: HTTP, and who may. `protocol`, `violation`, `wire`: what is said.
//! * `validate`, `grammar`: what may be asked. `configuration`: what is asked, and its name.
//! * `builds`, `progress`, `stop`: who builds, how far it is, how it is ended.
//! * `pipeline`, `toolchain`, `releases`, `module`, `go`, `failure`: one build.
//! * `keep`: the binaries.
//!
//! # Files
//!
//! Below the server's directory, which one server owns at a time (`server.lock`): `<hash>/rr` with
//! `build.json`, and `work/` with a directory for each build that runs. What a killed server left in
//! `work/` is removed at the next start.

mod auth;
mod builds;
mod configuration;
mod failure;
mod go;
mod grammar;
mod keep;
mod module;
mod pipeline;
mod progress;
mod protocol;
mod releases;
mod service;
mod stop;
mod toolchain;
mod validate;
mod violation;
mod wire;

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, interval, sleep, sleep_until},
};

use crate::{
    error::{Error, IoContext, Result},
    host::lock::{Kind, Lock},
};

pub use auth::Tokens;
pub use keep::KeepLimits;
pub use protocol::BUILD_PATH;

/// Connections at once; each build holds one.
const CONNECTIONS: usize = 512;
const HEADER_TIME: Duration = Duration::from_secs(60);
const CLEANING: Duration = Duration::from_secs(10 * 60);
/// How long the server waits at its end for builds to be gone: two seconds of `go`'s own tidying, and
/// some for directories.
const SHUTDOWN: Duration = Duration::from_secs(5);

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
    _lock: Lock,
}

impl Server {
    /// Takes the directory, and removes what a killed server left there.
    ///
    /// # Errors
    /// The directory can't be made, is not this user's, or belongs to another running server.
    pub fn open(mut options: Options) -> Result<Self> {
        options.dir = own_directory(&options.dir)?;
        let lock = options.dir.join("server.lock");
        let lock = Lock::attempt(&lock, Kind::Exclusive).context(|| lock.display().to_string())?;
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
        Ok(Self {
            options,
            _lock: lock,
        })
    }

    /// Serves until `stop` is ready; then stops the builds, and returns when they are gone.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
        let (shutdown, ends) = watch::channel(false);
        let tokens = self.options.tokens.clone();
        let builds = Arc::new(builds::Builds::new(self.options, ends.clone()));
        let service = Arc::new(service::Service {
            builds: Arc::clone(&builds),
            tokens,
        });
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let mut cleaning = interval(CLEANING);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = cleaning.tick() => {
                    let builds = Arc::clone(&builds);
                    tokio::task::spawn_blocking(move || builds.clean());
                }
                accepted = accept(&listener, &connections) => {
                    let (stream, permit) = accepted?;
                    let (service, ends) = (Arc::clone(&service), ends.clone());
                    tokio::spawn(async move {
                        serve(stream, service, ends).await;
                        drop(permit);
                    });
                }
            }
        }
        drop(listener);
        shutdown.send_replace(true);
        let late = Instant::now() + SHUTDOWN;
        // Connections too: each has an answer to deliver.
        while builds.in_flight() > 0 || connections.available_permits() < CONNECTIONS {
            tokio::select! {
                () = sleep(Duration::from_millis(20)) => {}
                () = sleep_until(late) => {
                    log::warn!("stopped with {} builds not ended in time", builds.in_flight());
                    break;
                }
            }
        }
        Ok(())
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await;
    let permit =
        permit.map_err(|_| Error::Internal("the connections' semaphore is closed".into()))?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, permit)),
            // Out of descriptors or memory, or a client that left: none of it is the listener's end.
            Err(error) => {
                log::warn!("a connection could not be accepted: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection until its end, or until the server's, when it may still finish its answer.
async fn serve(stream: TcpStream, service: Arc<service::Service>, mut ends: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256);
    let answer = service_fn(move |request| Arc::clone(&service).answer(request));
    let connection = http.serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let end = async { ends.wait_for(|ends| *ends).await.map(drop) };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = end => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("a connection ended early: {error}");
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
    // SAFETY: geteuid reads nothing of ours and cannot fail.
    let user = unsafe { libc::geteuid() };
    let wrong = if meta.file_type().is_symlink() {
        "is a symbolic link; name the directory itself"
    } else if meta.uid() != user {
        "belongs to another user; name a directory of your own"
    } else if meta.mode() & 0o002 != 0 {
        "may be written by everybody; take that right away (chmod o-w), or name another directory"
    } else {
        return dir.canonicalize().context(|| format!("--dir {name}"));
    };
    Err(Error::Config(format!("--dir {name}: {wrong}")))
}
