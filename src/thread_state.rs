//! What Pillion keeps for one PHP thread (the only one, without ZTS): the queue of its finished jobs, the
//! futures that PHP holds, and the notifier's stream. Made by GINIT, dropped by GSHUTDOWN; FrankenPHP
//! ends threads while others go on.

use std::{collections::HashMap, mem, sync::Arc};

use ext_php_rs::{
    ffi::zend_object,
    zend::{ModuleGlobal, ModuleGlobals},
};
use pillion_engine::{Error, Result, error::IoContext, runtime::CompletionQueue};

use crate::{worker, zend::stream::ReturnedStream};

/// The globals of the thread that calls.
pub static THREAD: ModuleGlobals<Thread> = ModuleGlobals::new();

/// See the head of the file.
#[derive(Default)]
pub struct Thread {
    completions: Option<Arc<CompletionQueue>>,
    futures: HashMap<u64, Held>,
    /// The stream that `notifier()` gave in this request.
    pub stream: Option<ReturnedStream>,
    /// Texts that are being made while PHP code may run, the innermost last; a script's end drops what is left.
    pub json: Vec<String>,
    /// Its requests.
    pub worker: worker::Local,
    /// What it tells the other workers of the host.
    pub seat: worker::publish::Seated,
}

/// A future that PHP holds.
struct Held {
    object: *mut zend_object,
    /// `completed()` has given it, and gives it once.
    is_told: bool,
}

impl ModuleGlobal for Thread {}

impl Thread {
    /// The state of the thread that calls.
    #[must_use]
    pub fn current() -> *mut Self {
        THREAD.as_ptr()
    }

    /// Runs `work` with the state of the thread that calls.
    pub fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        // SAFETY: the thread's own state, touched by this thread only; `work` never calls PHP code,
        // so no second borrow can begin before it ends.
        work(unsafe { &mut *Self::current() })
    }

    /// The queue of finished jobs, created at the first job. In a forked child the parent's is forgotten, because the
    /// parent's threads write to it, and a fresh one takes its notifier over.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn completions(&mut self) -> Result<&Arc<CompletionQueue>> {
        let inherited = self
            .completions
            .take_if(|completions| !completions.is_ours());
        if self.completions.is_none() {
            let fresh = CompletionQueue::new(inherited.as_deref())
                .context(|| "making a wake-up descriptor")?;
            self.completions = Some(Arc::new(fresh));
        }
        mem::forget(inherited);
        self.completions
            .as_ref()
            .ok_or_else(|| Error::Internal("no completions".into()))
    }

    /// Notes the object that stands for a job; it is not kept alive by that.
    pub fn hold(&mut self, job: u64, object: *mut zend_object) {
        let held = Held {
            object,
            is_told: false,
        };
        self.futures.insert(job, held);
    }

    /// Takes the note back when the object dies.
    pub fn release(&mut self, job: u64) {
        self.futures.remove(&job);
    }

    /// Forgets the futures of a request that is over: `completed()` gives none of them any more. Those
    /// that PHP still holds can be waited for.
    pub fn forget_futures(&mut self) {
        self.futures.clear();
        if let Some(completions) = self
            .completions
            .as_ref()
            .filter(|completions| completions.is_ours())
        {
            completions.drain();
        }
    }

    /// The futures that were done since the last call and that PHP still holds, each one once.
    /// `is_done` tells for an object.
    ///
    /// # Errors
    /// As [`Thread::completions`].
    pub fn take_completed(
        &mut self,
        is_done: impl Fn(*mut zend_object) -> bool,
    ) -> Result<Vec<*mut zend_object>> {
        let (mut ids, some_missing) = self.completions()?.drain();
        if some_missing {
            // More finished than the queue holds: look through all that PHP has in hand.
            let done = self.futures.iter().filter(|(_, held)| is_done(held.object));
            ids = done.map(|(id, _)| *id).collect();
        }
        let mut objects = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(held) = self.futures.get_mut(&id).filter(|held| !held.is_told) {
                held.is_told = true;
                objects.push(held.object);
            }
        }
        Ok(objects)
    }
}
