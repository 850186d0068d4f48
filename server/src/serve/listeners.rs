//! The sockets of a running server. The name of one in the file system may vanish with its directory while the server
//! runs; it is bound again then, because clients find the socket by its name only. The task that runs the server.

use std::sync::Arc;

use pillion_engine::config::ListenAddress;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    SETTING,
    sockets::{self, BoundSocket, SocketOwner},
};
use crate::http::{Connections, Handler, Limits, SocketPlace, accept_until};

/// Accepts connections on all addresses.
pub(super) struct Listeners<H> {
    handler: Arc<H>,
    limits: Limits,
    owner: SocketOwner,
    shutdown: CancellationToken,
    accepting: JoinSet<Connections>,
    named: Vec<NamedSocket>,
    closed: Vec<Connections>,
}

/// A socket in the file system.
struct NamedSocket {
    address: ListenAddress,
    place: SocketPlace,
    /// Closes the listener.
    close: CancellationToken,
    /// Whether it was logged that the name is gone.
    is_reported: bool,
}

impl<H: Handler> Listeners<H> {
    /// Starts to accept connections, until `shutdown`.
    pub(super) fn start(
        sockets: Vec<BoundSocket>,
        owner: SocketOwner,
        handler: Arc<H>,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Self {
        let mut listeners = Self {
            handler,
            limits,
            owner,
            shutdown,
            accepting: JoinSet::new(),
            named: Vec::new(),
            closed: Vec::new(),
        };
        for socket in sockets {
            let (address, place) = (socket.address.clone(), socket.listener.place());
            let close = listeners.accept(socket);
            if let Some(place) = place {
                listeners.named.push(NamedSocket {
                    address,
                    place,
                    close,
                    is_reported: false,
                });
            }
        }
        listeners
    }

    fn accept(&mut self, socket: BoundSocket) -> CancellationToken {
        let close = self.shutdown.child_token();
        self.accepting.spawn(accept_until(
            socket.listener,
            Arc::clone(&self.handler),
            self.limits,
            close.clone(),
        ));
        close
    }

    /// Waits until all listeners are closed. Cancellation loses nothing.
    pub(super) async fn closed(&mut self) {
        while let Some(closed) = self.accepting.join_next().await {
            self.closed.extend(closed);
        }
    }

    /// The connections of all closed listeners.
    pub(super) fn into_connections(self) -> Vec<Connections> {
        self.closed
    }

    /// Binds each socket again whose file is gone. A socket that can't be bound is tried again by the next call.
    pub(super) fn restore(&mut self) {
        let mut named = std::mem::take(&mut self.named);
        for socket in named.iter_mut().filter(|socket| !socket.place.is_current()) {
            let bound = sockets::bind(SETTING, &socket.address, &self.owner);
            match bound.map(|bound| (bound.listener.place(), bound)) {
                Ok((Some(place), bound)) => {
                    log::warn!(address:% = socket.address; "socket bound again: its name was gone");
                    // Responses in progress are finished.
                    socket.close.cancel();
                    *socket = NamedSocket {
                        address: socket.address.clone(),
                        place,
                        close: self.accept(bound),
                        is_reported: false,
                    };
                }
                Ok((None, _)) => {}
                Err(error) if socket.is_reported => {
                    log::debug!(error:%; "socket still without a name")
                }
                Err(error) => {
                    log::warn!(error:%; "socket without a name: no client reaches it");
                    socket.is_reported = true;
                }
            }
        }
        self.named = named;
    }
}
