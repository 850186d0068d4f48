//! Classes and functions with static variables, remembered from check to check: visiting all methods of an
//! application costs more than the rest of a walk.

use ext_php_rs::ffi::{
    HashTable, ZEND_USER_FUNCTION, zend_class_entry, zend_executor_globals, zend_function,
    zend_string,
};

use crate::zend::{function_table::is_user, hash_table, value::zend_str};

/// The classes and functions that have static variables.
#[derive(Default)]
pub struct StaticOwners {
    /// Elements and used positions of the tables of classes and of functions, when they were read.
    sizes: [(u32, u32); 2],
    /// Positions of classes that are declared later, if at all.
    undeclared: Vec<u32>,
    /// Classes with static properties.
    pub classes: Vec<*const zend_class_entry>,
    /// Functions with static variables.
    pub functions: Vec<*mut zend_function>,
}

impl StaticOwners {
    /// Reads the tables again if they have changed.
    ///
    /// # Safety
    /// This thread's globals, in a script; so below.
    pub unsafe fn update(&mut self, globals: &zend_executor_globals) {
        // SAFETY: the thread's live tables.
        unsafe {
            let classes = globals.class_table.cast_const();
            let sizes = [
                hash_table::sizes(classes),
                hash_table::sizes(globals.function_table),
            ];
            let is_declared =
                |position: &u32| !is_undeclared(hash_table::name_at(classes, *position));
            if self.sizes == sizes && !self.undeclared.iter().any(is_declared) {
                return;
            }
            *self = Self {
                sizes,
                ..Self::default()
            };
            for position in 0..hash_table::sizes(classes).1 {
                if is_undeclared(hash_table::name_at(classes, position)) {
                    self.undeclared.push(position);
                }
            }
            for element in hash_table::elements(classes) {
                if !is_undeclared(element.name) {
                    self.add_class(&*(*element.value).value.ce);
                }
            }
            self.add_functions(globals.function_table, std::ptr::null_mut());
        }
    }

    unsafe fn add_class(&mut self, class: &zend_class_entry) {
        if class.default_static_members_count > 0 {
            self.classes.push(class);
        }
        if u32::from(class.type_.cast_unsigned()) == ZEND_USER_FUNCTION {
            let scope = std::ptr::from_ref(class).cast_mut();
            // SAFETY: a live class of the table.
            unsafe { self.add_functions(&raw const class.function_table, scope) };
        }
    }

    /// Adds the functions with static variables: a class's own, not those of its parents.
    unsafe fn add_functions(&mut self, functions: *const HashTable, scope: *mut zend_class_entry) {
        // SAFETY: tables of functions hold functions.
        unsafe {
            for element in hash_table::elements(functions) {
                let function: *mut zend_function = (*element.value).value.func;
                if !is_user(&*function) {
                    continue;
                }
                let code = &(*function).op_array;
                if !code.static_variables.is_null() && code.scope == scope {
                    self.functions.push(function);
                }
            }
        }
    }
}

/// Whether the name stands for a class that is declared later: it begins with a zero byte.
unsafe fn is_undeclared(name: *const zend_string) -> bool {
    // SAFETY: null, or a live string.
    unsafe { zend_str(name) }.is_some_and(|name| name.first() == Some(&0))
}
