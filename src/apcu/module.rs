//! The module `apcu`: registered in the extension's MINIT, in the middle of PHP's walk over its modules, which reaches
//! it at the end; destroyed with the other modules in MSHUTDOWN. Its entry is made once for each load of the library.
//! On PHP's threads.

use std::{ffi::c_int, ptr};

use ext_php_rs::{
    builders::{ModuleBuilder, ModuleStartup},
    ffi::{
        CONST_PERSISTENT, ext_php_rs_executor_globals, php_info_print_table_end,
        php_info_print_table_row, php_info_print_table_start, zend_module_entry,
        zend_register_long_constant,
    },
    zend::{ModuleEntry, StaticModuleEntry},
};

use super::{FUNCTIONS, configure, iterator, settings};
use crate::zend::{
    ffi,
    module::{self, guarded},
    registration,
};

/// The release of APCu with these functions: programs compare it with the one that they need.
const VERSION: &str = "5.1.28";
const VERSION_TEXT: &std::ffi::CStr = c"5.1.28";

/// Registers the module, unless one of that name is there. In the extension's MINIT.
pub fn register() {
    if module::is_registered(c"apcu") {
        log::info!("module apcu not provided: APCu itself is loaded");
        return;
    }
    let Some(entry) = entry() else {
        return;
    };
    // SAFETY: MINIT: no other PHP thread runs. The engine notes the module that starts, and registering ends that note. The
    // entry and all that it refers to are never freed.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let current = (*globals).current_module;
        (*entry).module_started = 0;
        let registered = ffi::zend_register_internal_module(entry);
        (*globals).current_module = current;
        if registered.is_null() {
            log::warn!("module apcu not provided: PHP has refused it");
        }
    }
}

fn entry() -> Option<*mut zend_module_entry> {
    static ENTRY: StaticModuleEntry = StaticModuleEntry::new();
    let builder = || {
        ModuleBuilder::new("apcu", VERSION)
            .startup_function(startup)
            .shutdown_function(shutdown)
            .info_function(print)
    };
    // Fails only for a name with a NUL byte.
    let (mut entry, _, owned): (ModuleEntry, ModuleStartup, _) = builder().try_into().ok()?;
    Some(ENTRY.get_or_init(|| {
        entry.functions = registration::table(FUNCTIONS);
        (entry, owned)
    }))
}

/// MINIT of the module.
unsafe extern "C" fn startup(_: c_int, module: c_int) -> c_int {
    guarded(|| {
        settings::register(module);
        for (name, value) in iterator::CONSTANTS {
            // SAFETY: MINIT; the name is copied.
            unsafe {
                zend_register_long_constant(
                    name.as_ptr().cast(),
                    name.len(),
                    *value,
                    CONST_PERSISTENT.cast_signed(),
                    module,
                );
            }
        }
        // SAFETY: this is MINIT.
        unsafe { iterator::register() };
        configure();
    })
}

/// MSHUTDOWN of the module.
unsafe extern "C" fn shutdown(_: c_int, module: c_int) -> c_int {
    guarded(|| {
        // SAFETY: the number that PHP gave to the module.
        unsafe { ffi::zend_unregister_ini_entries(module) };
    })
}

/// Called by PHP for phpinfo.
unsafe extern "C" fn print(module: *mut zend_module_entry) {
    let is_enabled = settings::is_enabled();
    // SAFETY: as many C strings as announced; the module's own entry.
    unsafe {
        php_info_print_table_start();
        let row = |name: &std::ffi::CStr, value: &std::ffi::CStr| {
            php_info_print_table_row(
                2,
                name.as_ptr(),
                value.as_ptr(),
                ptr::null::<std::ffi::c_char>(),
            );
        };
        row(
            c"APCu Support",
            if is_enabled { c"Enabled" } else { c"Disabled" },
        );
        row(c"Version", VERSION_TEXT);
        row(c"Provided by", c"Pillion, in its shared cache");
        php_info_print_table_end();
        ffi::display_ini_entries(module);
    }
}
