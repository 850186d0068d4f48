//! The storage of a gateway: a directory or a bucket. Failures of both are errors and never misses. Any task.

use std::{io, sync::Arc, time::SystemTime};

use pillion_engine::{
    Error, Result,
    config::{GatewaySettings, StorageDriver},
    remote::{
        local::{Cleaned, LocalObject, LocalStore},
        object::{Metadata, ObjectName},
        s3::{Put, S3Object, S3Store},
        spool::Spool,
        usage::Limits,
    },
};
use tokio::task::spawn_blocking;

use super::touches::Touches;

/// The storage.
#[derive(Debug, Clone)]
pub(super) enum Storage {
    Local(Arc<LocalStore>),
    S3(Arc<S3Store>, Arc<Touches>),
}

/// An artifact that exists.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: ObjectName,
    pub(super) metadata: Metadata,
    pub(super) source: Source,
}

/// The bytes of an artifact.
#[derive(Debug)]
pub(super) enum Source {
    /// The first bytes of a file.
    File(LocalObject),
    /// An object of the bucket.
    Object(S3Object),
}

impl Storage {
    /// Opens the storage of the settings.
    ///
    /// # Errors
    /// A setting is missing, or the directory is not usable.
    pub(super) fn open(settings: &GatewaySettings) -> Result<Self> {
        match settings.driver {
            StorageDriver::S3 => {
                let store = Arc::new(S3Store::new(&settings.s3)?);
                Ok(Self::S3(store, Arc::default()))
            }
            StorageDriver::Local => {
                let root = settings.local_root.as_deref().ok_or_else(|| {
                    Error::Config(
                        "gateway.local_root: found no value; expected the directory of the artifacts for \
                         gateway.driver = local (also VC_LOCAL_ROOT)"
                            .into(),
                    )
                })?;
                Ok(Self::Local(Arc::new(LocalStore::open(root)?)))
            }
        }
    }

    /// Finds an artifact; `None` if it is absent.
    pub(super) async fn find(&self, name: ObjectName) -> Result<Option<Found>> {
        match self {
            Self::Local(store) => {
                let found = match store.find_now(&name) {
                    Ok(found) => found,
                    Err(_) => {
                        let (store, name) = (Arc::clone(store), name.clone());
                        blocking("reading the storage", move || store.find(&name)).await?
                    }
                };
                Ok(found.map(|found| Found {
                    name,
                    metadata: found.metadata.clone(),
                    source: Source::File(found),
                }))
            }
            Self::S3(store, _) => Ok(store.find(&name).await?.map(|found| Found {
                name,
                metadata: found.metadata.clone(),
                source: Source::Object(found),
            })),
        }
    }

    /// Begins an upload.
    pub(super) async fn spool(&self) -> Result<Spool> {
        let storage = self.clone();
        blocking("beginning an upload", move || match storage {
            Self::Local(store) => store.spool(),
            Self::S3(..) => Spool::create_unnamed(&std::env::temp_dir()),
        })
        .await
    }

    /// Stores an upload; returns `false` if the artifact exists.
    pub(super) async fn put(
        &self,
        name: ObjectName,
        spool: Spool,
        metadata: Metadata,
    ) -> Result<bool> {
        match self {
            Self::Local(store) => {
                let store = Arc::clone(store);
                let publish = move || store.publish(&name, &spool, &metadata);
                blocking("storing an artifact", publish).await
            }
            Self::S3(store, _) => {
                let file = spool.file();
                let file = file.map_err(|error| Error::io("reading an upload", error))?;
                Ok(store.put(&name, file, &metadata).await? == Put::Stored)
            }
        }
    }

    /// Records the use of an artifact, beside the request.
    pub(super) fn touch(&self, found: &Found) {
        match (self, &found.source) {
            (Self::Local(_), Source::File(file)) if file.is_touch_due() => file.touch(),
            (Self::S3(store, touches), Source::Object(object)) => {
                touches.start(store, &found.name, object);
            }
            _ => {}
        }
    }

    /// Removes an artifact.
    pub(super) async fn remove(&self, found: Found) -> Result<()> {
        match (self, found.source) {
            (Self::Local(store), Source::File(file)) => {
                let (store, name) = (Arc::clone(store), found.name);
                let remove = move || {
                    store.remove(&name, &file);
                    Ok(())
                };
                blocking("removing an artifact", remove).await
            }
            (Self::S3(store, _), Source::Object(_)) => store.remove(&found.name).await,
            _ => Ok(()),
        }
    }

    /// Removes the artifacts that the limits exclude.
    pub(super) async fn clean(&self, limits: Limits) -> Result<Cleaned> {
        let now = SystemTime::now();
        match self {
            Self::Local(store) => {
                let store = Arc::clone(store);
                blocking("cleaning the storage", move || store.clean(limits, now)).await
            }
            Self::S3(store, _) => store.clean(limits, now).await,
        }
    }

    /// The bucket, if clients get its URLs.
    pub(super) fn with_urls(&self) -> Option<&S3Store> {
        match self {
            Self::S3(store, _) if store.has_urls() => Some(store),
            _ => None,
        }
    }
}

/// Runs work on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::io(doing, error)),
        Err(error) => Err(Error::Internal(format!("{doing}: {error}"))),
    }
}
