//! Module start and stop, as PHP calls them. MINIT runs in php-fpm's master, as root, and again in the
//! same process whenever FrankenPHP restarts its workers: it opens nothing and starts nothing. MSHUTDOWN
//! is no end of the process: whatever it leaves behind meets the next MINIT.

use std::panic::catch_unwind;

use pillion_engine::config::Resolved;

use crate::{boundary, functions, ini, log, process, thread::Thread};

const SUCCESS: i32 = 0;
const FAILURE: i32 = -1;

/// Registers settings and classes, and says what is wrong with the settings.
pub unsafe extern "C" fn module_startup(_: i32, module: i32) -> i32 {
    guarded(|| {
        ini::register(module);
        // SAFETY: this is MINIT.
        unsafe { functions::register_classes() };
        let resolved = process::prepare();
        resolved.log_problems();
        apply(resolved);
        boundary::module_startup();
    })
}

/// Settings that are looked at for every request.
fn apply(resolved: &Resolved) {
    boundary::leaks::set(resolved.settings.worker.leak_check);
    boundary::gc::set(resolved.settings.worker.gc);
}

/// Aborts or hands over all jobs and joins all threads, before PHP unmaps or restarts the module.
pub unsafe extern "C" fn module_shutdown(_: i32, module: i32) -> i32 {
    guarded(|| {
        boundary::module_shutdown();
        process::end();
        ini::unregister(module);
    })
}

/// A script starts, which may be a request.
pub unsafe extern "C" fn request_startup(_: i32, _: i32) -> i32 {
    guarded(|| {
        if let Some(resolved) = process::request_starts() {
            apply(resolved);
        }
        boundary::script::starts();
    })
}

/// Streams end with their request, and so does the notifier's. Lines for PHP's own log are handed over
/// here, because only a PHP thread may write to it.
pub unsafe extern "C" fn request_shutdown(_: i32, _: i32) -> i32 {
    guarded(|| {
        boundary::script::ends();
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
