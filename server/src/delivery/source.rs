//! The source of binaries: from a ticket to an open file in the cache, or to the stored request that is to be built. On
//! the blocking threads, because files are opened.

use std::{io, sync::Arc};

use pillion_engine::{
    Error, Result,
    artifacts::Artifact,
    engine::Engine,
    runtime::CancellationToken,
    velox::{
        BuildRequest, Progress,
        delivery::{StoredRequests, Ticket},
        filename,
    },
};
use tokio::task::spawn_blocking;

use super::{active_builds::ActiveBuilds, binary::Binary, open_files::OpenFiles};

/// The binaries of a host. Cheap to clone.
#[derive(Clone)]
pub(super) struct Source(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    requests: StoredRequests,
    files: OpenFiles,
    active: ActiveBuilds,
}

/// The result of a lookup.
pub(super) enum Found {
    /// A binary in the cache.
    Binary(Binary),
    /// The request of a build.
    Request(Box<BuildRequest>),
    /// Neither is there any more.
    Nothing,
}

impl Source {
    pub(super) fn new(engine: Arc<Engine>, requests: StoredRequests) -> Self {
        Self(Arc::new(Shared {
            engine,
            requests,
            files: OpenFiles::default(),
            active: ActiveBuilds::default(),
        }))
    }

    /// The builds in progress.
    pub(super) fn active_builds(&self) -> &ActiveBuilds {
        &self.0.active
    }

    /// Looks the artifact of a ticket up. PHP has counted this lookup when it issued the ticket.
    pub(super) async fn find(&self, ticket: &Ticket) -> Result<Found> {
        let (shared, ticket) = (Arc::clone(&self.0), ticket.clone());
        blocking(move || shared.find(&ticket)).await
    }

    /// Opens the file of an artifact that was built.
    pub(super) async fn open(&self, artifact: Artifact) -> Result<Binary> {
        let shared = Arc::clone(&self.0);
        blocking(move || shared.open(artifact)).await
    }

    /// Builds, or joins a build of the host. Dropping it unsubscribes.
    pub(super) async fn build(
        &self,
        request: BuildRequest,
        progress: impl Fn(&Progress) + Send,
    ) -> Result<Artifact> {
        let velox = Arc::clone(self.0.engine.velox()?);
        let _active = self.0.active.begin();
        // The cache was looked up on the way here.
        let pending = velox.enqueue(request);
        velox
            .run(pending, &CancellationToken::new(), progress)
            .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work)
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

fn has_other_bytes(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::InvalidData)
}

impl Shared {
    fn find(&self, ticket: &Ticket) -> Result<Found> {
        // A forced build made for this ticket counts when its download is resumed.
        let mut is_damaged = false;
        let is_new = |created_ms| !ticket.force_rebuild || created_ms >= ticket.issued_ms;
        if let Some(store) = self.engine.store()? {
            let found = store.find_again(ticket.key, ticket.config_digest());
            if let Some(record) = found.filter(|record| is_new(record.created_ms)) {
                match self.open(Artifact::hit(record)) {
                    Ok(binary) => return Ok(Found::Binary(binary)),
                    Err(error) => is_damaged = has_other_bytes(&error),
                }
            }
        }
        let Some(mut request) = self.requests.get(ticket)? else {
            return Ok(Found::Nothing);
        };
        let is_forced = std::mem::take(&mut request.force_rebuild);
        let artifact = self.engine.velox()?.lookup_again(&request);
        if let Some(artifact) = artifact.filter(|artifact| is_new(artifact.record.created_ms)) {
            match self.open(artifact) {
                Ok(binary) => return Ok(Found::Binary(binary)),
                Err(error) => is_damaged |= has_other_bytes(&error),
            }
        }
        // The build would find the damaged binary in the cache.
        request.force_rebuild = is_forced || is_damaged;
        Ok(Found::Request(Box::new(request)))
    }

    fn open(&self, artifact: Artifact) -> Result<Binary> {
        let file = self.engine.open(&artifact)?;
        let open = |error: io::Error| Error::io("opening a binary", error);
        Ok(Binary {
            file: self.files.share(file, &artifact.record).map_err(open)?,
            file_name: filename(&self.engine.config_of(&artifact)),
            record: artifact.record,
            cache_status: artifact.cache_status,
        })
    }
}
