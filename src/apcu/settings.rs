//! APCu's settings. All of them exist, because programs and php.ini files name them; those about APCu's own memory
//! have no effect, as the memory is that of the shared cache. On PHP's threads.

use std::{
    ffi::{CStr, c_int},
    ptr,
};

use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};

use crate::{settings, zend::sapi};

/// `PHP_INI_SYSTEM`
const SYSTEM: u8 = 1 << 2;
/// `PHP_INI_ALL`
const ALL: u8 = 7;

/// `apc.enable_cli` is on, unlike APCu's: the values are those of the web server's processes.
static ENTRIES: IniEntryDefs<15> = IniEntryDefs::new([
    entry(c"apc.enabled", Some(c"1"), SYSTEM),
    entry(c"apc.enable_cli", Some(c"1"), SYSTEM),
    entry(c"apc.shm_size", Some(c"32M"), SYSTEM),
    entry(c"apc.entries_hint", Some(c"0"), SYSTEM),
    entry(c"apc.gc_ttl", Some(c"3600"), SYSTEM),
    entry(c"apc.ttl", Some(c"0"), SYSTEM),
    entry(c"apc.expunge_threshold", Some(c"0.5"), SYSTEM),
    entry(c"apc.mmap_file_mask", None, SYSTEM),
    entry(c"apc.mmap_hugepage_size", Some(c"0"), SYSTEM),
    entry(c"apc.slam_defense", Some(c"0"), SYSTEM),
    entry(c"apc.preload_path", None, SYSTEM),
    entry(c"apc.coredump_unmap", Some(c"0"), SYSTEM),
    entry(c"apc.use_request_time", Some(c"0"), ALL),
    entry(c"apc.serializer", Some(c"php"), SYSTEM),
    IniEntryDef::end(),
]);

const fn entry(name: &'static CStr, value: Option<&'static CStr>, modifiable: u8) -> IniEntryDef {
    let mut entry = IniEntryDef::end();
    entry.name = name.as_ptr();
    entry.name_length = name.count_bytes() as u16;
    entry.modifiable = modifiable;
    (entry.value, entry.value_length) = match value {
        Some(value) => (value.as_ptr(), value.count_bytes() as u32),
        None => (ptr::null(), 0),
    };
    entry
}

/// Registers the settings. In the module's MINIT.
pub fn register(module: c_int) {
    IniEntryDef::register(ENTRIES.as_slice(), module);
}

/// Whether the functions store anything.
pub fn is_enabled() -> bool {
    is_on("apc.enabled") && (sapi::name() != "cli" || is_on("apc.enable_cli"))
}

/// A boolean, as PHP reads them.
fn is_on(name: &str) -> bool {
    settings::get(name).is_some_and(|text| {
        let text = text.trim().to_ascii_lowercase();
        matches!(text.as_str(), "on" | "yes" | "true")
            || text.parse::<i64>().is_ok_and(|number| number != 0)
    })
}
