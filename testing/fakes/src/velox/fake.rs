//! A running server as Rust tests hold it: started on the caller's runtime or on a thread of its own, gone when
//! dropped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle as Task;

use super::behaviour::Behaviour;
use super::counters::Counters;
use super::files::Layout;
use super::options::{Options, Script};
use super::server;
use super::state::State;
use crate::{Error, Result};

/// A running server. Dropping it closes its port and all its connections, cancels what it builds, and removes its
/// temporary directories.
pub struct FakeVelox {
    address: SocketAddr,
    state: Arc<State>,
    stop: Stop,
    _temporary: Option<TempDir>,
}

enum Stop {
    Task(Task<()>),
    Thread(Option<(oneshot::Sender<()>, JoinHandle<()>)>),
}

impl FakeVelox {
    /// Starts on the Tokio runtime that the caller runs in.
    ///
    /// # Errors
    /// The address is not a loopback address or is taken, or the root cannot be made.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O and time, as [`tokio::spawn`] does.
    pub fn start(options: Options) -> Result<Self> {
        let (parts, listener) = Parts::new(options)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(parts.listen_error())?;
        let task = tokio::spawn(server::serve(listener, Arc::clone(&parts.state)));
        Ok(parts.running(Stop::Task(task)))
    }

    /// Starts on a thread with a runtime of its own: for tests that block, fork or bring their own runtime.
    ///
    /// # Errors
    /// As [`FakeVelox::start`]; also where no thread or runtime can be had.
    pub fn start_apart(options: Options) -> Result<Self> {
        let (parts, listener) = Parts::new(options)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(parts.listen_error())?;
        let state = Arc::clone(&parts.state);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    () = server::serve(listener, state) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("fake-velox".to_owned())
            .spawn(run);
        let thread = thread.map_err(parts.listen_error())?;
        Ok(parts.running(Stop::Thread(Some((stop, thread)))))
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end: what a client takes as `server_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The directory below which answers' paths lie.
    pub fn root(&self) -> &Path {
        &self.state.layout.root
    }

    /// Adds a behaviour behind those that are there.
    pub fn behave(&self, behaviour: impl Into<Behaviour>) {
        self.state.lock().rules.add(behaviour.into());
    }

    /// Changes settings and adds behaviours, as a POST to the control endpoint does.
    pub fn apply(&self, script: &Script) {
        self.state.lock().apply(script);
    }

    /// What it has seen so far.
    pub fn counters(&self) -> Counters {
        self.state.lock().counters.clone()
    }

    /// Settings and behaviours as at the start, counters at zero, cache empty and its files deleted. Running builds go
    /// on.
    pub fn reset(&self) {
        self.state.reset();
    }

    /// Stops, and returns when the port is closed. Dropping a server that was begun with [`FakeVelox::start`] closes it
    /// a moment later, when the runtime comes to it.
    pub async fn stop(mut self) {
        if let Stop::Task(task) = &mut self.stop {
            task.abort();
            let _ = task.await;
        }
    }

    /// Every cached build leaves the cache and its file is deleted, as 30 minutes after it was made.
    pub fn expire(&self) {
        self.state.expire();
    }
}

impl Drop for FakeVelox {
    fn drop(&mut self) {
        match &mut self.stop {
            Stop::Task(task) => task.abort(),
            Stop::Thread(running) => {
                if let Some((stop, thread)) = running.take() {
                    let _ = stop.send(());
                    let _ = thread.join();
                }
            }
        }
        // It is there only where a fault needed it.
        let _ = std::fs::remove_dir_all(&self.state.layout.outside);
    }
}

/// What both ways to start have in common.
struct Parts {
    address: SocketAddr,
    state: Arc<State>,
    temporary: Option<TempDir>,
}

impl Parts {
    fn new(options: Options) -> Result<(Self, TcpListener)> {
        let Options {
            listen,
            root,
            script,
        } = options;
        if !listen.ip().is_loopback() {
            return Err(Error::NotLoopback(listen));
        }
        let failed = |source| Error::Listen {
            address: listen,
            source,
        };
        let (root, temporary) = directory(root)?;
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Arc::new(State::new(Layout::new(root), script));
        Ok((
            Self {
                address,
                state,
                temporary,
            },
            listener,
        ))
    }

    fn listen_error(&self) -> impl FnOnce(io::Error) -> Error + use<> {
        let address = self.address;
        move |source| Error::Listen { address, source }
    }

    fn running(self, stop: Stop) -> FakeVelox {
        FakeVelox {
            address: self.address,
            state: self.state,
            stop,
            _temporary: self.temporary,
        }
    }
}

/// The root, absolute and without symbolic links, so that a client may compare paths; and what removes it.
fn directory(root: Option<PathBuf>) -> Result<(PathBuf, Option<TempDir>)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Path { path, source }
    };
    let (path, temporary) = match root {
        Some(path) => (path, None),
        None => {
            let parent = std::env::temp_dir();
            let made = tempfile::Builder::new()
                .prefix("fake-velox-")
                .tempdir()
                .map_err(at(&parent))?;
            (made.path().join("root"), Some(made))
        }
    };
    std::fs::create_dir_all(&path).map_err(at(&path))?;
    Ok((path.canonicalize().map_err(at(&path))?, temporary))
}
