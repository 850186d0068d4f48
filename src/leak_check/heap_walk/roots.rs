//! Where the walk begins: what lives for as long as the script, by name.

use std::hash::{DefaultHasher, Hash, Hasher};

use ext_php_rs::ffi::{
    IS_INDIRECT, IS_OBJECT, IS_PTR, IS_REFERENCE, IS_UNDEF, ZEND_USER_FUNCTION, zend_class_entry,
    zend_execute_data, zend_executor_globals, zend_function, zend_ini_entry, zval,
};
use pillion_engine::worker::leaks::{AddressMap, LeakKind, Subject, ValueSize};

use super::{Walk, value::MOST_OF_ONE};
use crate::zend::{
    ffi, table,
    value::{type_of, zend_str},
};

/// Filled anew for each request by PHP or by the runtime.
const REQUESTS_OWN: &[&[u8]] = &[
    b"_GET",
    b"_POST",
    b"_COOKIE",
    b"_FILES",
    b"_SERVER",
    b"_ENV",
    b"_REQUEST",
    b"_SESSION",
    b"argv",
    b"argc",
    b"GLOBALS",
];
/// Of a frame's variables: `$this`, and arguments of internal functions.
pub const THIS: u64 = 1 << 20;

impl Walk {
    /// # Safety
    /// This thread's globals, in a script; so below.
    pub(super) unsafe fn look_at_roots(&mut self, globals: &zend_executor_globals) {
        let mut roots = std::mem::take(&mut self.roots);
        // SAFETY: the thread's live tables and values.
        unsafe {
            roots.renew(globals);
            for class in &roots.classes {
                self.statics(&**class);
            }
            for function in &roots.functions {
                self.static_variables(*function);
            }
            self.roots = roots;
            table::each(&raw const globals.symbol_table, |hash, name, value| {
                self.global(hash, zend_str(name).unwrap_or_default(), value);
            });
            self.frames(globals.current_execute_data);
            self.handlers(globals);
            self.settings(globals);
            self.resources(globals);
        }
    }

    unsafe fn statics(&mut self, class: &zend_class_entry) {
        // SAFETY: a live class of the table.
        unsafe {
            let members = table::mapped(class.static_members_table__ptr);
            if members.is_null() {
                return;
            }
            for slot in 0..class.default_static_members_count as usize {
                let member = members.add(slot);
                // That of a parent is looked at there.
                if type_of(&*member) != IS_INDIRECT {
                    let key = Subject {
                        kind: LeakKind::StaticProperty,
                        owner: std::ptr::from_ref(class).addr() as u64,
                        slot: slot as u64,
                    };
                    self.thing(key, member);
                }
            }
        }
    }

    unsafe fn static_variables(&mut self, function: *mut zend_function) {
        // SAFETY: a live function, whose variables are where the compiler has put them.
        unsafe {
            let variables = table::mapped((*function).op_array.static_variables_ptr__ptr);
            table::each(variables, |hash, _, value| {
                let key = Subject {
                    kind: LeakKind::StaticVariable,
                    owner: function.addr() as u64,
                    slot: hash,
                };
                self.thing(key, value);
            });
        }
    }

    /// Handlers pile up where each request sets one; shutdown functions and constants too.
    unsafe fn handlers(&mut self, globals: &zend_executor_globals) {
        let piles = [
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
        for (kind, handler, below) in piles {
            let is_set = u64::from(type_of(handler) != IS_UNDEF);
            let count = below.top.max(0) as u64 + is_set;
            self.held_by(Subject::single(kind), handler);
            for place in 0..below.top.max(0) as usize {
                // SAFETY: a stack is an array of so many elements.
                let handler = unsafe { &*below.elements.cast::<zval>().add(place) };
                self.held_by(Subject::single(kind), handler);
            }
            self.detector
                .record_size(Subject::single(kind), ValueSize::number(count));
        }
        let mut functions = 0;
        // SAFETY: the thread's live tables.
        let (constants, _) = unsafe {
            if let Some(registered) = ffi::shutdown_functions() {
                table::each(registered, |_, _, entry| {
                    functions += u64::from(!is_ours(entry));
                    if type_of(&*entry) == IS_PTR {
                        let entry = (*entry).value.ptr.cast::<ffi::ShutdownFunction>();
                        self.held_by(
                            Subject::single(LeakKind::ShutdownFunction),
                            &(*entry).call.function_name,
                        );
                    }
                });
            }
            table::sizes(globals.zend_constants)
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

    /// A callable: a closure, a method's object in an array, or a name.
    fn held_by(&mut self, key: Subject, callable: &zval) {
        (self.at, self.left_of_one) = (Some(key), MOST_OF_ONE);
        // SAFETY: a live value of the executor's.
        unsafe { self.part(callable, 0) };
    }

    unsafe fn settings(&mut self, globals: &zend_executor_globals) {
        // SAFETY: entries live as long as their module.
        unsafe {
            table::each(globals.modified_ini_directives, |_, _, entry| {
                let entry = (*entry).value.ptr.cast::<zend_ini_entry>();
                let text = zend_str((*entry).value).unwrap_or_default();
                // It was changed and put back, as `@` does it.
                if zend_str((*entry).orig_value) == Some(text) {
                    return;
                }
                let key = Subject {
                    kind: LeakKind::Ini,
                    owner: entry.addr() as u64,
                    slot: 0,
                };
                self.detector.record_setting(key, hash(text));
            });
        }
    }

    /// How many of each kind are open.
    unsafe fn resources(&mut self, globals: &zend_executor_globals) {
        let mut open: AddressMap<i32, u64> = AddressMap::default();
        // SAFETY: the thread's live table.
        unsafe {
            table::each(&raw const globals.regular_list, |_, _, resource| {
                let resource = (*resource).value.res;
                if (*resource).type_ >= 0 {
                    *open.entry((*resource).type_).or_default() += 1;
                }
            });
        }
        for (kind, count) in open {
            let key = Subject {
                kind: LeakKind::Resource,
                owner: kind.unsigned_abs().into(),
                slot: 0,
            };
            self.detector.record_size(key, ValueSize::number(count));
        }
    }

    unsafe fn global(&mut self, hash: u64, name: &[u8], value: *const zval) {
        if REQUESTS_OWN.contains(&name) {
            return;
        }
        // SAFETY: by the callers' contract.
        unsafe {
            let mut kind = LeakKind::Global;
            if type_of(&*value) == IS_INDIRECT {
                let own = (*value).value.zv;
                // A variable of the main script, which no reference leads to.
                if type_of(&*own) != IS_REFERENCE {
                    kind = LeakKind::Local;
                }
            }
            if type_of(&*table::behind(value)) == IS_UNDEF {
                return;
            }
            let key = Subject {
                kind,
                owner: 0,
                slot: hash,
            };
            self.thing(key, value);
        }
    }

    /// What the functions hold that are being run: the loop, and its callers.
    unsafe fn frames(&mut self, mut frame: *mut zend_execute_data) {
        let mut frames = Vec::new();
        // SAFETY: the thread's live frames, each with its function or none.
        unsafe {
            while !frame.is_null() && frames.len() < 256 {
                frames.push(frame);
                frame = (*frame).prev_execute_data;
            }
            for (depth, frame) in frames.iter().rev().enumerate() {
                let Some(function) = (**frame).func.as_ref() else {
                    continue;
                };
                let owner = (depth as u64 + 1) << 48 ^ std::ptr::from_ref(function).addr() as u64;
                let key = |slot| Subject {
                    kind: LeakKind::Local,
                    owner,
                    slot,
                };
                if type_of(&(**frame).This) == IS_OBJECT {
                    self.thing(key(THIS), &raw const (**frame).This);
                }
                let is_user = u32::from(function.type_) == ZEND_USER_FUNCTION;
                // The variables of a script's own code are the globals.
                let (count, base) = match is_user {
                    true if function.common.function_name.is_null() => (0, 0),
                    true => (function.op_array.last_var.max(0) as u64, 0),
                    false => (u64::from((**frame).This.u2.num_args), THIS + 1),
                };
                for slot in 0..count {
                    let value = variable(*frame, slot as usize);
                    if type_of(&*value) != IS_UNDEF {
                        self.thing(key(base + slot), value);
                    }
                }
            }
        }
    }
}

/// A variable of a frame.
pub fn variable(frame: *const zend_execute_data, slot: usize) -> *const zval {
    const FRAME: usize = size_of::<zend_execute_data>().div_ceil(size_of::<zval>());
    frame.cast::<zval>().wrapping_add(FRAME + slot)
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Whether a shutdown function is the one that Pillion has registered for itself.
///
/// # Safety
/// An entry of the table of shutdown functions.
pub unsafe fn is_ours(entry: *const zval) -> bool {
    // SAFETY: by the contract; the cache is filled when the function is registered.
    unsafe {
        if type_of(&*entry) != IS_PTR {
            return false;
        }
        let entry = (*entry).value.ptr.cast::<ffi::ShutdownFunction>();
        let Some(function) = (*entry).cache.function_handler.as_ref() else {
            return false;
        };
        u32::from(function.type_) != ZEND_USER_FUNCTION
            && zend_str(function.common.function_name)
                .is_some_and(|name| name.starts_with(b"Pillion\\"))
    }
}
