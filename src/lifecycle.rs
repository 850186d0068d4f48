//! Module, thread and script start and stop, as PHP calls them: the one file that knows all modules, and calls their
//! hooks in order. MINIT runs in php-fpm's master, as root, and again in the same process whenever FrankenPHP restarts
//! its workers: it opens nothing and starts nothing. MSHUTDOWN does not end the process: another MINIT may follow.

use ext_php_rs::zend::{ModuleGlobal, ModuleGlobals};
use pillion_engine::{config::Resolved, host::fork_descriptors};

use crate::{
    apcu, api, engine, futures, leak_check, log, residue, settings, worker,
    zend::{lossy_json, module::guarded, sapi},
};

/// PHP's globals of this module: only their end is of use, because it is the end of the thread.
pub static THREAD_LIFETIME: ModuleGlobals<ThreadLifetime> = ModuleGlobals::new();

/// Lives as long as a PHP thread; without ZTS, as long as the module.
#[derive(Default)]
pub struct ThreadLifetime {
    /// PHP calls no hooks for globals without a size.
    _size: u8,
}

impl ModuleGlobal for ThreadLifetime {
    fn gshutdown(&mut self) {
        guarded(thread_shutdown);
    }
}

/// MINIT: registers settings and classes, installs overrides, and logs problems of the configuration.
pub unsafe extern "C" fn module_startup(_: i32, module: i32) -> i32 {
    guarded(|| {
        settings::register(module);
        // SAFETY: this is MINIT.
        unsafe { api::register_classes() };
        let resolved = engine::module_startup(after_fork);
        resolved.log_errors();
        configure(resolved);
        worker::module_startup();
        api::delivery::module_startup(resolved.settings.delivery.is_intercepting);
        residue::module_startup();
        if resolved.settings.apcu.is_provided {
            apcu::register();
        }
    })
}

/// Applies settings that are read for every request.
fn configure(resolved: &Resolved) {
    leak_check::configure(resolved.settings.worker.leak_check);
    worker::gc::configure(resolved.settings.worker.gc);
}

/// MSHUTDOWN: aborts or hands over all jobs and joins all threads, before PHP unmaps or restarts the module.
pub unsafe extern "C" fn module_shutdown(_: i32, module: i32) -> i32 {
    guarded(|| {
        api::delivery::module_shutdown();
        worker::module_shutdown();
        engine::module_shutdown();
        settings::unregister(module);
    })
}

/// RINIT: a script starts, which may be a request.
pub unsafe extern "C" fn request_startup(_: i32, _: i32) -> i32 {
    guarded(|| {
        if let Some(resolved) = engine::script_startup() {
            configure(resolved);
            apcu::configure();
        }
        api::cache::local::script_startup();
        if sapi::is_preloading() {
            return;
        }
        residue::script_startup();
        leak_check::clear();
        worker::script_startup();
    })
}

/// RSHUTDOWN: a script has ended. Lines for PHP's own log are handed over here, because only a PHP thread may write to
/// it.
pub unsafe extern "C" fn request_shutdown(_: i32, _: i32) -> i32 {
    guarded(|| {
        worker::script_shutdown();
        residue::release();
        api::cache::remember::end_all();
        api::cache::local::script_shutdown();
        api::cache::second::script_shutdown();
        futures::script_shutdown();
        lossy_json::script_shutdown();
        log::hand_over();
    })
}

/// GSHUTDOWN: a PHP thread ends, while others go on.
fn thread_shutdown() {
    futures::thread_shutdown();
    lossy_json::thread_shutdown();
    api::cache::codec::thread_shutdown();
    api::cache::local::thread_shutdown();
    api::cache::remember::thread_shutdown();
    api::metrics::thread_shutdown();
    api::cache::second::script_shutdown();
    worker::thread_shutdown();
    residue::thread_shutdown();
    leak_check::clear();
}

/// Runs in a forked child: atomics and plain system calls only.
fn after_fork() {
    engine::after_fork();
    worker::after_fork();
    residue::after_fork();
    fork_descriptors::after_fork();
}
