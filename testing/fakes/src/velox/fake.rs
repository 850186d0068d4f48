//! A running server as a value of a Rust test: started on the caller's runtime or on its own thread, stopped when
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

/// A running server. Dropping it closes its port and all its connections, cancels its builds, and removes its
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
    /// Starts on the caller's Tokio runtime.
    ///
    /// # Errors
    /// The address is not a loopback address or is taken, or the root can't be created.
    ///
    /// # Panics
    /// The caller is outside a Tokio runtime with I/O and time, as with [`tokio::spawn`].
    pub fn start(options: Options) -> Result<Self> {
        let (parts, listener) = Parts::new(options)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(parts.listen_error())?;
        let task = tokio::spawn(server::serve(listener, Arc::clone(&parts.state)));
        Ok(parts.running(Stop::Task(task)))
    }

    /// Starts on a thread with its own runtime: for tests that block, fork or bring their own runtime.
    ///
    /// # Errors
    /// Those of [`FakeVelox::start`], or the thread or runtime can't be created.
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

    /// The server's address.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` without a trailing slash: a client's `server_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The directory that contains the paths of answers.
    pub fn root(&self) -> &Path {
        &self.state.layout.root
    }

    /// Appends a behaviour.
    pub fn behave(&self, behaviour: impl Into<Behaviour>) {
        self.state.lock().rules.add(behaviour.into());
    }

    /// Changes settings and appends behaviours, like a POST to the control endpoint.
    pub fn apply(&self, script: &Script) {
        self.state.lock().apply(script);
    }

    /// The current counters.
    pub fn counters(&self) -> Counters {
        self.state.lock().counters.clone()
    }

    /// Removes every build from the cache and deletes its file, as 30 minutes after the build.
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
        // It exists only if a fault needed it.
        let _ = std::fs::remove_dir_all(&self.state.layout.outside);
    }
}

/// Common part of both ways to start.
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

/// The absolute root without symbolic links, so that a client can compare paths; and the guard that removes it.
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
