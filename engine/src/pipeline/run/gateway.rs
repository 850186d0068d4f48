//! The gateway during a run: all keys in one negotiation, then downloads where a key is found and uploads in the
//! background. Its errors are counted and never stop a task; after one that concerns the whole gateway it is not asked
//! again in that direction, and after silence not at all, so that a run waits for a silent gateway once. Called from the
//! threads of tasks; requests run on the runtime.

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::report::RemoteErrors;
use crate::{
    Error, Result,
    pipeline::store::{ArtifactKey, Store},
    remote::{
        client::{Client, Uploaded},
        protocol::{Action, Item, Negotiated},
    },
    threads::blocking,
};

/// Uploads at once.
const MAX_UPLOADS: usize = 4;

/// The limits of a gateway's use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Time of the negotiation of all keys.
    pub negotiation: Duration,
    /// Time of one download or upload.
    pub transfer: Duration,
    /// Time that uploads have after the last task.
    pub uploads: Duration,
}

impl Default for Budget {
    /// 10 seconds, one minute, half a minute.
    fn default() -> Self {
        Self {
            negotiation: Duration::from_secs(10),
            transfer: Duration::from_secs(60),
            uploads: Duration::from_secs(30),
        }
    }
}

/// The gateway of a run.
#[derive(Debug)]
pub struct Gateway {
    client: Client,
    runtime: Handle,
    budget: Budget,
    cancelled: CancellationToken,
    found: Mutex<BTreeMap<ArtifactKey, Negotiated>>,
    uploads: Mutex<JoinSet<()>>,
    shared: Arc<Shared>,
}

/// Shared with uploads under way.
#[derive(Debug)]
struct Shared {
    slots: Semaphore,
    no_reading: AtomicBool,
    no_writing: AtomicBool,
    errors: Mutex<RemoteErrors>,
}

/// The direction of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

impl Gateway {
    /// The gateway of a client, which gets the results of this run if it `is_written`. Sends nothing yet. Requests end
    /// when the run is stopped.
    #[must_use]
    pub fn new(
        client: Client,
        runtime: Handle,
        budget: Budget,
        is_written: bool,
        cancelled: CancellationToken,
    ) -> Self {
        Self {
            client,
            runtime,
            budget,
            cancelled,
            found: Mutex::default(),
            uploads: Mutex::default(),
            shared: Arc::new(Shared {
                slots: Semaphore::new(MAX_UPLOADS),
                no_reading: AtomicBool::new(false),
                no_writing: AtomicBool::new(!is_written),
                errors: Mutex::default(),
            }),
        }
    }

    /// Asks for all keys at once.
    pub fn negotiate(&self, keys: Vec<ArtifactKey>) {
        if keys.is_empty() || self.shared.no_reading.load(Ordering::Relaxed) {
            return;
        }
        let items: Vec<Item> = keys
            .into_iter()
            .map(|hash| Item {
                hash,
                sha256: None,
                size: None,
            })
            .collect();
        let client = self.client.within(self.budget.negotiation);
        match self.request(client.negotiate(Action::Download, &items)) {
            Ok(mut found) => {
                found.retain(|_, answer| matches!(answer, Negotiated::Found { .. }));
                *lock(&self.found) = found;
            }
            Err(error) => self.shared.fail(Direction::Read, true, &error),
        }
    }

    /// Whether the gateway has the key.
    #[must_use]
    pub fn has(&self, key: &ArtifactKey) -> bool {
        !self.shared.no_reading.load(Ordering::Relaxed) && lock(&self.found).contains_key(key)
    }

    /// Downloads an artifact that the gateway has.
    ///
    /// # Errors
    /// It is not there any more, or the gateway fails, which is counted.
    pub fn download(&self, key: &ArtifactKey, file: &mut File) -> Result<()> {
        let found = lock(&self.found).get(key).cloned();
        let absent = || Error::Remote(format!("no artifact {key}"));
        let found = found.filter(|_| self.has(key)).ok_or_else(absent)?;
        let client = self.client.within(self.budget.transfer);
        match self.request(client.download_found(key, &found, file)) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(absent()),
            Err(error) => {
                // An artifact that is damaged is a problem of its own.
                let is_of_gateway = client.is_paused() || self.cancelled.is_cancelled();
                self.shared.fail(Direction::Read, is_of_gateway, &error);
                Err(error)
            }
        }
    }

    /// Uploads a stored artifact in the background.
    pub fn upload(&self, key: ArtifactKey, store: Arc<Store>) {
        if self.shared.no_writing.load(Ordering::Relaxed) {
            return;
        }
        let client = self.client.within(self.budget.transfer);
        let shared = Arc::clone(&self.shared);
        let upload = async move {
            let Ok(_slot) = shared.slots.acquire().await else {
                return;
            };
            if shared.no_writing.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = upload(&client, key, store).await {
                shared.fail(Direction::Write, client.is_writing_paused(), &error);
            }
        };
        let mut uploads = lock(&self.uploads);
        // Those that are done.
        while uploads.try_join_next().is_some() {}
        uploads.spawn_on(upload, &self.runtime);
    }

    /// Waits for the uploads within the budget, gives up the others, and returns what went wrong in the run.
    #[must_use]
    pub fn finish(&self) -> RemoteErrors {
        let mut uploads = std::mem::take(&mut *lock(&self.uploads));
        let all = async { while uploads.join_next().await.is_some() {} };
        let is_done = self.runtime.block_on(async {
            tokio::select! {
                () = all => true,
                () = self.cancelled.cancelled() => true,
                () = sleep(self.budget.uploads) => false,
            }
        });
        if !is_done {
            let seconds = self.budget.uploads.as_secs_f32();
            let left = uploads.len();
            let message = format!("{left} uploads not done {seconds} s after the last task");
            self.shared
                .fail(Direction::Write, true, &Error::Timeout(message));
        }
        lock(&self.shared.errors).clone()
    }

    /// Makes a request, unless the run is stopped.
    fn request<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                answer = request => answer,
                () = self.cancelled.cancelled() => Err(Error::Cancelled("the run is stopped".into())),
            }
        })
    }
}

async fn upload(client: &Client, key: ArtifactKey, store: Arc<Store>) -> Result<Uploaded> {
    let wanted = key.clone();
    let stored = blocking(move || store.get(&wanted)).await?;
    // Removed since, to make space for others.
    let Some(stored) = stored else {
        return Ok(Uploaded::Exists);
    };
    client
        .upload(&key, &stored.file, stored.sha256, stored.size)
        .await
}

impl Shared {
    /// Counts an error, and stops asking if it concerns the whole gateway.
    fn fail(&self, direction: Direction, is_of_gateway: bool, error: &Error) {
        let is_silent = matches!(error, Error::Timeout(_));
        if is_of_gateway {
            for (flag, of) in [
                (&self.no_reading, Direction::Read),
                (&self.no_writing, Direction::Write),
            ] {
                if is_silent || direction == of {
                    flag.store(true, Ordering::Relaxed);
                }
            }
        }
        if matches!(error, Error::Cancelled(_)) {
            return;
        }
        let mut errors = lock(&self.errors);
        match direction {
            Direction::Read => errors.reading += 1,
            Direction::Write => errors.writing += 1,
        }
        errors.first.get_or_insert_with(|| error.to_string());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
