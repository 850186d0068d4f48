//! Classes and functions with variables of their own, from the tables as they were at the last look: going through all
//! methods of an application costs more than all the rest of a look.

use ext_php_rs::ffi::{
    HashTable, ZEND_USER_FUNCTION, zend_class_entry, zend_executor_globals, zend_function,
    zend_string,
};

use crate::zend::{table, value::zend_str};

/// See the head of the file.
#[derive(Default)]
pub struct Roots {
    /// Elements and used places of the two tables.
    sizes: [(u32, u32); 2],
    /// Places of classes that are declared later, if at all.
    undeclared: Vec<u32>,
    /// Those with static properties.
    pub classes: Vec<*const zend_class_entry>,
    /// Those with static variables.
    pub functions: Vec<*mut zend_function>,
}

impl Roots {
    /// Brings it up to date.
    ///
    /// # Safety
    /// This thread's globals, in a script; so below.
    pub unsafe fn renew(&mut self, globals: &zend_executor_globals) {
        // SAFETY: the thread's live tables.
        unsafe {
            let classes = globals.class_table.cast_const();
            let sizes = [table::sizes(classes), table::sizes(globals.function_table)];
            let is_declared = |place: &u32| !is_undeclared(table::name_at(classes, *place));
            if self.sizes == sizes && !self.undeclared.iter().any(is_declared) {
                return;
            }
            *self = Self {
                sizes,
                ..Self::default()
            };
            for place in 0..table::sizes(classes).1 {
                if is_undeclared(table::name_at(classes, place)) {
                    self.undeclared.push(place);
                }
            }
            table::each(classes, |_, name, class| {
                if !is_undeclared(name) {
                    self.class(&*(*class).value.ce);
                }
            });
            self.add_functions(globals.function_table, std::ptr::null_mut());
        }
    }

    unsafe fn class(&mut self, class: &zend_class_entry) {
        if class.default_static_members_count > 0 {
            self.classes.push(class);
        }
        if u32::from(class.type_.cast_unsigned()) == ZEND_USER_FUNCTION {
            let scope = std::ptr::from_ref(class).cast_mut();
            // SAFETY: a live class of the table.
            unsafe { self.add_functions(&raw const class.function_table, scope) };
        }
    }

    /// Functions with static variables: a class's own, not those of its parents.
    unsafe fn add_functions(&mut self, functions: *const HashTable, scope: *mut zend_class_entry) {
        // SAFETY: tables of functions hold functions.
        unsafe {
            table::each(functions, |_, _, function| {
                let function: *mut zend_function = (*function).value.func;
                if u32::from((*function).type_) != ZEND_USER_FUNCTION {
                    return;
                }
                let code = &(*function).op_array;
                if !code.static_variables.is_null() && code.scope == scope {
                    self.functions.push(function);
                }
            });
        }
    }
}

/// A name that begins so stands for a class that is declared later.
unsafe fn is_undeclared(name: *const zend_string) -> bool {
    // SAFETY: null, or a live string.
    unsafe { zend_str(name) }.is_some_and(|name| name.first() == Some(&0))
}
