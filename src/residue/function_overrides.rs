//! Notices calls of the few functions whose traces stand in none of Zend's tables, or cost a system call to
//! look for: `chdir`, `umask`, `setlocale`, `putenv`, `stream_wrapper_register` and its like. Their handlers are replaced at module start by ones that
//! make a note in the thread's own [`Witness`] and go on to PHP's. So who doesn't call them pays nothing.
//!
//! PHP may jump over the frames here: they hold nothing with a destructor while PHP's handler runs.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString},
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicPtr, Ordering},
};

use ext_php_rs::ffi::{IS_TRUE, zend_execute_data, zval};

use crate::{
    thread_state::Thread,
    zend::{
        call, ffi,
        function_table::{self, argument},
        interrupt,
        owned::OwnedZval,
        value::{bytes, integer, type_of},
    },
};

type Handler = unsafe extern "C" fn(*mut zend_execute_data, *mut zval);

/// Variables of the environment that are remembered for one request.
const MOST_VARIABLES: usize = 64;

/// What the calls of one request on one thread have changed.
#[derive(Default)]
pub struct Witness {
    /// The working directory may be another one.
    pub has_moved: bool,
    umask: Option<Umask>,
    /// The locale before the first call.
    locale: Option<CString>,
    /// Each variable with the hash of its value before the first call.
    variables: Vec<(Vec<u8>, Option<u64>)>,
    /// The list of stream wrappers may be another one.
    pub has_rewired: bool,
    /// The class of each scheme that the script has registered, and its flags.
    classes: BTreeMap<Vec<u8>, (Vec<u8>, i64)>,
}

#[derive(Clone, Copy)]
struct Umask {
    before: u32,
    now: u32,
}

const COUNT: usize = 7;
static ORIGINALS: [AtomicPtr<()>; COUNT] = [const { AtomicPtr::new(std::ptr::null_mut()) }; COUNT];

/// Replaces the handlers. In MINIT, and anew in each: the functions are new too.
pub fn install() {
    let all: [(&CStr, Handler); COUNT] = [
        (c"chdir", chdir),
        (c"umask", umask),
        (c"setlocale", setlocale),
        (c"putenv", putenv),
        (c"stream_wrapper_register", register),
        (c"stream_wrapper_unregister", unregister),
        (c"stream_wrapper_restore", restore),
    ];
    for ((name, handler), original) in all.into_iter().zip(&ORIGINALS) {
        let Some(function) = function_table::find_internal(name) else {
            continue;
        };
        // SAFETY: MINIT: no other PHP thread runs. PHP code does not run any more when the module has gone.
        unsafe {
            let Some(found) = (*function).handler else {
                continue;
            };
            if found as usize != handler as *const () as usize {
                original.store(found as *mut (), Ordering::Release);
                (*function).handler = Some(handler);
            }
        }
    }
}

/// Goes on to PHP's own handler.
///
/// # Safety
/// As the engine has called us.
unsafe fn go_on(index: usize, frame: *mut zend_execute_data, ret: *mut zval) {
    let original = ORIGINALS
        .get(index)
        .map_or(std::ptr::null_mut(), |place| place.load(Ordering::Acquire));
    if !original.is_null() {
        // SAFETY: only `install` stores there, and only a handler.
        unsafe { std::mem::transmute::<*mut (), Handler>(original)(frame, ret) };
    }
}

unsafe extern "C" fn chdir(frame: *mut zend_execute_data, ret: *mut zval) {
    Thread::with(|thread| thread.worker.witness.has_moved = true);
    // SAFETY: as the engine has called us; so below.
    unsafe { go_on(0, frame, ret) };
}

unsafe extern "C" fn umask(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as above. The argument lives until the engine takes the frame away.
    let (before, asked) = unsafe {
        go_on(1, frame, ret);
        (integer(&*ret), argument(frame, 0).and_then(number))
    };
    let (Some(before), Some(asked)) = (before, asked) else {
        return;
    };
    let before = u32::try_from(before).unwrap_or(0);
    // PHP takes the lowest nine bits, as the system does.
    let now = (asked & 0o777) as u32;
    Thread::with(|thread| {
        let place = thread
            .worker
            .witness
            .umask
            .get_or_insert(Umask { before, now });
        place.now = now;
    });
}

/// The number that PHP has taken the argument for; `None` for null.
fn number(argument: &zval) -> Option<i64> {
    /// `ZEND_PARSE_PARAMS_QUIET`
    const QUIET: i32 = 1 << 1;
    if let Some(number) = integer(argument) {
        return Some(number);
    }
    let (mut number, mut is_null) = (0i64, false);
    // SAFETY: `l!` writes a number and a bool; the value is only read.
    let parsed = unsafe {
        ffi::zend_parse_parameter(
            QUIET,
            1,
            std::ptr::from_ref(argument).cast_mut(),
            c"l!".as_ptr(),
            &raw mut number,
            &raw mut is_null,
        )
    };
    (parsed == 0 && !is_null).then_some(number)
}

unsafe extern "C" fn setlocale(frame: *mut zend_execute_data, ret: *mut zval) {
    Thread::with(|thread| {
        let place = &mut thread.worker.witness.locale;
        if place.is_none() {
            *place = locale().map(CStr::to_owned);
        }
    });
    // SAFETY: as the engine has called us.
    unsafe { go_on(2, frame, ret) };
}

/// The process's locale. A name that another thread takes away while it is read would be as bad for PHP's own
/// `setlocale`, which reads it in the same way.
fn locale<'a>() -> Option<&'a CStr> {
    // SAFETY: asks only; null, or a C string that lives until the locale changes.
    unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

unsafe extern "C" fn putenv(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as the engine has called us.
    if let Some(name) = unsafe { argument(frame, 0) }
        .and_then(bytes)
        .and_then(name_in)
    {
        let is_known = Thread::with(|thread| {
            let known = &thread.worker.witness.variables;
            known.len() >= MOST_VARIABLES || known.iter().any(|(known, _)| known == name)
        });
        if !is_known {
            let before = variable(name);
            Thread::with(|thread| {
                let known = &mut thread.worker.witness.variables;
                known.push((name.to_vec(), before));
            });
        }
    }
    // SAFETY: as above.
    unsafe { go_on(3, frame, ret) };
}

unsafe extern "C" fn register(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as the engine has called us; the arguments live until it takes the frame away.
    let (name, class, flags) = unsafe {
        go_on(4, frame, ret);
        if type_of(&*ret) != IS_TRUE {
            return;
        }
        let text = |position| argument(frame, position).and_then(bytes);
        (text(0), text(1), argument(frame, 2).and_then(number))
    };
    let (Some(name), Some(class)) = (name, class) else {
        return;
    };
    Thread::with(|thread| {
        let witness = &mut thread.worker.witness;
        witness.has_rewired = true;
        let flags = flags.unwrap_or(0);
        witness
            .classes
            .insert(name.to_vec(), (class.to_vec(), flags));
    });
}

unsafe extern "C" fn unregister(frame: *mut zend_execute_data, ret: *mut zval) {
    // SAFETY: as the engine has called us.
    let name = unsafe {
        go_on(5, frame, ret);
        argument(frame, 0).and_then(bytes)
    };
    Thread::with(|thread| {
        let witness = &mut thread.worker.witness;
        witness.has_rewired = true;
        name.map(|name| witness.classes.remove(name));
    });
}

unsafe extern "C" fn restore(frame: *mut zend_execute_data, ret: *mut zval) {
    Thread::with(|thread| thread.worker.witness.has_rewired = true);
    // SAFETY: as the engine has called us.
    unsafe { go_on(6, frame, ret) };
}

/// The name in `NAME=value` and in `NAME`.
fn name_in(setting: &[u8]) -> Option<&[u8]> {
    let name = setting.split(|byte| *byte == b'=').next()?;
    (!name.is_empty()).then_some(name)
}

/// A hash of a variable as PHP sees it: FrankenPHP has an environment for each of its threads, and the
/// process's own must not be read while another thread sets it. Never the value, which may be a password.
fn variable(name: &[u8]) -> Option<u64> {
    if interrupt::is_throwing() {
        return None;
    }
    let argument = OwnedZval::with(|ret| ret.string(name));
    let found = call::function("getenv", &[argument]);
    argument.release();
    let Ok(found) = found else {
        // Somebody has switched `getenv` off.
        // SAFETY: drops the exception of the call above.
        unsafe { ffi::zend_clear_exception() };
        return None;
    };
    let hash = bytes(found.value()).map(|value| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    });
    found.release();
    hash
}

impl Witness {
    /// The class that serves a scheme, where it was registered by PHP code, and its flags.
    #[must_use]
    pub fn registered(&self, scheme: &[u8]) -> Option<(&[u8], i64)> {
        let (class, flags) = self.classes.get(scheme)?;
        Some((class, *flags))
    }

    /// A new request: what was noted of the one before is forgotten.
    pub fn forget(&mut self) {
        (self.umask, self.locale) = (None, None);
        self.variables.clear();
    }

    /// Whether anything was called that may have changed the process.
    #[must_use]
    pub fn has_seen(&self) -> bool {
        self.umask.is_some() || self.locale.is_some() || !self.variables.is_empty()
    }

    /// The mask before and now, where they differ; the note is taken away.
    pub fn take_umask(&mut self) -> Option<(u32, u32)> {
        let Umask { before, now } = self.umask.take()?;
        (before != now).then_some((before, now))
    }

    /// The locale before and now, where they differ; the note is taken away.
    pub fn take_locale(&mut self) -> Option<(CString, CString)> {
        let before = self.locale.take()?;
        let now = locale()?;
        (before.as_c_str() != now).then(|| (before, now.to_owned()))
    }
}

/// Takes away the note of a variable that was set in this thread's request; `None`: there is no further one.
/// Gives its name where it is not as it was before.
#[must_use]
pub fn next_variable() -> Option<Option<Vec<u8>>> {
    let (name, before) = Thread::with(|thread| {
        let (name, before) = thread.worker.witness.variables.last()?;
        Some((std::ptr::from_ref(name.as_slice()), *before))
    })?;
    // SAFETY: the thread's list holds it until it is taken off below: `getenv` calls nothing of ours.
    let now = variable(unsafe { &*name });
    let (name, _) = Thread::with(|thread| thread.worker.witness.variables.pop())?;
    Some((now != before).then_some(name))
}
