//! The start and the end of each logical request, in every runtime. The state machine is the engine's
//! ([`RequestTracker`]); the runtimes report events to it, one file each, and apply its effects:
//!
//! * [`runtimes::script`] start and end of a PHP script: php-fpm, the command line, FrankenPHP without a worker.
//! * [`runtimes::frankenphp`] the loop of a worker script around `frankenphp_handle_request`.
//! * [`runtimes::roadrunner`] the loop around `Spiral\RoadRunner\Worker::waitPayload`; [`runtimes::relay_readers`] the
//!   functions that it reads with.
//!
//! Around them: [`request_loop`] (`Worker\loop`), [`identity`] (mode, request id), [`reset_hooks`] (work between two
//! requests), [`sentry_scope`] (the scope of Sentry's SDK), [`swallow_exception`], [`gc`] (PHP's collector between
//! requests), [`publish`] (statistics for other processes), [`adoption`] of outboxes by idle workers.
//!
//! A new runtime is a new file: it calls [`reset_hooks::waits`] before its loop waits, [`tell`] with its events,
//! and [`reset_hooks::run`] when a request is over and PHP code may still run. PHP's own lifecycle hooks for worker
//! modes, when there are any, are such a file: their start of a logical request reports `Activated`, their end runs
//! the reset and reports `Handled(true)`, and [`module_startup`] installs it in place of `frankenphp` where PHP has
//! them. Everything here runs on PHP's threads, and each has a [`Local`] of its own.

mod adoption;
pub mod gc;
pub mod identity;
pub mod publish;
pub(crate) mod request_loop;
pub mod reset_hooks;
pub(crate) mod runtimes;
mod sentry_scope;
mod swallow_exception;

use std::{
    collections::BTreeMap,
    ffi::CString,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use pillion_engine::{
    host::{clock, fork_descriptors},
    worker::{
        Effects, Event, FrameParser, HookList, MemoryTrend, RequestStateError, RequestStats,
        RequestTracker,
        hooks::HookRun,
        request_state::{OpenedBy, RequestState},
    },
};

use crate::residue::observed_calls::ObservedCalls;
use crate::{
    engine, log as php_log,
    thread_state::Thread,
    zend::{cwd, memory, output, owned::OwnedZval, sapi},
};

pub use crate::residue::RESIDUE_STATS;
pub use swallow_exception::log_and_clear_exception;

/// Requests of all threads of this process.
pub static REQUEST_STATS: RequestStats = RequestStats::new();
/// When this process began, in milliseconds since boot; 0 before the first MINIT.
static SINCE_MS: AtomicU64 = AtomicU64::new(0);
/// How often the module has started in this process.
static STARTS: AtomicU64 = AtomicU64::new(0);

/// What a PHP thread knows of its requests.
#[derive(Default)]
pub struct Local {
    boundary: RequestTracker,
    noted: Option<Noted>,
    /// The id of the request under way, once it is asked for.
    id: Option<String>,
    /// Requests that have ended on this thread.
    ended: u64,
    /// Within a call of `frankenphp_handle_request`.
    is_handling: bool,
    /// Within a call of `Worker\loop`.
    pub is_looping: bool,
    /// Whether the script is a worker of FrankenPHP's, once somebody has asked.
    is_worker: Option<bool>,
    /// The number of the request, for what belongs to it.
    serial: u64,
    /// Values of the request, each with the serial of its request.
    scope: BTreeMap<Vec<u8>, (u64, OwnedZval)>,
    /// What runs after each request of this script.
    hooks: HookList<OwnedZval>,
    /// How far the run after this request has come; `None`: it has not begun.
    run: Option<HookRun>,
    /// PHP has been told to run what is left at the end of the script.
    runs_at_end: bool,
    /// Where a loop's requests begin.
    cwd: Option<CString>,
    /// What RoadRunner has sent.
    frames: FrameParser,
    /// Its wire is kept from children that are forked.
    is_wire_kept: bool,
    /// The request has HTTP's headers.
    has_headers: bool,
    /// RoadRunner's worker has asked for a request, and none has come yet.
    has_asked: bool,
    /// Calls that leave no trace in Zend's tables.
    pub(crate) observed_calls: ObservedCalls,
    /// The scope of Sentry's SDK.
    sentry: sentry_scope::Sentry,
    /// What was there before the request, once a loop has waited for one.
    pub(crate) residue_baseline: Option<Box<crate::residue::Baseline>>,
    /// Output buffers that were open then.
    level: i32,
    /// Requests of this script's loop that have begun.
    pub(crate) looped: u64,
    /// What the collector has done, when it was run between requests.
    collected: gc::Collected,
    /// Where the memory of the loop is going.
    pub(crate) trend: MemoryTrend,
    /// PHP's memory when the last request began.
    baseline: usize,
    /// When the last one ended, and how long it took.
    over: Option<Instant>,
    took: Duration,
    /// Requests of the loop at its last wait, and how often PHP's collector had run.
    pub(crate) waited: u64,
    pub(crate) runs: u64,
    /// What is known of what requests leave behind.
    pub(crate) leak_check: Option<Box<crate::leak_check::LeakCheck>>,
}

/// A request at its start.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    /// When it began.
    pub at: Instant,
    /// PHP's memory then, in bytes.
    pub memory: usize,
}

impl Local {
    /// Where the thread stands.
    #[must_use]
    pub fn state(&self) -> RequestState {
        self.boundary.state()
    }

    /// Whether a request is under way.
    #[must_use]
    pub fn is_in_request(&self) -> bool {
        self.boundary.is_in_request()
    }

    /// The request under way, at its start.
    #[must_use]
    pub fn noted(&self) -> Option<Noted> {
        self.noted
    }

    /// Requests that have ended on this thread.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// Where the memory of the loop is going.
    #[must_use]
    pub fn trend(&self) -> &MemoryTrend {
        &self.trend
    }

    /// Leaks that the last look has found.
    #[must_use]
    pub fn leaks(&self) -> u64 {
        self.leak_check.as_ref().map_or(0, |check| check.count())
    }

    /// PHP's memory when the request under way, or the last one, began.
    #[must_use]
    pub fn baseline(&self) -> usize {
        self.noted.map_or(self.baseline, |noted| noted.memory)
    }

    /// What the collector has done, when it was run between requests.
    #[must_use]
    pub fn collected(&self) -> gc::Collected {
        self.collected
    }

    fn next_hook(&mut self) -> Option<OwnedZval> {
        let run = self.run.as_mut()?;
        self.hooks.next(run)
    }

    /// Sets a value of the request; gives back the one that was there. `Err`: no request is under way.
    #[allow(
        clippy::result_unit_err,
        reason = "there is one reason, and the caller names it"
    )]
    pub fn scope_set(&mut self, name: &[u8], value: OwnedZval) -> Result<Option<OwnedZval>, ()> {
        if !self.is_in_request() {
            return Err(());
        }
        let before = self.scope.insert(name.to_vec(), (self.serial, value));
        Ok(before.map(|(_, value)| value))
    }

    /// A value of the request.
    #[must_use]
    pub fn scope_get(&self, name: &[u8]) -> Option<OwnedZval> {
        let (serial, value) = self.scope.get(name)?;
        (self.is_in_request() && *serial == self.serial).then_some(*value)
    }

    /// How many hooks there are.
    #[must_use]
    pub fn hooks(&self) -> usize {
        self.hooks.len()
    }

    /// Does what the state machine said.
    fn take(&mut self, effects: Effects) {
        if effects.discard {
            (self.noted, self.id) = (None, None);
        }
        if effects.start_candidate {
            (self.id, self.run) = (None, None);
            self.serial += 1;
            if self.boundary.is_loop() {
                self.looped += 1;
                // A system call, so only where it may be another one.
                if std::mem::take(&mut self.observed_calls.cwd_may_differ) || self.cwd.is_none() {
                    self.cwd = cwd::current();
                }
                self.level = output::level();
            }
            self.noted = Some(Noted {
                at: Instant::now(),
                memory: memory::usage(),
            });
        }
        if effects.begin {
            REQUEST_STATS.begin();
        }
        if effects.end {
            self.end();
        }
    }

    fn end(&mut self) {
        let noted = self.noted.take();
        let now = Instant::now();
        let took = noted.map_or(Duration::ZERO, |noted| now - noted.at);
        (self.over, self.took) = (Some(now), took);
        self.baseline = noted.map_or(0, |noted| noted.memory);
        let id = self.id.take();
        self.run = None;
        self.ended += 1;
        REQUEST_STATS.end(took);
        if is_logged() {
            log::debug!(
                ms = took.as_secs_f64() * 1000.0,
                request_id = id.as_deref().unwrap_or_default(),
                memory = memory::usage(),
                baseline = noted.map_or(0, |noted| noted.memory);
                "request handled"
            );
        }
    }
}

/// Notes when the process began. In MINIT.
pub fn module_startup() {
    if STARTS.fetch_add(1, Ordering::Relaxed) == 0 {
        SINCE_MS.store(now_ms(), Ordering::Relaxed);
    }
    runtimes::frankenphp::install();
    runtimes::roadrunner::install();
    crate::residue::function_overrides::install();
}

/// Takes out what was put in. In MSHUTDOWN.
pub fn module_shutdown() {
    runtimes::frankenphp::uninstall();
}

/// Runs in a forked child, which has served nothing yet: atomics and plain system calls only.
pub fn after_fork() {
    REQUEST_STATS.reset();
    RESIDUE_STATS.reset();
    SINCE_MS.store(now_ms(), Ordering::Relaxed);
    fork_descriptors::after_fork();
}

/// How long this process has been there.
#[must_use]
pub fn uptime() -> Duration {
    Duration::from_millis(now_ms().saturating_sub(SINCE_MS.load(Ordering::Relaxed)))
}

/// How often the module has started anew in this process.
#[must_use]
pub fn restarts() -> u64 {
    STARTS.load(Ordering::Relaxed).saturating_sub(1)
}

/// Whether each request is a line in the log.
fn is_logged() -> bool {
    log::log_enabled!(log::Level::Debug)
}

fn now_ms() -> u64 {
    clock::since_boot()
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}

/// Tells this thread's state machine what a runtime has seen, and does what it says.
///
/// # Errors
/// A mistake of the application's.
pub fn tell(event: Event) -> Result<Effects, RequestStateError> {
    let may_end = matches!(
        event,
        Event::ScriptEnds | Event::Handled(true) | Event::Waits | Event::ManualEnd
    );
    if may_end && is_logged() {
        identity::settle();
    }
    let effects = Thread::with(|thread| {
        let effects = thread.worker.boundary.apply(event)?;
        thread.worker.take(effects);
        Ok(effects)
    })?;
    if effects.discard {
        publish::dropped();
    }
    if effects.start_candidate {
        publish::begins();
        adoption::begins();
    }
    if effects.end {
        publish::ended();
        // A worker's script may go on for days, and only a PHP thread may write to PHP's log.
        php_log::hand_over();
    }
    if matches!(event, Event::Waits) {
        crate::leak_check::before_wait();
    }
    Ok(effects)
}

/// What a call of the application's does wrong, and what would be right.
#[must_use]
pub fn explain(error: RequestStateError) -> String {
    match error {
        RequestStateError::AlreadyBegun => {
            "request_begin() was called in a request that request_begin() has begun: end it with request_end() first".to_owned()
        }
        RequestStateError::TrackedByRuntime(by) => format!(
            "request_begin() is for loops that Pillion does not know: here {} tells where requests begin and end",
            match by {
                OpenedBy::Handler => "frankenphp_handle_request()",
                OpenedBy::Received => "RoadRunner's waitPayload()",
                OpenedBy::Script | OpenedBy::Manual => "the server API",
            }
        ),
        RequestStateError::NotBegun => {
            "request_end() was called without a request that request_begin() has begun".to_owned()
        }
    }
}

/// Whether the script that runs is to be a loop around `frankenphp_handle_request`, whatever
/// `CADDY_WORKER_MODE` says.
#[must_use]
pub fn is_loop_of_frankenphp() -> bool {
    engine::sapi() == "frankenphp" && is_frankenphp_worker()
}

/// Whether the script that runs is a loop which FrankenPHP's worker mode serves requests with.
fn is_frankenphp_worker() -> bool {
    let known = Thread::with(|thread| match thread.worker.boundary.state() {
        RequestState::Likely(OpenedBy::Handler) => Some(true),
        _ => thread.worker.is_worker,
    });
    known.unwrap_or_else(|| {
        let found = sapi::server_variable("FRANKENPHP_WORKER", |value| value.is_some());
        Thread::with(|thread| thread.worker.is_worker = Some(found));
        found
    })
}
