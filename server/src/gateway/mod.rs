//! The gateway of remote artifacts, which `pillion gateway` runs: VelocityCache's server, with a store that
//! Turborepo's and Nx' own clients use too. It holds no state beside its storage, so any number of gateways may share
//! one. Described to its users in `docs/guides/remote-artifacts.md`.
//!
//! # Layout
//!
//! * `core`: the parts that all requests share. `routes`: paths and rights; `metrics_page`.
//! * `velocity`, `turborepo`, `nx`: the protocols; `response`: statuses and texts of all.
//! * `access`: tokens and roles. `upload`, `download`, with `timed_body`: bytes through the gateway.
//! * `storage`: a directory or a bucket; `touches`: uses of its objects. `cleaning`: removes unused artifacts.
//! * `many`: lookups of many keys.

mod access;
mod cleaning;
mod core;
mod download;
mod many;
mod metrics_page;
mod nx;
mod response;
mod routes;
mod storage;
mod timed_body;
mod touches;
mod turborepo;
mod upload;
mod velocity;

use std::{sync::Arc, time::Duration};

use pillion_engine::{
    Result,
    config::{AnonymousRole, GatewaySettings, ListenAddress},
    remote::{object::Signer, usage::Limits as StorageLimits},
};
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    http::{Limits, accept_until, admitted_connections},
    serve::{
        Stop, drain,
        sockets::{self, BoundSocket, SocketOwner},
    },
};
use access::Access;
use cleaning::Cleaning;
use core::Gateway;
use metrics_page::MetricsPage;
use routes::Routes;
use storage::Storage;

/// The time until the last byte of a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the file of tokens is checked for changes.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
const SETTING: &str = "gateway.listen";

/// A gateway that listens, and serves no request yet.
#[derive(Debug)]
pub struct Server {
    gateway: Arc<Gateway>,
    sockets: Vec<BoundSocket>,
}

impl Server {
    /// Opens the storage, reads the tokens and binds the addresses.
    ///
    /// # Errors
    /// A setting is invalid; an address is beyond this machine without a token; storage or address are not usable.
    pub fn open(settings: GatewaySettings) -> Result<Self> {
        let access = Access::new(&settings)?;
        let addresses = settings.listen.clone().unwrap_or_else(|| {
            let host = if access.has_tokens() { "" } else { "127.0.0.1" };
            vec![ListenAddress::Tcp(format!("{host}:{}", settings.port))]
        });
        let is_open = settings.anonymous != AnonymousRole::Off;
        if !access.has_tokens() && !is_open {
            let remedy =
                "gateway.token_file, gateway.auth_token (also VC_AUTH_TOKEN), or gateway.anonymous";
            for address in &addresses {
                sockets::check_private(SETTING, address, remedy)?;
            }
        }
        let storage = Storage::open(&settings)?;
        let owner = SocketOwner::of_process();
        let sockets = addresses
            .iter()
            .map(|address| sockets::bind(SETTING, address, &owner));
        let sockets = sockets.collect::<Result<Vec<_>>>()?;
        if !access.has_tokens() {
            log::warn!("no token is required of clients");
        }
        let limits = StorageLimits {
            retention: settings.retention,
            max_bytes: settings.max_size,
        };
        let gateway = Gateway {
            access,
            storage,
            signer: Signer::new(settings.hmac_secret.clone()),
            cleaning: Cleaning::new(limits),
            uploads: Semaphore::new(settings.max_connections as usize),
            settings,
        };
        Ok(Self {
            gateway: Arc::new(gateway),
            sockets,
        })
    }

    /// The addresses; ports are the actual ones.
    #[must_use]
    pub fn addresses(&self) -> Vec<ListenAddress> {
        let addresses = self.sockets.iter().map(|socket| socket.address.clone());
        addresses.collect()
    }

    /// Serves until it is stopped.
    pub async fn run(self, stop: Stop) {
        let settings = &self.gateway.settings;
        let limits = Limits {
            max_connections: admitted_connections(settings.max_connections, self.sockets.len()),
            header_timeout: HEADER_TIMEOUT,
            drain_timeout: settings.shutdown_timeout,
            write_timeout: settings.idle_timeout,
        };
        let background = tokio::spawn(maintain(Arc::clone(&self.gateway), stop.graceful.clone()));
        let routes = Arc::new(Routes {
            gateway: Arc::clone(&self.gateway),
            metrics: MetricsPage::default(),
        });
        let mut listening = tokio::task::JoinSet::new();
        for socket in self.sockets {
            let (routes, graceful) = (Arc::clone(&routes), stop.graceful.clone());
            log::info!(address:% = socket.address; "listening");
            listening.spawn(accept_until(socket.listener, routes, limits, graceful));
        }
        let connections = listening.join_all().await;
        drain(&connections, &stop, limits.drain_timeout).await;
        background.abort();
    }
}

/// Reads changed tokens, and cleans the storage.
async fn maintain(gateway: Arc<Gateway>, stop: CancellationToken) {
    let reloading = async {
        loop {
            sleep(RELOAD_INTERVAL).await;
            let gateway = Arc::clone(&gateway);
            let _ = tokio::task::spawn_blocking(move || gateway.access.reload()).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = reloading => {}
        () = async { gateway.cleaning.run(&gateway.storage).await; std::future::pending().await } => {}
    }
}
