//! Where the walk begins: variables that live as long as the script, each known by a name.

use ext_php_rs::ffi::{
    IS_INDIRECT, IS_REFERENCE, IS_UNDEF, zend_class_entry, zend_executor_globals, zend_function,
    zval,
};
use pillion_engine::worker::leaks::{LeakKind, Subject};

use super::HeapWalk;
use crate::zend::{hash_table, map_ptr, value::type_of};

/// Globals that PHP or the runtime fills for each request.
const REQUEST_GLOBALS: &[&[u8]] = &[
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

impl HeapWalk {
    /// # Safety
    /// This thread's globals, in a script; so below.
    pub(super) unsafe fn visit_roots(&mut self, globals: &zend_executor_globals) {
        let mut owners = std::mem::take(&mut self.static_owners);
        // SAFETY: the thread's live tables and values.
        unsafe {
            owners.update(globals);
            for class in &owners.classes {
                self.visit_static_properties(&**class);
            }
            for function in &owners.functions {
                self.visit_static_variables(*function);
            }
            self.static_owners = owners;
            for element in hash_table::elements(&raw const globals.symbol_table) {
                let name = element.name_bytes().unwrap_or_default();
                self.visit_global(element.hash, name, element.value);
            }
            self.visit_frames(globals.current_execute_data);
            self.visit_handlers(globals);
            self.visit_settings(globals);
            self.visit_resources(globals);
        }
    }

    unsafe fn visit_static_properties(&mut self, class: &zend_class_entry) {
        // SAFETY: a live class of the table.
        unsafe {
            let members = map_ptr::get(class.static_members_table__ptr);
            if members.is_null() {
                return;
            }
            for slot in 0..class.default_static_members_count as usize {
                let member = members.add(slot);
                // An indirect one is a parent's, and visited there.
                if type_of(&*member) != IS_INDIRECT {
                    let subject = Subject {
                        kind: LeakKind::StaticProperty,
                        owner: std::ptr::from_ref(class).addr() as u64,
                        slot: slot as u64,
                    };
                    self.visit(subject, member);
                }
            }
        }
    }

    unsafe fn visit_static_variables(&mut self, function: *mut zend_function) {
        // SAFETY: a live function of the table.
        unsafe {
            let variables = map_ptr::get((*function).op_array.static_variables_ptr__ptr);
            for element in hash_table::elements(variables) {
                let subject = Subject {
                    kind: LeakKind::StaticVariable,
                    owner: function.addr() as u64,
                    slot: element.hash,
                };
                self.visit(subject, element.value);
            }
        }
    }

    unsafe fn visit_global(&mut self, hash: u64, name: &[u8], value: *const zval) {
        if REQUEST_GLOBALS.contains(&name) {
            return;
        }
        // SAFETY: by the callers' contract.
        unsafe {
            let mut kind = LeakKind::Global;
            if type_of(&*value) == IS_INDIRECT {
                let variable = (*value).value.zv;
                // A variable of the main script that no reference leads to.
                if type_of(&*variable) != IS_REFERENCE {
                    kind = LeakKind::Local;
                }
            }
            if type_of(&*hash_table::follow(value)) == IS_UNDEF {
                return;
            }
            let subject = Subject {
                kind,
                owner: 0,
                slot: hash,
            };
            self.visit(subject, value);
        }
    }
}
