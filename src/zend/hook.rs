//! Replaces function pointers of PHP's, and handlers of internal functions, by functions of ours, and restores them.
//! Replacing happens in MINIT, when no other PHP thread runs; in each MINIT anew, because FrankenPHP restarts PHP in
//! the same process and the functions are new then. The replacement runs on any PHP thread and calls the original,
//! which may never return: PHP may jump over the replacement's frame.

use std::{
    ffi::CStr,
    marker::PhantomData,
    sync::atomic::{AtomicPtr, Ordering},
};

use ext_php_rs::ffi::{zend_execute_data, zend_internal_function, zval};

use super::function_table::{self, Handler};

/// The original of a function pointer of type `F` that is replaced.
pub struct Hook<F> {
    original: AtomicPtr<()>,
    of: PhantomData<fn() -> F>,
}

impl<F: Copy> Hook<F> {
    /// `F` is a function pointer.
    const IS_POINTER: () = assert!(size_of::<F>() == size_of::<*mut ()>());

    /// A hook that is not installed.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::IS_POINTER;
        Self {
            original: AtomicPtr::new(std::ptr::null_mut()),
            of: PhantomData,
        }
    }

    /// Puts `replacement` into `slot`, and remembers the original. Changes nothing if it is there already.
    pub fn install(&self, slot: &mut Option<F>, replacement: F) {
        let found = slot.map_or(std::ptr::null_mut(), address);
        if found != address(replacement) {
            self.original.store(found, Ordering::Release);
            *slot = Some(replacement);
        }
    }

    /// Restores the original, unless other code has replaced `replacement` meanwhile: that code still calls it, and
    /// it still needs the original.
    pub fn remove(&self, slot: &mut Option<F>, replacement: F) {
        if slot.map(address) == Some(address(replacement)) {
            *slot = self.original();
            self.original.store(std::ptr::null_mut(), Ordering::Release);
        }
    }

    /// The original; `None` if the hook is not installed, or there was no function.
    #[must_use]
    pub fn original(&self) -> Option<F> {
        let original = self.original.load(Ordering::Acquire);
        // SAFETY: only `install` stores here, and only a function pointer of type `F`.
        (!original.is_null()).then(|| unsafe { std::mem::transmute_copy::<*mut (), F>(&original) })
    }
}

fn address<F: Copy>(function: F) -> *mut () {
    // SAFETY: `Hook::new` has checked that `F` is of a pointer's size.
    unsafe { std::mem::transmute_copy::<F, *mut ()>(&function) }
}

/// An internal function of PHP's with a handler that is replaced.
pub struct FunctionHook {
    /// In lower case.
    name: &'static CStr,
    replacement: Handler,
    handler: Hook<Handler>,
    /// From [`FunctionHook::install`] to [`FunctionHook::remove`].
    function: AtomicPtr<zend_internal_function>,
}

impl FunctionHook {
    /// A hook of the function `name` (in lower case) that is not installed.
    #[must_use]
    pub const fn new(name: &'static CStr, replacement: Handler) -> Self {
        Self {
            name,
            replacement,
            handler: Hook::new(),
            function: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Replaces the handler; `false` if PHP has no such function. In MINIT.
    pub fn install(&self) -> bool {
        let Some(function) = function_table::find_internal(self.name) else {
            return false;
        };
        // SAFETY: MINIT: no other PHP thread runs, and the function lives until its module's MSHUTDOWN.
        let slot = unsafe { &mut (*function).handler };
        if slot.is_none() {
            return false;
        }
        self.handler.install(slot, self.replacement);
        self.function.store(function, Ordering::Release);
        true
    }

    /// Restores the handler; `false` if the hook was not installed. In MSHUTDOWN. Needed only where PHP code may
    /// call the function afterwards, and only for functions of modules that end later.
    pub fn remove(&self) -> bool {
        let function = self.function.swap(std::ptr::null_mut(), Ordering::AcqRel);
        if function.is_null() {
            return false;
        }
        // SAFETY: MSHUTDOWN: no PHP code runs on any thread; the function's module is still there.
        self.handler
            .remove(unsafe { &mut (*function).handler }, self.replacement);
        true
    }

    /// Calls the original handler.
    ///
    /// # Safety
    /// With the pointers that the engine gave to the replacement.
    pub unsafe fn call_original(&self, frame: *mut zend_execute_data, ret: *mut zval) {
        if let Some(original) = self.handler.original() {
            // SAFETY: by the contract.
            unsafe { original(frame, ret) };
        }
    }
}
