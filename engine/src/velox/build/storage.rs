//! Where a binary is kept: in the cache, or, where that is off, full or not writable, in a place of its own
//! for an hour, because a cache's trouble never fails a build. The second place is a store like the
//! first, made when it is first needed; nothing is ever looked up in it. Blocking threads.

use std::{path::PathBuf, sync::Arc, time::Duration};

use once_cell::sync::OnceCell;

use super::error::Trouble;
use crate::velox::{
    flight::Landed,
    keys::{config_keys::Identity, mutable_refs::moving_ref},
    protocol::request::Request,
};
use crate::{
    Result,
    artifacts::{CommitMeta, Room, Staging, Store, StoreOptions, is_full},
    config::VeloxSettings,
    error::IoContext,
    failpoint::{FailPoint, reach},
    host::{
        clock, files,
        lock::{Kind, Lock},
    },
};

/// How long a binary that is not kept stays for those who asked for it.
const SPARE_TTL: Duration = Duration::from_secs(3600);
const SPARE_ENTRIES: u32 = 256;
/// The room that is made for a binary whose size is not known yet; most have about half of it.
pub(in crate::velox) const USUAL: u64 = 64 << 20;
/// How long one commit waits for another one.
const PLACING: Duration = Duration::from_secs(2);

/// Which of the two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::velox) enum Shelf {
    Cache,
    Spare,
}

/// Both places.
#[derive(Debug)]
pub(in crate::velox) struct Keeper {
    cache: Option<Arc<Store>>,
    spare: OnceCell<Store>,
    spare_options: StoreOptions,
    ttl: Duration,
    mutable_ttl: Duration,
}

/// What is to be known of a binary when it is put away.
#[derive(Debug, Clone)]
pub(in crate::velox) struct Parcel {
    pub(in crate::velox) request: Arc<Request>,
    pub(in crate::velox) identity: Identity,
    pub(in crate::velox) forced: bool,
    pub(in crate::velox) build: Duration,
}

impl Keeper {
    /// `spare_dir` is made when it is needed; `run_dir` is for its index.
    pub(in crate::velox) fn new(
        cache: Option<Arc<Store>>,
        spare_dir: PathBuf,
        run_dir: PathBuf,
        settings: &VeloxSettings,
    ) -> Self {
        Self {
            cache,
            spare: OnceCell::new(),
            spare_options: StoreOptions {
                max_entries: SPARE_ENTRIES,
                ttl: SPARE_TTL,
                shown: false,
                ..StoreOptions::new(spare_dir, run_dir)
            },
            ttl: settings.cache.ttl,
            mutable_ttl: settings.mutable_ttl,
        }
    }

    /// The cache, if there is one.
    pub(in crate::velox) fn cache(&self) -> Option<&Arc<Store>> {
        self.cache.as_ref()
    }

    /// Where an artifact of this request belongs.
    pub(in crate::velox) fn shelf(&self, request: &Request) -> Shelf {
        let writable = self.cache.as_ref().is_some_and(|store| store.is_writable());
        if writable && !self.lifetime(request).is_zero() {
            Shelf::Cache
        } else {
            Shelf::Spare
        }
    }

    fn lifetime(&self, request: &Request) -> Duration {
        match moving_ref(request) {
            Some(_) => self.ttl.min(self.mutable_ttl),
            None => self.ttl,
        }
    }

    fn store(&self, shelf: Shelf) -> Result<&Store, Trouble> {
        match (shelf, &self.cache) {
            (Shelf::Cache, Some(store)) => Ok(store),
            _ => self
                .spare
                .get_or_try_init(|| {
                    let dir = &self.spare_options.dir;
                    // A state directory that is gone is not ours to make: its rights are its own.
                    files::make_dir(dir).context(|| format!("making {}", dir.display()))?;
                    Store::open(self.spare_options.clone())
                })
                .map_err(Trouble::Final),
        }
    }

    /// Begins a binary of at most `most` bytes.
    pub(in crate::velox) fn stage(&self, shelf: Shelf, most: u64) -> Result<Staging, Trouble> {
        let staging = self
            .store(shelf)?
            .stage()
            .map_err(|error| unkept(shelf, USUAL, error))?;
        Ok(staging.limited(most))
    }

    /// Makes room on the full disk of the cache. `false`: nothing could go.
    pub(in crate::velox) fn make_room(&self, need: u64) -> bool {
        let cache = self.cache.as_ref();
        cache.is_some_and(|store| store.make_room(need, Room::Anything))
    }

    /// Removes what is not to be kept and has been there long enough, also what other processes left.
    pub(in crate::velox) fn sweep(&self, now_ms: u64) {
        if !self.spare_options.dir.is_dir() {
            return;
        }
        let Ok(spare) = self.store(Shelf::Spare) else {
            return;
        };
        if let Err(error) = spare.clean(now_ms) {
            log::warn!(dir:% = self.spare_options.dir.display(), error:%; "spare binaries not cleaned");
        }
    }

    /// Puts a whole binary away.
    pub(in crate::velox) fn commit(
        &self,
        shelf: Shelf,
        staging: Staging,
        parcel: &Parcel,
    ) -> Result<Landed, Trouble> {
        let (store, size) = (self.store(shelf)?, staging.size());
        let identity = &parcel.identity;
        // Two configurations that share a key must not both find it free. Without the lock they might,
        // and one of them would not be kept.
        let lock = store.dir().join(".pillion/place.lock");
        let _placing = Lock::within(&lock, Kind::Exclusive, PLACING).ok().flatten();
        reach(FailPoint::BuildPlacing);
        let (key, ttl) = match shelf {
            Shelf::Cache => {
                let key = identity.place(store, clock::unix_ms());
                let key = key.map_err(|error| unkept(shelf, size, error))?;
                (key, self.lifetime(&parcel.request))
            }
            Shelf::Spare => (identity.key, SPARE_TTL),
        };
        let meta = CommitMeta {
            key,
            digest: identity.digest,
            config: parcel.request.config(),
            build_ms: parcel.build.as_millis().try_into().unwrap_or(u32::MAX),
            ttl,
            replace: parcel.forced || shelf == Shelf::Spare,
        };
        let record = store
            .commit(staging, meta)
            .map_err(|error| unkept(shelf, size, error))?;
        reach(FailPoint::BuildKept);
        Ok(Landed {
            path: store.path(&record),
            record,
            built: true,
        })
    }
}

/// Trouble with the cache is met by making room where its disk is full, else by going to the spare place;
/// trouble there is the end. `size` is that of the binary, as far as it is known.
pub(in crate::velox) fn unkept(shelf: Shelf, size: u64, error: crate::Error) -> Trouble {
    match shelf {
        Shelf::Cache if is_full(&error) => Trouble::Full(size, error),
        Shelf::Cache => Trouble::Unkept(error),
        Shelf::Spare => Trouble::Final(error),
    }
}
