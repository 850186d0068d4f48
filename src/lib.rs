//! The PHP side of Pillion: each call converts PHP's values, calls the engine, and converts the result back.
//!
//! # Layout
//!
//! * [`lifecycle`] start and stop of module, threads and scripts; the only file that knows all others.
//! * [`engine`] the engine of the process; [`startup`] its settings and environment; [`settings`] INI entries;
//!   [`info`] phpinfo; [`log`] lines for PHP's log; [`alloc`] the counting allocator.
//! * [`thread_state`] how modules declare state of a PHP thread; [`futures`] the futures of one.
//! * [`api`] the functions and classes of PHP, one file for each namespace or class.
//! * [`apcu`] another module, `apcu`: the functions of APCu over the shared cache.
//! * [`worker`] the lifecycle of requests: one file for each runtime, the reset between requests, `Worker\loop`.
//! * [`residue`] PHP state that outlives a request: detect, report, restore. [`leak_check`] objects and memory that do.
//! * [`zend`] the safe layer over the Zend engine's C API, with nearly all unsafe code.
//!
//! Dependencies run in one direction: `zend` < `futures`, `residue` < `leak_check` < `worker` < `api` <
//! `apcu` < `lifecycle`.

mod alloc;
mod apcu;
mod api;
mod engine;
mod futures;
mod info;
mod leak_check;
mod lifecycle;
mod log;
mod residue;
mod settings;
mod startup;
mod thread_state;
mod worker;
mod zend;

use ext_php_rs::{
    builders::ModuleBuilder,
    zend::{ModuleEntry, StaticModuleEntry},
};

/// The symbol that PHP looks up when it loads the extension.
#[unsafe(no_mangle)]
extern "C" fn get_module() -> *mut ModuleEntry {
    static ENTRY: StaticModuleEntry = StaticModuleEntry::new();
    ENTRY.get_or_init(|| {
        let builder = || {
            ModuleBuilder::new("pillion", env!("CARGO_PKG_VERSION"))
                .startup_function(lifecycle::module_startup)
                .shutdown_function(lifecycle::module_shutdown)
                .request_startup_function(lifecycle::request_startup)
                .request_shutdown_function(lifecycle::request_shutdown)
                .info_function(info::print)
                .globals(&lifecycle::THREAD_LIFETIME)
        };
        let built = builder().try_into();
        let (mut entry, _, owned): (ModuleEntry, ext_php_rs::builders::ModuleStartup, _) =
            match built {
                Ok(built) => built,
                // Fails only for a name with a NUL byte.
                Err(_) => std::process::abort(),
            };
        entry.functions = zend::registration::table(&api::all());
        (entry, owned)
    })
}
