//! The door of this room: a request goes in, an artifact comes out. A hit is answered on the spot, also
//! while the server is down; everything else takes a seat in a flight. One such object a process.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{
    artifact::Artifact,
    build::{
        build_slots::Limit, coordinator, leader_task::timed_out, progress::Progress,
        server_file::PathRoot, storage::Keeper, task::Work,
    },
    context::{Inner, Places},
    flight::{
        Landed,
        inflight::{Caller, Locals, Pilot},
    },
    keys::config_keys::Identity,
    protocol::request::Request,
};
use crate::{
    Error, Result,
    artifacts::Store,
    config::{VeloxSettings, duration},
    metrics::velox as metrics,
    runtime::CancellationToken,
};

/// The largest binary that is taken.
const MOST_BYTES: u64 = 1 << 30;
/// What a caller waits beyond `build_timeout`, so that the build's own deadline is what it hears of.
const SLACK: Duration = Duration::from_secs(1);

/// A seat in the flight of one configuration, before the flight has begun.
pub struct Booking {
    request: Arc<Request>,
    identity: Identity,
    caller: Caller,
    /// There where this process has nobody yet who flies that configuration.
    pilot: Option<Pilot>,
}

/// Builds of one process.
#[derive(Clone)]
pub struct Velox {
    inner: Arc<Inner>,
}

impl Velox {
    /// Nothing is opened and nothing is started. `store` is missing where the cache is off or can't be
    /// opened; builds work without. `limit` is asked for the host's number of builds at one time.
    #[must_use]
    pub fn new(
        settings: VeloxSettings,
        store: Option<Arc<Store>>,
        places: Places,
        limit: Limit,
    ) -> Self {
        let keeper = Keeper::new(store, places.spare_dir, places.run_dir.clone(), &settings);
        let roots = settings
            .path_map
            .iter()
            .map(|(server, local)| PathRoot {
                server: server.clone(),
                local: local.clone(),
            })
            .collect();
        Self {
            inner: Arc::new(Inner {
                settings,
                keeper,
                roots,
                most: MOST_BYTES,
                locals: Arc::new(Locals::default()),
                run_dir: places.run_dir,
                limit,
                client: tokio::sync::OnceCell::new(),
            }),
        }
    }

    /// Reads and checks a request, and counts it where it is wrong.
    ///
    /// # Errors
    /// As [`Request::from_json`].
    pub fn check(value: &Value) -> Result<Request> {
        Request::from_json(value).inspect_err(|_| metrics::ERRORS.inc(&["validation"]))
    }

    /// Brings an artifact that is not there: builds it, or joins whoever builds it on this host. Needs
    /// the runtime. Dropped or cancelled, it leaves its seat; when nobody sits in the flight any more, the
    /// request to the server is stopped. `progress` is called on the runtime with each change.
    ///
    /// # Errors
    /// [`Error::Config`] without a server; [`Error::BuildFailed`], [`Error::InvalidRequest`] by the
    /// server's word; [`Error::Remote`], [`Error::Timeout`] (`build_timeout`), [`Error::QueueFull`],
    /// [`Error::Cancelled`], [`Error::Io`].
    pub async fn fly(
        &self,
        booking: Booking,
        cancel: &CancellationToken,
        progress: impl Fn(&Progress) + Send,
    ) -> Result<Artifact> {
        let Booking {
            request,
            identity,
            caller,
            pilot,
        } = booking;
        if let Some(pilot) = pilot {
            let work = Work {
                request: Arc::clone(&request),
                identity,
                forced: request.force_rebuild,
            };
            tokio::spawn(coordinator::fly(Arc::clone(&self.inner), work, pilot));
        }
        let (limit, begun) = (self.inner.settings.build_timeout, Instant::now());
        let landed = tokio::select! {
            biased;
            landed = wait(caller, progress) => landed?,
            () = cancel.cancelled() => {
                return Err(Error::Cancelled("the build was cancelled".into()));
            }
            () = tokio::time::sleep(limit + SLACK) => return Err(timed_out(limit)),
        };
        if landed.built {
            // Each request of a flight has its own line, with the time that it waited.
            log::info!(
                request_id = request.request_id,
                build_duration = duration::brief(begun.elapsed()),
                bytes_written = landed.record.size;
                "build completed"
            );
        }
        Ok(Artifact::landed(landed, &request))
    }

    /// Books a seat for a request, so that [`Velox::status`] knows it from here on. On any thread;
    /// [`Velox::fly`] begins the flight. A dropped booking leaves nothing behind.
    #[must_use]
    pub fn book(&self, request: Request) -> Booking {
        let request = Arc::new(request);
        let identity = Identity::of(&request);
        let begin = Progress::begin(&request, &identity);
        let (caller, pilot) = self.inner.locals.join(
            identity.flight(),
            request.force_rebuild,
            &request.request_id,
            &begin,
        );
        Booking {
            request,
            identity,
            caller,
            pilot,
        }
    }

    /// [`Velox::begin`], then [`Velox::fly`] where it has to be.
    ///
    /// # Errors
    /// As [`Velox::fly`].
    pub async fn build(
        &self,
        request: Request,
        cancel: &CancellationToken,
        progress: impl Fn(&Progress) + Send,
    ) -> Result<Artifact> {
        let (velox, asked) = (self.clone(), request.clone());
        let hit = tokio::task::spawn_blocking(move || velox.begin(&asked)).await;
        if let Ok(Some(artifact)) = hit {
            return Ok(artifact);
        }
        let booking = self.book(request);
        self.fly(booking, cancel, progress).await
    }

    /// Removes what builds have left that nobody needs any more: old outcomes, binaries that were not to
    /// be kept. Cheap where there is nothing; a duty of the steward's. May wait for a disk.
    /// `now_ms` is Unix time.
    pub fn sweep(&self, now_ms: u64) {
        for flights in self.inner.standing_flights() {
            flights.sweep(SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms));
        }
        self.inner.keeper.sweep(now_ms);
    }

    /// Takes smaller binaries only.
    #[cfg(test)]
    pub(super) fn bound(&mut self, most: u64) {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.most = most;
        }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }
}

async fn wait(mut caller: Caller, progress: impl Fn(&Progress)) -> Result<Landed> {
    loop {
        {
            let view = caller.view.borrow_and_update();
            if let Some(end) = &view.end {
                return end.clone();
            }
            progress(&view.progress);
        }
        if caller.view.changed().await.is_err() {
            let view = caller.view.borrow();
            let closed = || Err(Error::State("the process is shutting down".into()));
            return view.end.clone().unwrap_or_else(closed);
        }
    }
}
