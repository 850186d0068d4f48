//! Work on the runtime for which a PHP thread waits at once: no job, no future of PHP. The thread sleeps in
//! [`super::wait_until`] and is woken by its queue's descriptor.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{CompletionQueue, Runtime};
use crate::Result;

/// One call, shared by the task and the waiting thread.
#[derive(Debug)]
pub struct RuntimeCall<T> {
    outcome: Mutex<Option<T>>,
    is_done: AtomicBool,
    queue: Arc<CompletionQueue>,
}

/// Wakes the thread, also if the runtime drops the task.
struct Wake<T>(Arc<RuntimeCall<T>>);

impl<T> Drop for Wake<T> {
    fn drop(&mut self) {
        self.0.is_done.store(true, Ordering::Release);
        self.0.queue.wake();
    }
}

impl<T> RuntimeCall<T> {
    /// Whether the work has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Takes the result. `None`: the work has not ended, or was dropped.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<J: Send + Sync + 'static> Runtime<J> {
    /// Starts work for the thread of `queue`.
    ///
    /// # Errors
    /// As [`Runtime::spawn_background`].
    pub fn call<T: Send + 'static>(
        &self,
        queue: Arc<CompletionQueue>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Arc<RuntimeCall<T>>> {
        let call = Arc::new(RuntimeCall {
            outcome: Mutex::new(None),
            is_done: AtomicBool::new(false),
            queue,
        });
        let wake = Wake(Arc::clone(&call));
        self.spawn_background(async move {
            let outcome = work.await;
            *wake
                .0
                .outcome
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            drop(wake);
        })?;
        Ok(call)
    }
}
