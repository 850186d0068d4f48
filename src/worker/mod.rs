//! The lifecycle of requests, in every runtime: the [`runtimes`] report events to [`transition`], which advances the
//! engine's state machine and notifies the modules that follow requests; [`reset`] runs between two requests, and
//! [`request_loop`] is `Worker\loop`. Files import each other's functions directly, and only downwards: state ←
//! request_id, hooks, scope … ← reset ← transition ← runtimes ← request_loop. Everything runs on PHP's threads.
//!
//! A new runtime is a new file in [`runtimes`]: it calls [`reset::before_wait`] before its loop waits, reports its
//! events by [`transition::advance`], and calls [`reset::run`] when a request is over and PHP code may still run. PHP's
//! own lifecycle hooks for worker modes, when there are any, are such a file: the start of a logical request reports
//! `Activated`, its end runs the reset and reports `Handled(true)`, and [`module_startup`] installs it in place of
//! `frankenphp` where PHP has them.

pub mod gc;
pub mod hooks;
pub mod memory_trend;
pub mod mode;
mod orphans;
pub mod process_stats;
mod publish;
pub mod request_id;
pub mod request_loop;
pub mod reset;
mod runtimes;
pub mod scope;
mod sentry_scope;
pub mod sentry_wake;
pub mod state;
pub mod transition;

pub use runtimes::{Runtime, current as runtime};
use runtimes::{frankenphp, relay, relay_readers, script};

/// Detects the runtime, and installs its overrides. In MINIT.
pub fn module_startup() {
    process_stats::module_startup();
    runtimes::detect();
    match runtimes::current() {
        Runtime::FrankenPhp => frankenphp::install(),
        Runtime::RoadRunner => relay_readers::install(),
        Runtime::Cli | Runtime::Server | Runtime::Other => {}
    }
}

/// Removes the overrides that other modules would see. In MSHUTDOWN.
pub fn module_shutdown() {
    frankenphp::uninstall();
}

/// A script starts, which may be a request. In RINIT; not for a preload script, which is neither.
pub fn script_startup() {
    state::script_startup();
    request_id::clear();
    mode::script_startup();
    hooks::clear();
    reset::clear();
    gc::script_startup();
    memory_trend::clear();
    sentry_scope::script_startup();
    relay::clear();
    frankenphp::script_startup();
    request_loop::script_startup();
    script::started();
}

/// A script has ended, be it by `exit()` or a fatal error. In RSHUTDOWN, after PHP has called destructors.
pub fn script_shutdown() {
    hooks::count_skipped();
    script::ended();
    scope::clear();
    sentry_scope::release();
    hooks::release();
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    publish::thread_shutdown();
    request_id::clear();
    scope::thread_shutdown();
    hooks::clear();
    reset::clear();
    memory_trend::clear();
    relay::clear();
}

/// Runs in a forked child, which has served nothing yet: atomics and plain system calls only.
pub fn after_fork() {
    process_stats::after_fork();
}
