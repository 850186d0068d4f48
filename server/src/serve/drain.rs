//! The end of a server: its listeners are closed, and the next server may serve already. Clients that wait for a build
//! get the time of a build; then their downloads, as all others, get `serve.shutdown_timeout`. A second signal ends all
//! of it. The task that runs the server; the gateway uses the part without builds.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Stop;
use crate::{delivery::Delivery, http::Connections};

/// The longest waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrainLimits {
    /// For the end of all builds.
    pub(super) builds: Duration,
    /// For the end of all responses after that.
    pub(super) responses: Duration,
}

/// Waits for builds and responses in progress.
pub(super) async fn drain_all(
    connections: &[Connections],
    delivery: &Delivery,
    stop: &Stop,
    limits: DrainLimits,
) {
    // Some have no client.
    let builds = delivery.builds_ended();
    until_ended(connections, builds, stop, expire(delivery, limits)).await;
}

/// Waits for the responses in progress of a server without builds.
pub(crate) async fn drain(connections: &[Connections], stop: &Stop, limit: Duration) {
    until_ended(connections, async {}, stop, sleep(limit)).await;
}

async fn until_ended(
    connections: &[Connections],
    more: impl Future<Output = ()>,
    stop: &Stop,
    limit: impl Future<Output = ()>,
) {
    let all = async {
        for listener in connections {
            listener.ended().await;
        }
        more.await;
    };
    tokio::select! {
        () = all => return,
        () = stop.now.cancelled() => {}
        () = limit => {}
    }
    let count: usize = connections.iter().map(Connections::count).sum();
    log::warn!(connections = count; "stopped before all responses ended");
}

async fn expire(delivery: &Delivery, limits: DrainLimits) {
    let deadline = Instant::now() + limits.builds;
    loop {
        let _ = timeout_at(deadline, delivery.builds_ended()).await;
        sleep(limits.responses).await;
        // A request that was read before the stop may have begun a build meanwhile.
        if delivery.active_builds() == 0 || Instant::now() >= deadline {
            return;
        }
    }
}
