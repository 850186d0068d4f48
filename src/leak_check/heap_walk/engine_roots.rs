//! State of the engine that is no variable and lives as long as the script: error handlers, shutdown functions,
//! constants, settings, resources.

use ext_php_rs::ffi::{IS_PTR, IS_UNDEF, zend_executor_globals, zend_ini_entry, zval};
use pillion_engine::worker::leaks::{AddressMap, LeakKind, Subject, ValueSize};

use super::HeapWalk;
use crate::zend::{
    ffi, function_table, hash_table,
    value::{hash, type_of, zend_str},
};

impl HeapWalk {
    /// Handlers, shutdown functions and constants, which pile up if each request adds one.
    ///
    /// # Safety
    /// This thread's globals, in a script; so below.
    pub(super) unsafe fn visit_handlers(&mut self, globals: &zend_executor_globals) {
        let stacks = [
            (
                LeakKind::ErrorHandler,
                &globals.user_error_handler,
                &globals.user_error_handlers,
            ),
            (
                LeakKind::ExceptionHandler,
                &globals.user_exception_handler,
                &globals.user_exception_handlers,
            ),
        ];
        for (kind, active, earlier) in stacks {
            let subject = Subject::single(kind);
            self.visit_callable(subject, active);
            for index in 0..earlier.top.max(0) as usize {
                // SAFETY: a stack is an array of `top` elements.
                let handler = unsafe { &*earlier.elements.cast::<zval>().add(index) };
                self.visit_callable(subject, handler);
            }
            let is_set = u64::from(type_of(active) != IS_UNDEF);
            let count = earlier.top.max(0) as u64 + is_set;
            self.detector.record_size(subject, ValueSize::number(count));
        }
        // SAFETY: the thread's live tables.
        let (functions, (constants, _)) = unsafe {
            (
                self.visit_shutdown_functions(),
                hash_table::sizes(globals.zend_constants),
            )
        };
        self.detector.record_size(
            Subject::single(LeakKind::ShutdownFunction),
            ValueSize::number(functions),
        );
        self.detector.record_size(
            Subject::single(LeakKind::Constant),
            ValueSize::number(constants.into()),
        );
    }

    /// Returns how many there are, without ours.
    unsafe fn visit_shutdown_functions(&mut self) -> u64 {
        let mut count = 0;
        // SAFETY: by the caller's contract; entries are as PHP has registered them.
        unsafe {
            let registered = ffi::shutdown_functions().unwrap_or(std::ptr::null());
            for element in hash_table::elements(registered) {
                count += u64::from(!is_own_shutdown_function(element.value));
                if type_of(&*element.value) == IS_PTR {
                    let entry = element.pointer::<ffi::ShutdownFunction>();
                    self.visit_callable(
                        Subject::single(LeakKind::ShutdownFunction),
                        &(*entry).call.function_name,
                    );
                }
            }
        }
        count
    }

    /// A callable: a closure, a method's object in an array, or a name.
    fn visit_callable(&mut self, subject: Subject, callable: &zval) {
        self.start_subject(subject);
        // SAFETY: a live value of the executor's.
        unsafe { self.measure(callable, 0) };
    }

    pub(super) unsafe fn visit_settings(&mut self, globals: &zend_executor_globals) {
        // SAFETY: entries live as long as their module.
        unsafe {
            for element in hash_table::elements(globals.modified_ini_directives) {
                let entry = element.pointer::<zend_ini_entry>();
                let text = zend_str((*entry).value).unwrap_or_default();
                // Changed and restored, as `@` does it.
                if zend_str((*entry).orig_value) == Some(text) {
                    continue;
                }
                let subject = Subject {
                    kind: LeakKind::Ini,
                    owner: entry.addr() as u64,
                    slot: 0,
                };
                self.detector.record_setting(subject, hash(text));
            }
        }
    }

    /// Records how many resources of each type are open.
    pub(super) unsafe fn visit_resources(&mut self, globals: &zend_executor_globals) {
        let mut open: AddressMap<i32, u64> = AddressMap::default();
        // SAFETY: the thread's live table.
        unsafe {
            for element in hash_table::elements(&raw const globals.regular_list) {
                let resource = (*element.value).value.res;
                if (*resource).type_ >= 0 {
                    *open.entry((*resource).type_).or_default() += 1;
                }
            }
        }
        for (resource_type, count) in open {
            let subject = Subject {
                kind: LeakKind::Resource,
                owner: resource_type.unsigned_abs().into(),
                slot: 0,
            };
            self.detector.record_size(subject, ValueSize::number(count));
        }
    }
}

/// Whether a shutdown function is one that Pillion has registered for itself.
///
/// # Safety
/// An entry of the table of shutdown functions.
pub unsafe fn is_own_shutdown_function(entry: *const zval) -> bool {
    // SAFETY: by the contract; the cache is filled when the function is registered.
    unsafe {
        if type_of(&*entry) != IS_PTR {
            return false;
        }
        let entry = (*entry).value.ptr.cast::<ffi::ShutdownFunction>();
        let Some(function) = (*entry).cache.function_handler.as_ref() else {
            return false;
        };
        !function_table::is_user(function)
            && zend_str(function.common.function_name)
                .is_some_and(|name| name.starts_with(b"Pillion\\"))
    }
}
