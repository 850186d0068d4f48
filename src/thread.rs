//! What Pillion keeps for one PHP thread (the only one, without ZTS): the inbox of its jobs, the
//! futures that PHP holds, and the notifier's stream. Made by GINIT, dropped by GSHUTDOWN; FrankenPHP
//! ends threads while others go on.

use std::{collections::HashMap, mem, sync::Arc};

use ext_php_rs::{
    ffi::zend_object,
    zend::{ModuleGlobal, ModuleGlobals},
};
use pillion_engine::{Error, Result, error::IoContext, runtime::Inbox};

use crate::zend::stream::Given;

/// The globals of the thread that calls.
pub static THREAD: ModuleGlobals<Thread> = ModuleGlobals::new();

/// See the head of the file.
#[derive(Default)]
pub struct Thread {
    inbox: Option<Arc<Inbox>>,
    futures: HashMap<u64, *mut zend_object>,
    /// The stream that `notifier()` gave in this request.
    pub stream: Option<Given>,
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

    /// The inbox, made at the first job. In a forked child the parent's is forgotten, because the
    /// parent's threads write to it, and a fresh one takes its notifier over.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn inbox(&mut self) -> Result<&Arc<Inbox>> {
        let inherited = self.inbox.take_if(|inbox| !inbox.is_ours());
        if self.inbox.is_none() {
            let fresh =
                Inbox::new(inherited.as_deref()).context(|| "making a wake-up descriptor")?;
            self.inbox = Some(Arc::new(fresh));
        }
        mem::forget(inherited);
        self.inbox
            .as_ref()
            .ok_or_else(|| Error::Internal("no inbox".into()))
    }

    /// Notes the object that stands for a job; it is not kept alive by that.
    pub fn hold(&mut self, job: u64, future: *mut zend_object) {
        self.futures.insert(job, future);
    }

    /// Takes the note back when the object dies.
    pub fn release(&mut self, job: u64) {
        self.futures.remove(&job);
    }

    /// The object that stands for a job, where PHP still holds it.
    #[must_use]
    pub fn future(&self, job: u64) -> Option<*mut zend_object> {
        self.futures.get(&job).copied()
    }

    /// All futures that PHP holds.
    pub fn futures(&self) -> impl Iterator<Item = (u64, *mut zend_object)> {
        self.futures.iter().map(|(id, object)| (*id, *object))
    }
}
