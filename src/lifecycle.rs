//! Module start and stop, as PHP calls them. MINIT runs in php-fpm's master, as root, and again in the
//! same process whenever FrankenPHP restarts its workers: it opens nothing and starts nothing. MSHUTDOWN
//! is no end of the process: whatever it leaves behind meets the next MINIT.

use std::panic::catch_unwind;

use pillion_engine::config::Resolved;

use crate::{api, engine, log, settings, thread_state::Thread, worker};

const SUCCESS: i32 = 0;
const FAILURE: i32 = -1;

/// Registers settings and classes, and says what is wrong with the settings.
pub unsafe extern "C" fn module_startup(_: i32, module: i32) -> i32 {
    guarded(|| {
        settings::register(module);
        // SAFETY: this is MINIT.
        unsafe { api::register_classes() };
        let resolved = engine::prepare();
        resolved.log_problems();
        apply(resolved);
        worker::module_startup();
    })
}

/// Settings that are looked at for every request.
fn apply(resolved: &Resolved) {
    crate::leak_check::set(resolved.settings.worker.leak_check);
    worker::gc::set(resolved.settings.worker.gc);
}

/// Aborts or hands over all jobs and joins all threads, before PHP unmaps or restarts the module.
pub unsafe extern "C" fn module_shutdown(_: i32, module: i32) -> i32 {
    guarded(|| {
        worker::module_shutdown();
        engine::end();
        settings::unregister(module);
    })
}

/// A script starts, which may be a request.
pub unsafe extern "C" fn request_startup(_: i32, _: i32) -> i32 {
    guarded(|| {
        if let Some(resolved) = engine::request_starts() {
            apply(resolved);
        }
        worker::runtimes::script::starts();
    })
}

/// Streams end with their request, and so does the notifier's. Lines for PHP's own log are handed over
/// here, because only a PHP thread may write to it.
pub unsafe extern "C" fn request_shutdown(_: i32, _: i32) -> i32 {
    guarded(|| {
        worker::runtimes::script::ends();
        Thread::with(|thread| {
            thread.stream = None;
            thread.json.clear();
        });
        log::hand_over();
    })
}

/// A panic must not cross into PHP.
fn guarded(work: impl FnOnce() + std::panic::UnwindSafe) -> i32 {
    match catch_unwind(work) {
        Ok(()) => SUCCESS,
        Err(_) => FAILURE,
    }
}
