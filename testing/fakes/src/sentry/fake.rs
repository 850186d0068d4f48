//! A running server as a value of a Rust test: started on the caller's runtime or on its own thread, stopped when
//! dropped.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::seen::{Behaviour, Counts, Seen, State};
use super::server;
use crate::{Error, Result};

/// A running server on its own thread. Dropping it closes its port and all its connections.
pub struct FakeSentry {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeSentry {
    /// Starts a server.
    ///
    /// # Errors
    /// The address is not a loopback address or is taken, or the thread or runtime can't be created.
    pub fn start(address: SocketAddr) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let state = Arc::new(State::new());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&state);
        let run = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    () = server::serve(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("fake-sentry".to_owned())
            .spawn(run)
            .map_err(failed)?;
        Ok(Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`FakeSentry::start`].
    pub fn anywhere() -> Result<Self> {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The server's address.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// A DSN of one of its projects.
    pub fn dsn(&self, project: u32) -> String {
        format!("http://0123456789abcdef@{}/{project}", self.address)
    }

    /// Appends a behaviour.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state.lock().behaviours.push_back(behaviour);
    }

    /// Resets behaviours, counts and stored requests.
    pub fn behave_well(&self) {
        self.state.lock().behaviours.clear();
    }

    /// The current counts.
    pub fn counts(&self) -> Counts {
        self.state.lock().counts.clone()
    }

    /// The last requests, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().seen.iter().cloned().collect()
    }

    /// The ids of all accepted events, in the order of arrival.
    pub fn ids(&self) -> Vec<String> {
        self.state.lock().ids.clone()
    }
}

impl Drop for FakeSentry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
