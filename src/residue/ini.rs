//! Settings of PHP's that a request has changed: `ini_set`, `set_time_limit`, `error_reporting` and their
//! like. Zend keeps a list of those that are not as they were at its start; it is compared with what it was.

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_ini_entry};

use crate::zend::{ffi, hash_table, value::zend_str, zend_string::TempZendString};

/// What the list was.
#[derive(Default)]
pub struct Ini(Vec<Was>);

struct Was {
    entry: *mut zend_ini_entry,
    value: Option<Vec<u8>>,
}

/// A setting that is not as it was. Good until the next look.
#[derive(Clone, Copy)]
pub struct Change {
    entry: *mut zend_ini_entry,
    /// Where it is to go: `None`: to what it was when PHP started.
    target: Option<(*const u8, usize)>,
}

impl Ini {
    /// As it is now.
    pub fn now() -> Self {
        Self(
            modified()
                .map(|entry| Was {
                    entry,
                    value: value(entry).map(<[u8]>::to_vec),
                })
                .collect(),
        )
    }

    /// Whether the list is the same, entry by entry. May say no where nothing has changed.
    pub fn is_same(&self) -> bool {
        let mut was = self.0.iter();
        modified().all(|entry| {
            was.next()
                .is_some_and(|was| was.entry == entry && was.value.as_deref() == value(entry))
        }) && was.next().is_none()
    }

    /// What has changed.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for entry in modified() {
            let was = self.0.iter().find(|was| was.entry == entry);
            let before = was.map_or_else(|| original(entry), |was| was.value.as_deref());
            if value(entry) != before {
                let target = was.and_then(|was| was.value.as_deref());
                let target = target.map(|bytes| (bytes.as_ptr(), bytes.len()));
                changes.push(Change { entry, target });
            }
        }
        let now: Vec<_> = modified().collect();
        for was in &self.0 {
            if !now.contains(&was.entry) && was.value.as_deref() != value(was.entry) {
                let target = was.value.as_deref();
                let target = target.map(|bytes| (bytes.as_ptr(), bytes.len()));
                let entry = was.entry;
                changes.push(Change { entry, target });
            }
        }
        changes
    }
}

impl Change {
    /// The setting's name.
    pub fn name(&self) -> String {
        // SAFETY: an entry of the thread's table, which lives as long as its module.
        let name = unsafe { zend_str((*self.entry).name) }.unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// Sets it to what it was. Warnings of the setting's may run PHP code.
    pub fn put_back(self) {
        /// `ZEND_INI_STAGE_DEACTIVATE`: as at the end of a script, when nothing is refused.
        const AT_THE_END: i32 = 1 << 3;
        /// `ZEND_INI_USER`
        const USER: i32 = 1;
        // SAFETY: an entry as above; the text is the list's, which nobody changes before the next look.
        unsafe {
            let name = (*self.entry).name;
            match self.target {
                None => {
                    ffi::zend_restore_ini_entry(name, AT_THE_END);
                }
                Some((bytes, length)) => {
                    let text = TempZendString::new(std::slice::from_raw_parts(bytes, length));
                    ffi::zend_alter_ini_entry_ex(name, text.as_ptr(), USER, AT_THE_END, true);
                    text.release();
                }
            }
        }
    }
}

/// The settings that are not as they were when PHP started.
fn modified() -> impl Iterator<Item = *mut zend_ini_entry> {
    // SAFETY: this thread's table, or null; its values are entries.
    unsafe {
        let table = (*ext_php_rs_executor_globals()).modified_ini_directives;
        hash_table::elements(table).map(|element| element.pointer())
    }
}

fn value<'a>(entry: *mut zend_ini_entry) -> Option<&'a [u8]> {
    // SAFETY: a live entry; its text lives until it is set anew.
    unsafe { zend_str((*entry).value) }
}

fn original<'a>(entry: *mut zend_ini_entry) -> Option<&'a [u8]> {
    // SAFETY: as above; a modified entry keeps the text that it had.
    unsafe { zend_str((*entry).orig_value) }
}
