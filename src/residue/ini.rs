//! Settings of PHP's that a request has changed: `ini_set`, `set_time_limit`, `error_reporting` and their like. Zend
//! keeps a table of the settings that differ from their values at its start; it is compared with that of the
//! baseline.

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_ini_entry};

use crate::zend::{
    ffi, hash_table,
    owned::OwnedZval,
    value::{zend_str, zend_text},
};

/// The table at the baseline.
#[derive(Default)]
pub struct ModifiedSettings(Vec<ModifiedSetting>);

struct ModifiedSetting {
    entry: *mut zend_ini_entry,
    value: Option<Vec<u8>>,
}

/// A setting that differs from the baseline. Valid until the next [`ModifiedSettings::capture`].
#[derive(Clone, Copy)]
pub struct SettingChange {
    entry: *mut zend_ini_entry,
    /// The text of the baseline; `None` for the value at PHP's start.
    target: Option<(*const u8, usize)>,
}

impl ModifiedSettings {
    /// The current table.
    pub fn capture() -> Self {
        Self(
            modified()
                .map(|entry| ModifiedSetting {
                    entry,
                    value: value(entry).map(<[u8]>::to_vec),
                })
                .collect(),
        )
    }

    /// Whether the table is the same, entry by entry. May return `false` where no value has changed.
    pub fn is_unchanged(&self) -> bool {
        let mut baseline = self.0.iter();
        modified().all(|entry| {
            baseline
                .next()
                .is_some_and(|was| was.entry == entry && was.value.as_deref() == value(entry))
        }) && baseline.next().is_none()
    }

    /// The settings that differ from the baseline.
    pub fn changes(&self) -> Vec<SettingChange> {
        let mut changes = Vec::new();
        for entry in modified() {
            let was = self.0.iter().find(|was| was.entry == entry);
            let before = was.map_or_else(|| original(entry), |was| was.value.as_deref());
            if value(entry) != before {
                let target = was.and_then(ModifiedSetting::target);
                changes.push(SettingChange { entry, target });
            }
        }
        let now: Vec<_> = modified().collect();
        for was in &self.0 {
            if !now.contains(&was.entry) && was.value.as_deref() != value(was.entry) {
                changes.push(SettingChange {
                    entry: was.entry,
                    target: was.target(),
                });
            }
        }
        changes
    }
}

impl ModifiedSetting {
    fn target(&self) -> Option<(*const u8, usize)> {
        let value = self.value.as_deref()?;
        Some((value.as_ptr(), value.len()))
    }
}

impl SettingChange {
    /// The setting's name.
    pub fn name(&self) -> String {
        // SAFETY: an entry of the thread's table, which lives as long as its module.
        unsafe { zend_text((*self.entry).name) }
    }

    /// Restores the value of the baseline. May run PHP code, for a warning.
    pub fn restore(self) {
        /// `ZEND_INI_STAGE_DEACTIVATE`: as at the end of a script, when no change is refused.
        const AT_SCRIPT_END: i32 = 1 << 3;
        /// `ZEND_INI_USER`
        const USER: i32 = 1;
        // SAFETY: an entry as above; the text is the baseline's, which stays until it is captured anew.
        unsafe {
            let name = (*self.entry).name;
            match self.target {
                None => {
                    ffi::zend_restore_ini_entry(name, AT_SCRIPT_END);
                }
                Some((bytes, length)) => {
                    let text = OwnedZval::new_string(std::slice::from_raw_parts(bytes, length));
                    ffi::zend_alter_ini_entry_ex(
                        name,
                        text.zend_string(),
                        USER,
                        AT_SCRIPT_END,
                        true,
                    );
                    text.release();
                }
            }
        }
    }
}

/// The settings that differ from their values at PHP's start.
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
    // SAFETY: as above; a modified entry keeps its original text.
    unsafe { zend_str((*entry).orig_value) }
}
