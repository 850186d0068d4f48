//! The settings as INI entries, generated from the engine's table. They are registered without a value, because a
//! registered default would hide the environment and the file. On PHP's threads.

use std::{
    ffi::{CStr, CString, c_int},
    sync::OnceLock,
};

use ext_php_rs::zend::{ExecutorGlobals, IniEntryDef};
use pillion_engine::config::{Capability, TABLE};

use crate::zend::ffi;

/// `PHP_INI_SYSTEM`
const SYSTEM: u8 = 1 << 2;

struct Entries(Vec<IniEntryDef>);

// SAFETY: the pointers inside lead to leaked strings, and the table is not written after its creation.
unsafe impl Send for Entries {}
// SAFETY: as above.
unsafe impl Sync for Entries {}

/// PHP 8.5 keeps a pointer to the table, so it is created once for each load of the library.
static ENTRIES: OnceLock<Entries> = OnceLock::new();

/// Registers the settings. In MINIT.
pub fn register(module: c_int) {
    let entries = ENTRIES.get_or_init(|| {
        let mut entries: Vec<IniEntryDef> = TABLE
            .iter()
            // The server reads no php.ini.
            .filter(|setting| setting.capability != Capability::Serve)
            .map(|setting| {
                let name = CString::new(setting.ini_name()).unwrap_or_default();
                let mut entry = IniEntryDef::end();
                entry.name_length = name.as_bytes().len().try_into().unwrap_or(0);
                entry.name = name.into_raw();
                // php.ini, `-d` and php-fpm's `php_admin_value` only: all threads and requests of a process share it.
                entry.modifiable = SYSTEM;
                entry
            })
            .collect();
        entries.push(IniEntryDef::end());
        Entries(entries)
    });
    IniEntryDef::register(&entries.0, module);
}

/// Removes the entries. In MSHUTDOWN.
pub fn unregister(module: c_int) {
    // SAFETY: the number that PHP gave to our module.
    unsafe { ffi::zend_unregister_ini_entries(module) };
}

/// The value of an entry when PHP started, or `None` if it is not set. Sections of php.ini for the host or directory of
/// the current request don't count.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    let mut exists = false;
    // SAFETY: looks the entry up in this thread's table; the text lives as long as the entry.
    unsafe {
        if ExecutorGlobals::get().ini_directives.is_null() {
            return None;
        }
        let text =
            ffi::zend_ini_string_ex(name.as_ptr(), name.as_bytes().len(), 1, &raw mut exists);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// The names of all entries of php.ini and `-d`, also of those that no extension knows.
pub fn names_of_php_ini() -> Vec<String> {
    // SAFETY: the table is complete before extensions start, and lives until PHP ends.
    let entries = unsafe { ffi::php_ini_get_configuration_hash().as_ref() };
    let keys = entries.into_iter().flat_map(|entries| entries.iter());
    keys.map(|(key, _)| key.to_string()).collect()
}
