//! The PHP side of Pillion: registration only. Each call converts PHP's values, asks the engine, and
//! converts back; nothing here thinks.
//!
//! # Layout
//!
//! * [`lifecycle`] module and request start and stop; [`process`] the one pointer to all state; [`startup`] settings and
//!   environment; [`thread`] what a PHP thread keeps.
//! * [`boundary`] where a request begins and ends, one file a runtime.
//! * [`serve`] the loop of a worker script, in every runtime.
//! * [`functions`] one file a PHP namespace.
//! * [`ini`], [`info`] settings in and out; [`log`] lines for PHP's log; [`heap`] the counting allocator.
//! * [`zend`] the ground on which the others stand; nearly all unsafe code is there.

mod boundary;
mod functions;
mod heap;
mod info;
mod ini;
mod lifecycle;
mod log;
mod process;
mod serve;
mod startup;
mod thread;
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
                .globals(&thread::THREAD)
        };
        let built = builder().try_into();
        let (mut entry, _, owned): (ModuleEntry, ext_php_rs::builders::ModuleStartup, _) =
            match built {
                Ok(built) => built,
                // Only a name with a NUL could fail here, and the name is above.
                Err(_) => std::process::abort(),
            };
        entry.functions = zend::signature::table(&functions::all());
        (entry, owned)
    })
}
