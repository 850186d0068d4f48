//! Visits the contents of objects: their properties as they lie in memory, so that nothing is initialised and no
//! property hook runs, and values that only the class knows (closures, containers, lazy proxies) through `get_gc`,
//! the function by which PHP's own collector asks for them.

use std::ffi::c_int;

use ext_php_rs::ffi::{HashTable, IS_INDIRECT, std_object_handlers, zend_object, zval};
use pillion_engine::worker::leaks::{LeakKind, Subject, ValueShape, ValueSize};

use super::{HeapWalk, ReachedObject, measure::Totals};
use crate::zend::{
    hash_table,
    value::{is_refcounted, type_of},
};

/// Marks the slot of a property that is not declared; the other bits are of its name's hash.
pub const DYNAMIC: u64 = 1 << 31;
/// The slot of the values that `get_gc` returns.
pub const HELD: u64 = u32::MAX as u64;

impl HeapWalk {
    /// # Safety
    /// An object of this walk, which is alive.
    pub(super) unsafe fn visit_object(&mut self, reached: ReachedObject) {
        // SAFETY: by the contract; a live object's class and handlers are alive.
        unsafe {
            let object = reached.object;
            let class = (*object).ce;
            let count = self.count_reached(class);
            let (is_coroutine, is_closure) = (count.is_coroutine, count.is_closure);
            let handlers = &*(*object).handlers;
            if is_lazy(object) {
                self.visit_held(object, false);
                return;
            }
            let properties = (&raw const (*object).properties_table).cast::<zval>();
            for slot in 0..(*class).default_properties_count.max(0) as u64 {
                let property = properties.add(slot as usize);
                // Numbers, and values of compiled code, can't grow.
                if is_refcounted(property) {
                    self.visit(property_of(object, slot), property);
                }
            }
            let has_plain_properties = handlers.get_properties.map(|it| it as usize)
                == std_object_handlers.get_properties.map(|it| it as usize);
            if has_plain_properties && !(*object).properties.is_null() {
                self.visit_named(object, (*object).properties);
            }
            let has_own_get_gc = handlers.get_gc.map(|it| it as usize)
                != std_object_handlers.get_gc.map(|it| it as usize);
            if has_own_get_gc && !is_coroutine {
                self.visit_held(object, is_closure);
            }
        }
    }

    /// Properties that are not declared, and captured variables.
    unsafe fn visit_named(&mut self, object: *mut zend_object, properties: *const HashTable) {
        // SAFETY: by the caller's contract; declared properties are indirect here, and were visited.
        unsafe {
            for element in hash_table::elements(properties) {
                if type_of(&*element.value) != IS_INDIRECT {
                    let slot = DYNAMIC | (element.hash & (DYNAMIC - 1));
                    self.visit(property_of(object, slot), element.value);
                }
            }
        }
    }

    /// The values that the class returns to the collector. A closure's size is that of its variables.
    unsafe fn visit_held(&mut self, object: *mut zend_object, is_closure: bool) {
        let (mut values, mut count): (*mut zval, c_int) = (std::ptr::null_mut(), 0);
        // SAFETY: called as the collector calls it, which may do so at any time. The values are valid until the next
        // such call, and none is made meanwhile.
        unsafe {
            let Some(get_gc) = (*(*object).handlers).get_gc else {
                return;
            };
            let properties = get_gc(object, &raw mut values, &raw mut count);
            if properties != (*object).properties {
                self.visit_named(object, properties);
            }
            let subject = property_of(object, HELD);
            self.start_subject(subject);
            let count = count.max(0) as u64;
            let mut totals = Totals::default();
            for index in 0..count as usize {
                if !self.spend() {
                    return;
                }
                totals.add(self.measure(values.add(index), 0));
            }
            if count > 0 && !is_closure {
                let inner = totals.array_size(count);
                self.detector.record_size(
                    subject,
                    ValueSize {
                        shape: ValueShape::Array,
                        elements: inner.elements + count,
                        bytes: inner.bytes + count * size_of::<zval>() as u64,
                        ..inner
                    },
                );
            }
        }
    }
}

fn property_of(object: *mut zend_object, slot: u64) -> Subject {
    // SAFETY: a live object.
    let handle = unsafe { (*object).handle };
    Subject {
        kind: LeakKind::Property,
        owner: object.addr() as u64,
        slot: u64::from(handle) << 32 | slot,
    }
}

/// `IS_OBJ_LAZY_UNINITIALIZED | IS_OBJ_LAZY_PROXY`: its properties are not initialised, or another object's.
#[cfg(php84)]
unsafe fn is_lazy(object: *const zend_object) -> bool {
    const LAZY: u32 = (1 << 31) | (1 << 30);
    // SAFETY: a live object.
    unsafe { (*object).extra_flags & LAZY != 0 }
}

#[cfg(not(php84))]
unsafe fn is_lazy(_: *const zend_object) -> bool {
    false
}
