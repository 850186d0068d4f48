//! Where the walk begins: what lives for as long as the script, by name.

use ext_php_rs::ffi::{
    HashTable, IS_INDIRECT, IS_OBJECT, IS_PTR, IS_REFERENCE, IS_UNDEF, ZEND_USER_FUNCTION,
    zend_class_entry, zend_execute_data, zend_executor_globals, zend_function, zend_ini_entry,
    zend_resource, zval,
};
use pillion_engine::worker::leaks::{Key, Kind, Print, print::mix};

use super::{Walk, value};
use crate::zend::{
    raw, table,
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

impl Walk<'_> {
    /// # Safety
    /// This thread's globals, in a script; so below.
    pub(super) unsafe fn roots(&mut self, globals: &zend_executor_globals) {
        // SAFETY: the thread's live tables and values.
        unsafe {
            table::each(globals.class_table, |_, name, class| {
                // A name that begins so stands for a class that is declared later, if at all.
                if zend_str(name).is_some_and(|name| name.first() != Some(&0)) {
                    self.class(&*(*class).value.ce);
                }
            });
            self.functions(globals.function_table, std::ptr::null_mut());
            table::each(&raw const globals.symbol_table, |hash, name, value| {
                self.global(hash, zend_str(name).unwrap_or_default(), value);
            });
            self.frames(globals.current_execute_data);
            self.thing(
                Key::only(Kind::ErrorHandler),
                &raw const globals.user_error_handler,
            );
            self.thing(
                Key::only(Kind::ExceptionHandler),
                &raw const globals.user_exception_handler,
            );
            table::each(globals.modified_ini_directives, |_, _, entry| {
                let entry = (*entry).value.ptr.cast::<zend_ini_entry>();
                let text = zend_str((*entry).value).unwrap_or_default();
                // It was changed and put back, as `@` does it.
                if zend_str((*entry).orig_value) == Some(text) {
                    return;
                }
                let print = Print {
                    hash: mix(1, pillion_engine::worker::leaks::print::hash_text(text)),
                    ..Print::default()
                };
                let key = Key {
                    kind: Kind::Ini,
                    of: entry.addr() as u64,
                    slot: 0,
                };
                self.insert(key, print);
            });
            table::each(&raw const globals.regular_list, |_, _, resource| {
                let resource = (*resource).value.res;
                if (*resource).type_ >= 0 {
                    let held = &mut self.picture.resources;
                    held.insert((*resource).handle.cast_unsigned(), what(resource));
                }
            });
        }
    }

    unsafe fn class(&mut self, class: &zend_class_entry) {
        let address = std::ptr::from_ref(class).addr() as u64;
        // SAFETY: a live class of the table.
        unsafe {
            if class.default_static_members_count > 0 {
                let members = table::mapped(class.static_members_table__ptr);
                if !members.is_null() {
                    for slot in 0..class.default_static_members_count as usize {
                        let member = members.add(slot);
                        // That of a parent is looked at there.
                        if type_of(&*member) != IS_INDIRECT {
                            let key = Key {
                                kind: Kind::StaticProperty,
                                of: address,
                                slot: slot as u64,
                            };
                            self.thing(key, member);
                        }
                    }
                }
            }
            if u32::from(class.type_.cast_unsigned()) == ZEND_USER_FUNCTION {
                let scope = std::ptr::from_ref(class).cast_mut();
                self.functions(&raw const class.function_table, scope);
            }
        }
    }

    /// Static variables of functions, and of a class's own methods.
    unsafe fn functions(&mut self, functions: *const HashTable, scope: *mut zend_class_entry) {
        // SAFETY: tables of functions hold functions.
        unsafe {
            table::each(functions, |_, _, function| {
                let function: *mut zend_function = (*function).value.func;
                if u32::from((*function).type_) != ZEND_USER_FUNCTION {
                    return;
                }
                let code = &(*function).op_array;
                if code.static_variables.is_null() || code.scope != scope {
                    return;
                }
                let variables = table::mapped(code.static_variables_ptr__ptr);
                table::each(variables, |hash, _, value| {
                    let key = Key {
                        kind: Kind::StaticVariable,
                        of: function.addr() as u64,
                        slot: hash,
                    };
                    self.thing(key, value);
                });
            });
        }
    }

    unsafe fn global(&mut self, hash: u64, name: &[u8], value: *const zval) {
        if REQUESTS_OWN.contains(&name) {
            return;
        }
        // SAFETY: by the callers' contract.
        unsafe {
            let mut kind = Kind::Global;
            if type_of(&*value) == IS_INDIRECT {
                let own = (*value).value.zv;
                // A variable of the main script, which nobody else has asked for.
                if type_of(&*own) != IS_REFERENCE {
                    kind = Kind::Local;
                }
            }
            if type_of(&*table::behind(value)) == IS_UNDEF {
                return;
            }
            let key = Key {
                kind,
                of: 0,
                slot: hash,
            };
            self.thing(key, value);
        }
    }

    /// What the functions hold that are being run: the loop, and whoever has called it.
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
                let of = (depth as u64 + 1) << 48 ^ std::ptr::from_ref(function).addr() as u64;
                let key = |slot| Key {
                    kind: Kind::Local,
                    of,
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
        // What is held by frames is the loop's, whatever it is called.
        self.left_of_one = value::MOST_OF_ONE;
    }
}

/// A variable of a frame.
pub fn variable(frame: *const zend_execute_data, slot: usize) -> *const zval {
    const FRAME: usize = size_of::<zend_execute_data>().div_ceil(size_of::<zval>());
    frame.cast::<zval>().wrapping_add(FRAME + slot)
}

/// What kind of resource it is: two of a kind have the same.
unsafe fn what(resource: *const zend_resource) -> u64 {
    // SAFETY: a live resource.
    unsafe { (*resource).type_ as u64 + 1 }
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
        let entry = (*entry).value.ptr.cast::<raw::ShutdownFunction>();
        let Some(function) = (*entry).cache.function_handler.as_ref() else {
            return false;
        };
        u32::from(function.type_) != ZEND_USER_FUNCTION
            && zend_str(function.common.function_name)
                .is_some_and(|name| name.starts_with(b"Pillion\\"))
    }
}
