//! The calls of one request on one thread that may have changed state which no table of the engine shows, and the
//! state before the first of them. Filled by [`super::function_overrides`].

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString},
};

use crate::{
    thread_state::thread_state,
    zend::{
        call, interrupt,
        owned::OwnedZval,
        value::{self, bytes},
    },
};

/// Environment variables that are remembered for one request.
const MAX_VARIABLES: usize = 64;

thread_state! {
    /// The calls of this thread.
    pub(super) static CALLS: ObservedCalls = ObservedCalls::new();
}

/// Whether the working directory may have changed since the last call of this function.
#[must_use]
pub fn take_cwd_may_differ() -> bool {
    CALLS.with(|calls| std::mem::take(&mut calls.cwd_may_differ))
}

/// The calls of one request that may have changed state which no table of the engine shows.
pub struct ObservedCalls {
    /// `chdir` was called.
    pub cwd_may_differ: bool,
    umask: Option<UmaskChange>,
    /// The locale before the first `setlocale`.
    locale: Option<CString>,
    /// Each variable that `putenv` was called for, with the hash of its value before.
    variables: Vec<(Vec<u8>, Option<u64>)>,
    /// The table of stream wrappers was changed.
    pub wrappers_may_differ: bool,
    /// The class and the flags of each scheme that PHP code has registered.
    wrapper_classes: BTreeMap<Vec<u8>, (Vec<u8>, i64)>,
}

#[derive(Clone, Copy)]
struct UmaskChange {
    before: u32,
    now: u32,
}

impl ObservedCalls {
    /// No calls.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cwd_may_differ: false,
            umask: None,
            locale: None,
            variables: Vec::new(),
            wrappers_may_differ: false,
            wrapper_classes: BTreeMap::new(),
        }
    }

    /// `umask` was called.
    pub fn record_umask(&mut self, before: u32, now: u32) {
        let change = self.umask.get_or_insert(UmaskChange { before, now });
        change.now = now;
    }

    /// `setlocale` is about to be called.
    pub fn record_locale(&mut self) {
        if self.locale.is_none() {
            self.locale = current_locale().map(CStr::to_owned);
        }
    }

    /// `stream_wrapper_register` has succeeded.
    pub fn record_wrapper(&mut self, scheme: &[u8], class: &[u8], flags: i64) {
        self.wrappers_may_differ = true;
        self.wrapper_classes
            .insert(scheme.to_vec(), (class.to_vec(), flags));
    }

    /// `stream_wrapper_unregister` was called.
    pub fn record_wrapper_removed(&mut self, scheme: Option<&[u8]>) {
        self.wrappers_may_differ = true;
        scheme.map(|scheme| self.wrapper_classes.remove(scheme));
    }

    /// The class of a scheme that PHP code has registered, and its flags.
    #[must_use]
    pub fn wrapper_class(&self, scheme: &[u8]) -> Option<(&[u8], i64)> {
        let (class, flags) = self.wrapper_classes.get(scheme)?;
        Some((class, *flags))
    }

    /// Clears the process-wide state of the request before. The classes of stream wrappers stay: a wrapper may
    /// live for as long as the script.
    pub fn clear(&mut self) {
        (self.umask, self.locale) = (None, None);
        self.variables.clear();
    }

    /// Whether a call may have changed state of the whole process.
    #[must_use]
    pub fn has_process_changes(&self) -> bool {
        self.umask.is_some() || self.locale.is_some() || !self.variables.is_empty()
    }

    /// Takes the mask before and now, if they differ.
    pub fn take_umask(&mut self) -> Option<(u32, u32)> {
        let UmaskChange { before, now } = self.umask.take()?;
        (before != now).then_some((before, now))
    }

    /// Takes the locale before and now, if they differ.
    pub fn take_locale(&mut self) -> Option<(CString, CString)> {
        let before = self.locale.take()?;
        let now = current_locale()?;
        (before.as_c_str() != now).then(|| (before, now.to_owned()))
    }
}

/// `putenv` is about to be called for this variable. Calls `getenv`.
pub fn record_variable(name: &[u8]) {
    let is_known = CALLS.with(|calls| {
        let known = &calls.variables;
        known.len() >= MAX_VARIABLES || known.iter().any(|(known, _)| known == name)
    });
    if !is_known {
        let before = variable_hash(name);
        CALLS.with(|calls| {
            let known = &mut calls.variables;
            known.push((name.to_vec(), before));
        });
    }
}

/// Takes one of the variables that this thread's request has set, the last one first; `None` after all of them.
/// Returns its name if its value differs from that before the request.
#[must_use]
pub fn take_variable() -> Option<Option<Vec<u8>>> {
    let (name, before) = CALLS.with(|calls| {
        let (name, before) = calls.variables.last()?;
        Some((std::ptr::from_ref(name.as_slice()), *before))
    })?;
    // SAFETY: the thread's list holds the name until it is popped below: `getenv` calls nothing of ours.
    let now = variable_hash(unsafe { &*name });
    let (name, _) = CALLS.with(|calls| calls.variables.pop())?;
    Some((now != before).then_some(name))
}

/// The hash of a variable as PHP sees it: FrankenPHP has an environment for each of its threads, and the process's
/// own must not be read while another thread sets it. Never the value, which may be a password.
fn variable_hash(name: &[u8]) -> Option<u64> {
    if interrupt::is_throwing() {
        return None;
    }
    let argument = OwnedZval::new_string(name);
    let found = call::function("getenv", &[argument]);
    argument.release();
    let Ok(found) = found else {
        // `getenv` is in `disable_functions`.
        interrupt::clear_exception();
        return None;
    };
    let hash = bytes(found.value()).map(value::hash);
    found.release();
    hash
}

/// The process's locale. A name that another thread frees while it is read would be as bad for PHP's own
/// `setlocale`, which reads it in the same way.
fn current_locale<'a>() -> Option<&'a CStr> {
    // SAFETY: only reads; null, or a C string that lives until the locale changes.
    unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}
