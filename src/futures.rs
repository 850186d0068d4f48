//! The futures of one PHP thread: the queue of its completed jobs, the `Pillion\Future` objects that PHP holds, and
//! the stream of `notifier()`. On PHP's threads; FrankenPHP ends threads while others go on.

use std::{collections::BTreeMap, mem, os::fd::OwnedFd, sync::Arc};

use ext_php_rs::ffi::zend_object;
use pillion_engine::{Error, Result, error::IoContext, runtime::CompletionQueue};

use crate::{thread_state::thread_state, zend::stream::ReturnedStream};

struct ThreadFutures {
    completions: Option<Arc<CompletionQueue>>,
    /// By the id of the job.
    objects: BTreeMap<u64, FutureObject>,
    /// The stream that `notifier()` has returned in this script.
    notifier: Option<ReturnedStream>,
}

/// A future that PHP holds. The entry doesn't keep the object alive: [`forget`] removes it.
struct FutureObject {
    object: *mut zend_object,
    /// `completed()` has returned it, and returns it once.
    is_returned: bool,
}

thread_state! {
    static FUTURES: ThreadFutures = ThreadFutures {
        completions: None,
        objects: BTreeMap::new(),
        notifier: None,
    };
}

impl ThreadFutures {
    /// The queue, created for the first job. In a forked child the parent's queue is leaked, because the parent's
    /// threads write to it, and a new one takes its notifier over.
    fn completions(&mut self) -> Result<&Arc<CompletionQueue>> {
        let inherited = self.completions.take_if(|queue| !queue.is_ours());
        if self.completions.is_none() {
            let queue = CompletionQueue::new(inherited.as_deref())
                .context(|| "making a wake-up descriptor")?;
            self.completions = Some(Arc::new(queue));
        }
        mem::forget(inherited);
        self.completions
            .as_ref()
            .ok_or_else(|| Error::Internal("no completion queue".into()))
    }
}

/// The completion queue of the calling thread.
///
/// # Errors
/// No descriptor is left.
pub fn completions() -> Result<Arc<CompletionQueue>> {
    FUTURES.with(|futures| futures.completions().map(Arc::clone))
}

/// The descriptor that becomes readable when a job of the calling thread completes.
///
/// # Errors
/// As [`completions`].
pub fn wake_descriptor() -> Result<std::ffi::c_int> {
    FUTURES.with(|futures| futures.completions().map(|queue| queue.wake_fd()))
}

/// A socket that becomes readable when a job of the calling thread completes.
///
/// # Errors
/// No descriptor is left.
pub fn open_notifier() -> Result<OwnedFd> {
    FUTURES.with(|futures| {
        let queue = futures.completions()?;
        queue.open_notifier().context(|| "making a socket pair")
    })
}

/// The stream that `notifier()` has returned in this script.
#[must_use]
pub fn notifier() -> Option<ReturnedStream> {
    FUTURES.with(|futures| futures.notifier)
}

/// Sets the stream that `notifier()` has returned.
pub fn set_notifier(stream: Option<ReturnedStream>) {
    FUTURES.with(|futures| futures.notifier = stream);
}

/// Registers the object of a job.
pub fn register(job: u64, object: *mut zend_object) {
    let entry = FutureObject {
        object,
        is_returned: false,
    };
    FUTURES.with(|futures| futures.objects.insert(job, entry));
}

/// Removes the object of a job, which is about to be freed.
pub fn forget(job: u64) {
    FUTURES.with(|futures| futures.objects.remove(&job));
}

/// Removes the objects of a request that has ended: `completed()` returns none of them any more. Those that PHP still
/// holds can be waited for.
pub fn forget_all() {
    FUTURES.with(|futures| {
        futures.objects.clear();
        if let Some(queue) = futures.completions.as_ref().filter(|queue| queue.is_ours()) {
            queue.drain();
        }
    });
}

/// Takes the futures that PHP holds and that have completed since the last call. `is_done` is asked about an object.
///
/// # Errors
/// As [`completions`].
pub fn take_completed(is_done: impl Fn(*mut zend_object) -> bool) -> Result<Vec<*mut zend_object>> {
    FUTURES.with(|futures| {
        let (mut ids, is_incomplete) = futures.completions()?.drain();
        if is_incomplete {
            // More jobs have completed than the queue holds: all futures are asked.
            let done = futures
                .objects
                .iter()
                .filter(|(_, entry)| is_done(entry.object));
            ids = done.map(|(id, _)| *id).collect();
        }
        let mut objects = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(entry) = futures
                .objects
                .get_mut(&id)
                .filter(|entry| !entry.is_returned)
            {
                entry.is_returned = true;
                objects.push(entry.object);
            }
        }
        Ok(objects)
    })
}

/// PHP closes the notifier's stream with the script. In RSHUTDOWN.
pub fn script_shutdown() {
    set_notifier(None);
}

/// Frees the queue of a thread that ends. In GSHUTDOWN.
pub fn thread_shutdown() {
    FUTURES.with(|futures| {
        futures.completions = None;
        futures.objects = BTreeMap::new();
    });
}
