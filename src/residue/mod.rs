//! What a request of a worker's has left behind of PHP's own state: told by name, counted, and put back where
//! `worker.reset` says so. In a script of its own PHP does all that by itself at the end.
//!
//! What counts is the difference to what was there before: when the loop first waits for a request, so that
//! what the application set at its start is no change; and after each request anew, so that each is told
//! what it did itself. Frameworks set much when they first need it, and that is in the first request: what
//! that one leaves is kept as the application's own.
//!
//! In an idle request all that is a few comparisons with Zend's own tables, without a call and without an
//! allocation. On PHP's thread, between two requests.

mod error_handlers;
pub(crate) mod function_overrides;
mod ini;
pub(crate) mod observed_calls;
mod process_wide;
mod report;
mod restore;
pub mod session;
mod stream_wrappers;
mod timezone;

use std::collections::VecDeque;

use pillion_engine::worker::{
    ResidueStats,
    residue::{Action, ResidueKind},
};

use crate::worker::log_and_clear_exception;
use crate::{engine, thread_state::Thread, zend::interrupt::is_throwing};
use error_handlers::{Handlers, Which};
use ini::Ini;
use observed_calls::ObservedCalls;
use session::Session;
use stream_wrappers::Wrappers;
use timezone::Timezone;

/// In the order of [`Before::handlers`].
const WHICH: [Which; 2] = [Which::Error, Which::Exception];

/// What the requests of all threads of this process have left behind.
pub static RESIDUE_STATS: ResidueStats = ResidueStats::new();

/// What was there before the request.
pub struct Before {
    ini: Ini,
    handlers: [Handlers; 2],
    timezone: Timezone,
    wrappers: Wrappers,
    session: Session,
    /// No request has ended since the loop began.
    is_first: bool,
    /// Handlers that are not looked for any more, to be released.
    old: Vec<Handlers>,
    /// What is to be told.
    found: Vec<report::Found>,
    /// What is to be put back, one after the other.
    inis: Vec<ini::Change>,
    steps: VecDeque<stream_wrappers::Step>,
}

impl Before {
    fn now(calls: &ObservedCalls) -> Self {
        Self {
            ini: Ini::now(),
            handlers: WHICH.map(Handlers::now),
            timezone: Timezone::now(),
            wrappers: Wrappers::now(calls),
            session: Session::find(),
            is_first: true,
            old: Vec::new(),
            found: Vec::new(),
            inis: Vec::new(),
            steps: VecDeque::new(),
        }
    }

    fn is_same(&self) -> bool {
        self.ini.is_same()
            && self.handlers.iter().all(Handlers::is_same)
            && self.timezone.is_same()
            && !self.session.is_open()
    }
}

/// The loop waits for its first request: what is there now is the application's.
pub fn waits() {
    Thread::with(|thread| {
        let local = &mut thread.worker;
        if local.before.is_none() {
            local.observed_calls.clear();
            local.observed_calls.wrappers_may_differ = false;
            local.before = Some(Box::new(Before::now(&local.observed_calls)));
        }
    });
}

/// A request of a loop that tells of its own: what that has changed between two requests is the loop's.
/// (In FrankenPHP the code between two requests belongs to them: `terminate()` and its like.)
pub fn begins() {
    waits();
    Thread::with(|thread| {
        let local = &mut thread.worker;
        let wrappers_may_differ = std::mem::take(&mut local.observed_calls.wrappers_may_differ);
        let Some(before) = local.before.as_deref_mut() else {
            return;
        };
        if wrappers_may_differ || !before.is_same() {
            let is_first = before.is_first;
            let now = Before::now(&local.observed_calls);
            let old = std::mem::replace(before, Before { is_first, ..now });
            before.old = old.handlers.into();
        }
    });
    restore::release_old();
}

/// A request is over, and so are its hooks.
pub fn look() {
    let (is_same, has_process_changes) = Thread::with(|thread| {
        let local = &thread.worker;
        let (before, calls) = (local.before.as_ref(), &local.observed_calls);
        (
            !calls.wrappers_may_differ && before.is_none_or(|before| before.is_same()),
            calls.has_process_changes(),
        )
    });
    if !is_same {
        restore::look_closer();
    }
    if has_process_changes {
        process_wide::look_at_the_process();
    }
    Thread::with(|thread| {
        if let Some(before) = &mut thread.worker.before {
            before.is_first = false;
        }
    });
}

/// Gives back what is held on to. At the end of the script.
pub fn release() {
    with(|before| {
        let handlers = std::mem::replace(&mut before.handlers, WHICH.map(Handlers::none));
        before.old = handlers.into();
    });
    restore::release_old();
    Thread::with(|thread| thread.worker.before = None);
}

fn action(kind: ResidueKind) -> Action {
    let wanted = engine::current().resolved().settings.worker.reset;
    kind.action(wanted, with(|before| before.is_first) == Some(true))
}

/// What was thrown meanwhile stops nothing.
fn throw_away() {
    if is_throwing() {
        log_and_clear_exception("reset failed");
    }
}

fn with<R>(work: impl FnOnce(&mut Before) -> R) -> Option<R> {
    Thread::with(|thread| thread.worker.before.as_deref_mut().map(work))
}
