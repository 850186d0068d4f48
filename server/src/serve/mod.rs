//! The standing server of a host, which `pillion serve` runs: the preferred leader of its periodic work, the metrics
//! page, and the delivery of artifacts. Described to its users in `docs/guides/delivery.md`.
//!
//! One process serves: that which holds `serve.lock`. A second one is its stand-by: it checks its settings, and tries
//! for the lock until the first one ends. It listens only then, so that no client reaches a server that does not lead.
//!
//! # Layout
//!
//! * `sockets`: ports, and sockets in the file system with mode and group; `listeners` accepts on all of them.
//! * `routes`: the paths; `response`: JSON and errors.
//! * `drain`: the end.

mod drain;
mod listeners;
pub(crate) mod response;
mod routes;
pub(crate) mod sockets;

use std::{sync::Arc, time::Duration};

use pillion_engine::{
    Error, Result,
    config::{ListenAddress, ServeSettings},
    engine::Engine,
    host::lock::Lock,
};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    dashboard::Dashboard,
    delivery::Delivery,
    http::{Limits, Tokens},
};
pub(crate) use drain::drain;
use drain::{DrainLimits, drain_all};
use listeners::Listeners;
use routes::Routes;
use sockets::{BoundSocket, SocketOwner};

/// Pause of the stand-by between two attempts to become the server.
const STAND_BY_INTERVAL: Duration = Duration::from_millis(50);
/// How often the server checks its lock file, its sockets, and its connection to the second tier.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
const SETTING: &str = "serve.listen";
/// The time until the last byte of a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The standing server, checked and not listening yet.
pub struct Server {
    engine: Arc<Engine>,
    settings: ServeSettings,
    owner: SocketOwner,
    tokens: Tokens,
}

/// The state of a server.
#[derive(Debug)]
pub enum State {
    /// Another process serves.
    StandBy,
    /// It serves at these addresses; the ports are the actual ones.
    Listening(Vec<ListenAddress>),
}

/// The signals of a server.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// No new connection is accepted; builds and responses in progress are finished.
    pub graceful: CancellationToken,
    /// They are not.
    pub now: CancellationToken,
}

impl Server {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`]: an address can't be resolved, or is beyond this machine without a token; the token file or
    /// the group is not usable.
    pub fn new(engine: Arc<Engine>) -> Result<Self> {
        let settings = engine.resolved().settings.serve.clone();
        let mut tokens = Tokens::default();
        if let Some(file) = &settings.token_file {
            tokens.add_file("serve.token_file", file)?;
        }
        if tokens.is_empty() && !settings.allow_anonymous {
            for address in &settings.listen {
                let remedy = "serve.token_file, or serve.allow_anonymous=on";
                sockets::check_private(SETTING, address, remedy)?;
            }
        }
        let owner = SocketOwner::new(&settings)?;
        Ok(Self {
            engine,
            settings,
            owner,
            tokens,
        })
    }

    /// Waits until no other process serves, then serves until it is stopped. Calls `report` with each new state.
    ///
    /// # Errors
    /// A directory or an address is not usable.
    pub async fn run(self, stop: Stop, report: impl Fn(&State)) -> Result<()> {
        if self.engine.resolved().settings.velox.server_url.is_none() {
            log::warn!(
                setting = "velox.server_url";
                "no build server: only binaries of the cache are delivered"
            );
        }
        let mut is_stand_by = false;
        let (mut lock, sockets) = loop {
            let Some(lock) = self.lock(&stop, &report, &mut is_stand_by).await? else {
                return Ok(());
            };
            match self.bind(&stop).await {
                Ok(sockets) => break (lock, sockets),
                Err(error) => {
                    drop(lock);
                    // The lock file was removed, and the other process serves still: it takes the new one.
                    if !self.is_another_serving(&stop).await && !is_stand_by {
                        return Err(error);
                    }
                    log::warn!(error:%; "stand-by can't listen");
                }
            }
        };
        self.engine.join_host()?;
        let addresses: Vec<_> = sockets
            .iter()
            .map(|socket| socket.address.clone())
            .collect();
        let limits = Limits {
            // As many as are set: clients of one binary share its descriptor.
            max_connections: self.settings.max_connections,
            header_timeout: HEADER_TIMEOUT,
            drain_timeout: self.settings.shutdown_timeout,
            write_timeout: self.settings.write_timeout,
        };
        let routes = Arc::new(Routes {
            delivery: Delivery::open(Arc::clone(&self.engine))?,
            dashboard: Dashboard::open(
                Arc::clone(&self.engine),
                self.tokens.clone(),
                stop.graceful.clone(),
            )?,
            engine: Arc::clone(&self.engine),
            allow_anonymous: self.settings.allow_anonymous,
            tokens: self.tokens,
        });
        let mut listeners = Listeners::start(
            sockets,
            self.owner,
            Arc::clone(&routes),
            limits,
            stop.graceful.clone(),
        );
        for address in &addresses {
            log::info!(address:%; "listening");
        }
        report(&State::Listening(addresses));
        loop {
            // The dashboard and the metrics page show whether the second tier can be reached.
            self.engine.connect_second_tier();
            tokio::select! {
                () = listeners.closed() => break,
                () = sleep(CHECK_INTERVAL) => {
                    if !lock.is_current() && let Ok(Some(renewed)) = self.engine.server_lock() {
                        lock = renewed;
                    }
                    listeners.restore();
                }
            }
        }
        let connections = listeners.into_connections();
        // All sockets are closed: the next server listens and leads from here on.
        self.engine.resign();
        drop(lock);
        let limits = DrainLimits {
            builds: self.engine.resolved().settings.velox.build_timeout,
            responses: self.settings.shutdown_timeout,
        };
        drain_all(&connections, &routes.delivery, &stop, limits).await;
        Ok(())
    }

    /// Returns the lock of the standing server, or `None` if the process is stopped before.
    async fn lock(
        &self,
        stop: &Stop,
        report: &impl Fn(&State),
        is_stand_by: &mut bool,
    ) -> Result<Option<Lock>> {
        loop {
            if let Some(lock) = self.engine.server_lock()? {
                return Ok(Some(lock));
            }
            if !*is_stand_by {
                log::info!("another process serves; this one is its stand-by");
                report(&State::StandBy);
                *is_stand_by = true;
            }
            if timeout(STAND_BY_INTERVAL, stop.graceful.cancelled())
                .await
                .is_ok()
            {
                return Ok(None);
            }
        }
    }

    /// Waits until another process takes the lock that this one has given up.
    async fn is_another_serving(&self, stop: &Stop) -> bool {
        let end = Instant::now() + CHECK_INTERVAL * 3;
        while Instant::now() < end && !stop.graceful.is_cancelled() {
            if self.engine.has_server() {
                return true;
            }
            let _ = timeout(STAND_BY_INTERVAL, stop.graceful.cancelled()).await;
        }
        false
    }

    /// Binds all addresses. The sockets of a process that was killed may be closed a little after its lock.
    async fn bind(&self, stop: &Stop) -> Result<Vec<BoundSocket>> {
        const ATTEMPTS: usize = 40;
        let mut sockets: Vec<BoundSocket> = Vec::new();
        let mut attempts = 0;
        while let Some(address) = self.settings.listen.get(sockets.len()) {
            match sockets::bind(SETTING, address, &self.owner) {
                Ok(socket) => sockets.push(socket),
                Err(error) if attempts == ATTEMPTS || !is_in_use(&error) => return Err(error),
                Err(_) => {
                    attempts += 1;
                    let _ = timeout(STAND_BY_INTERVAL, stop.graceful.cancelled()).await;
                }
            }
        }
        Ok(sockets)
    }
}

fn is_in_use(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse)
}
