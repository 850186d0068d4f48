//! PHP's working directory: the process's own without threads, the thread's own with them.

use std::ffi::{CStr, CString, c_char};

#[cfg(php_zts)]
unsafe extern "C" {
    fn virtual_getcwd(buffer: *mut c_char, size: usize) -> *mut c_char;
    fn virtual_chdir(path: *const c_char) -> std::ffi::c_int;
}

/// The working directory; `None` if it was removed.
#[must_use]
pub fn current() -> Option<CString> {
    let mut buffer: [c_char; libc::PATH_MAX as usize] = [0; libc::PATH_MAX as usize];
    // SAFETY: writes a C string of at most that many bytes, or returns null.
    unsafe {
        #[cfg(php_zts)]
        let found = virtual_getcwd(buffer.as_mut_ptr(), buffer.len());
        #[cfg(not(php_zts))]
        let found = libc::getcwd(buffer.as_mut_ptr(), buffer.len());
        (!found.is_null()).then(|| CStr::from_ptr(buffer.as_ptr()).to_owned())
    }
}

/// Changes to a directory. Changes nothing if it was removed.
pub fn change(path: &CStr) {
    // SAFETY: a C string.
    unsafe {
        #[cfg(php_zts)]
        virtual_chdir(path.as_ptr());
        #[cfg(not(php_zts))]
        libc::chdir(path.as_ptr());
    }
}
