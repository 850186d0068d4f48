//! Names for variables: `App\Cart::$items`, `static $cache in App\load()`, `$total in App\handle()`. Used right after
//! the walk.

use ext_php_rs::ffi::{
    HashTable, ext_php_rs_executor_globals, zend_class_entry, zend_execute_data, zend_function,
    zend_property_info,
};
use pillion_engine::worker::leaks::Subject;

use super::{
    describe::{
        Named, bare_property_name, class_location, class_name, function_location, function_name,
    },
    frames::THIS,
};
use crate::zend::{function_table::is_user, hash_table, map_ptr, value::zend_text};

/// # Safety
/// A static property of the last walk, right after it; so below.
pub unsafe fn static_property(subject: Subject) -> Named {
    /// `ZEND_ACC_STATIC`
    const STATIC: u32 = 1 << 4;
    let class = std::ptr::with_exposed_provenance::<zend_class_entry>(subject.owner as usize);
    // SAFETY: a class that the walk has visited; the table holds declarations.
    let declared = unsafe {
        hash_table::elements(&raw const (*class).properties_info)
            .map(|element| &*element.pointer::<zend_property_info>())
            .filter(|info| info.flags & STATIC != 0 && u64::from(info.offset) == subject.slot)
            .last()
    };
    // SAFETY: the declaration's name lives as long as the class.
    let name = declared.map(|info| bare_property_name(&unsafe { zend_text(info.name) }));
    Named {
        location: class_location(subject.owner),
        ..Named::new(format!(
            "{}::${}",
            class_name(subject.owner),
            name.unwrap_or_default()
        ))
    }
}

/// # Safety
/// A static variable of the last walk.
pub unsafe fn static_variable(subject: Subject) -> Named {
    let function = std::ptr::with_exposed_provenance::<zend_function>(subject.owner as usize);
    // SAFETY: a function that the walk has visited.
    unsafe {
        let variables = map_ptr::get((*function).op_array.static_variables_ptr__ptr);
        Named {
            location: function_location(&*function),
            ..Named::new(format!(
                "static ${} in {}",
                name_by_hash(variables, |hash| hash == subject.slot),
                function_name(&*function)
            ))
        }
    }
}

/// A global, or a variable of a running function.
///
/// # Safety
/// Such a variable of the last walk.
pub unsafe fn variable(subject: Subject) -> Named {
    /// The bits of a function's address in the subject of a frame's variable.
    const ADDRESS: u64 = (1 << 48) - 1;
    // SAFETY: this thread's globals and frames.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        if subject.owner == 0 {
            let table = &raw const (*globals).symbol_table;
            let name = name_by_hash(table, |hash| hash == subject.slot);
            return Named::new(format!("${name}"));
        }
        let mut frame: *mut zend_execute_data = (*globals).current_execute_data;
        while let Some(current) = frame.as_ref() {
            frame = current.prev_execute_data;
            let Some(function) = current.func.as_ref() else {
                continue;
            };
            let address = std::ptr::from_ref(function).addr() as u64;
            if subject.owner & ADDRESS != address & ADDRESS {
                continue;
            }
            let name = match subject.slot {
                THIS => "$this".to_owned(),
                slot if slot > THIS => format!("argument {}", slot - THIS),
                slot if is_user(function) => {
                    format!("${}", zend_text(*function.op_array.vars.add(slot as usize)))
                }
                _ => continue,
            };
            return Named {
                location: function_location(function),
                ..Named::new(format!("{name} in {}", function_name(function)))
            };
        }
    }
    Named::default()
}

/// The key of the first element that `is_wanted` accepts by its hash.
///
/// # Safety
/// Null, or a live table.
pub unsafe fn name_by_hash(table: *const HashTable, is_wanted: impl Fn(u64) -> bool) -> String {
    // SAFETY: by the callers' contract: null, or a live table.
    unsafe {
        let found = hash_table::elements(table).find(|element| is_wanted(element.hash));
        found.map_or_else(String::new, |element| match element.name.is_null() {
            true => element.hash.to_string(),
            false => zend_text(element.name),
        })
    }
}
