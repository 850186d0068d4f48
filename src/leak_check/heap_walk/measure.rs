//! The size of one value: of an array with all arrays inside. Objects are queued, and measured by themselves.

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_INDIRECT, IS_OBJECT, IS_REFERENCE, IS_STRING, zend_object, zval,
};
use pillion_engine::worker::leaks::{Subject, ValueShape, ValueSize};

use super::{HeapWalk, ReachedObject};
use crate::zend::{
    hash_table,
    value::{is_refcounted, type_of, zend_str},
};

/// Elements of one subject that are visited; of the rest only the number is known.
const MAX_ELEMENTS: u64 = 65_536;
/// Nested arrays that are entered.
const MAX_DEPTH: u32 = 64;

/// The contents of a value, arrays inside included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    elements: u64,
    text: u64,
    bytes: u64,
}

impl Totals {
    /// As the size of an array of `count` elements.
    pub const fn array_size(self, count: u64) -> ValueSize {
        ValueSize {
            shape: ValueShape::Array,
            count,
            elements: self.elements,
            text: self.text,
            bytes: self.bytes,
        }
    }

    pub const fn add(&mut self, other: Self) {
        self.elements += other.elements;
        self.text += other.text;
        self.bytes += other.bytes;
    }
}

/// Bytes of the request's memory that a string takes.
const fn string_bytes(length: u64) -> u64 {
    (length + 32) & !7
}

impl HeapWalk {
    /// Measures one subject, unless the walk's budget is used up.
    ///
    /// # Safety
    /// `value` is alive, as it lies in its table or object; so below.
    #[inline]
    pub(super) unsafe fn visit(&mut self, subject: Subject, value: *const zval) {
        // SAFETY: by the contract; the type selects the field of the union.
        unsafe {
            let value = hash_table::follow(value);
            match type_of(&*value) {
                IS_OBJECT => {
                    self.subject = Some(subject);
                    self.queue_object((*value).value.obj);
                }
                IS_STRING if is_refcounted(value) && self.spend() => {
                    let text = zend_str((*value).value.str_).unwrap_or_default();
                    let bytes = string_bytes(text.len() as u64);
                    self.detector.record_text(subject, text, bytes);
                }
                IS_ARRAY if is_refcounted(value) && self.spend() => {
                    let array = (*value).value.arr;
                    let count = (*array).nNumOfElements;
                    if count > 0 {
                        self.start_subject(subject);
                        let totals = self.measure_array(array, 0);
                        self.detector
                            .record_size(subject, totals.array_size(count.into()));
                    }
                }
                _ => {}
            }
        }
    }

    /// The values measured next belong to `subject`.
    pub(super) const fn start_subject(&mut self, subject: Subject) {
        (self.subject, self.elements_left) = (Some(subject), MAX_ELEMENTS);
    }

    /// Measures a value that is a part of the current subject.
    #[inline]
    pub(super) unsafe fn measure(&mut self, value: *const zval, depth: u32) -> Totals {
        // SAFETY: by the contract; the type selects the field of the union.
        unsafe {
            match type_of(&*value) {
                IS_STRING if is_refcounted(value) => {
                    let text = (*(*value).value.str_).len as u64;
                    Totals {
                        elements: 0,
                        text,
                        bytes: string_bytes(text),
                    }
                }
                IS_ARRAY if is_refcounted(value) => self.measure_array((*value).value.arr, depth),
                IS_OBJECT => {
                    self.queue_object((*value).value.obj);
                    Totals::default()
                }
                IS_INDIRECT => self.measure((*value).value.zv, depth),
                IS_REFERENCE => {
                    let reference = (*value).value.ref_;
                    // Its memory counts once, and a reference that holds itself ends here.
                    match self.measured.insert(reference.addr(), Totals::default()) {
                        Some(_) => Totals::default(),
                        None => self.measure(&raw const (*reference).val, depth),
                    }
                }
                _ => Totals::default(),
            }
        }
    }

    /// Measures an array with all arrays inside. The elements of one that has several holders count for each of
    /// them, its memory once.
    unsafe fn measure_array(&mut self, array: *const HashTable, depth: u32) -> Totals {
        // SAFETY: by the contract.
        unsafe {
            let table = &*array;
            let has_many_holders = table.gc.refcount > 1;
            if has_many_holders && let Some(known) = self.measured.get(&array.addr()) {
                return *known;
            }
            let mut totals = Totals {
                elements: table.nNumOfElements.into(),
                text: 0,
                bytes: hash_table::allocated_bytes(table),
            };
            if depth < MAX_DEPTH {
                for element in hash_table::elements(array) {
                    if self.elements_left == 0 || !self.spend() {
                        break;
                    }
                    self.elements_left -= 1;
                    let value = element.value;
                    if is_refcounted(value) || type_of(&*value) == IS_INDIRECT {
                        totals.add(self.measure(value, depth + 1));
                    }
                }
            }
            if has_many_holders {
                self.measured
                    .insert(array.addr(), Totals { bytes: 0, ..totals });
            }
            totals
        }
    }

    /// Queues an object for [`Self::visit_object`], the first time it is reached.
    #[inline]
    pub(super) unsafe fn queue_object(&mut self, object: *mut zend_object) {
        // SAFETY: by the contract.
        let handle = unsafe { (*object).handle };
        let Some(word) = self.reached_handles.get_mut(handle as usize / 64) else {
            return;
        };
        let bit = 1 << (handle % 64);
        if *word & bit == 0
            && let Some(holder) = self.subject
        {
            *word |= bit;
            self.reached.push(ReachedObject {
                object,
                holder,
                parent: self.parent,
            });
        }
    }
}
