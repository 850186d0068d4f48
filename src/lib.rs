//! The PHP side of Pillion: registration only. Each call converts PHP's values, asks the engine, and
//! converts back; nothing here thinks.
//!
//! # Layout
//!
//! * [`lifecycle`] module and request start and stop; [`engine`] the pointer to the process's engine; [`startup`] settings
//!   and environment; [`thread_state`] the state of a PHP thread.
//! * [`api`] one file for each PHP namespace and class.
//! * [`worker`] the start and the end of each request: one file for each runtime, `Worker\loop` in `request_loop`.
//! * [`residue`] PHP state that outlives a request: detect, report, restore. [`leak_check`] objects and memory that do.
//! * [`settings`], [`info`] settings in and out; [`log`] lines for PHP's log; [`alloc`] the counting allocator.
//! * [`zend`] the safe layer over the Zend engine's C API; nearly all unsafe code is there.

mod alloc;
mod api;
mod engine;
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

/// The symbol by which PHP finds the extension.
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
                .globals(&thread_state::THREAD)
        };
        let built = builder().try_into();
        let (mut entry, _, owned): (ModuleEntry, ext_php_rs::builders::ModuleStartup, _) =
            match built {
                Ok(built) => built,
                // Only a name with a NUL could fail here, and the name is above.
                Err(_) => std::process::abort(),
            };
        entry.functions = zend::registration::table(&api::all());
        (entry, owned)
    })
}
