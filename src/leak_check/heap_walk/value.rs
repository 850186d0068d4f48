//! The size of one value: of arrays with all arrays inside; objects count as themselves.

use std::ops::ControlFlow;

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_INDIRECT, IS_OBJECT, IS_REFERENCE, IS_STRING, zend_object, zval,
};
use pillion_engine::worker::leaks::{ValueShape, ValueSize};

use super::{Node, Walk};
use crate::zend::{table, value::type_of};

/// Elements that are looked at of one thing; of those beyond, only how many there are.
pub const MOST_OF_ONE: u64 = 65_536;
/// How deep arrays are looked into.
const MOST_DEPTH: u32 = 64;
/// `GC_IMMUTABLE`
const SHARED: u32 = 1 << 6;

/// What an array takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    elements: u64,
    text: u64,
    bytes: u64,
}

impl Part {
    /// As the size of an array.
    pub const fn size(self, count: u64) -> ValueSize {
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

/// Whether a string or an array is counted: others are compiled code's, and never grow.
///
/// # Safety
/// A live value.
#[inline]
pub unsafe fn is_own(value: *const zval) -> bool {
    /// `IS_TYPE_REFCOUNTED` among the flags of the type.
    const COUNTED: u32 = 1 << 8;
    // SAFETY: by the contract.
    unsafe { (*value).u1.type_info & COUNTED != 0 }
}

/// What a text takes of the request's memory.
pub const fn room_of_text(length: u64) -> u64 {
    (length + 32) & !7
}

impl Walk {
    /// # Safety
    /// A live value, as it lies there; so below.
    #[inline]
    pub(super) unsafe fn part(&mut self, value: *const zval, depth: u32) -> Part {
        // SAFETY: by the contract; each type says what the union holds.
        unsafe {
            match type_of(&*value) {
                IS_STRING if is_own(value) => {
                    let text = (*(*value).value.str_).len as u64;
                    Part {
                        elements: 0,
                        text,
                        bytes: room_of_text(text),
                    }
                }
                IS_ARRAY if is_own(value) => self.array((*value).value.arr, depth),
                IS_OBJECT => {
                    self.object((*value).value.obj);
                    Part::default()
                }
                IS_INDIRECT => self.part((*value).value.zv, depth),
                IS_REFERENCE => {
                    let reference = (*value).value.ref_;
                    // Its memory counts once, and one that holds itself finds this.
                    match self.parts.insert(reference.addr(), Part::default()) {
                        Some(_) => Part::default(),
                        None => self.part(&raw const (*reference).val, depth),
                    }
                }
                _ => Part::default(),
            }
        }
    }

    /// An array with all arrays inside. Elements of one that is held many times count for each holder, memory once.
    pub(super) unsafe fn array(&mut self, array: *const HashTable, depth: u32) -> Part {
        // SAFETY: by the contract.
        unsafe {
            let held = &*array;
            let is_many = held.gc.refcount > 1;
            if is_many && let Some(known) = self.parts.get(&array.addr()) {
                return *known;
            }
            let mut whole = Part {
                elements: held.nNumOfElements.into(),
                text: 0,
                bytes: room(held),
            };
            if depth < MOST_DEPTH {
                table::each_from(array, 0, |_, _, value| {
                    if self.left_of_one == 0 || !self.step() {
                        return ControlFlow::Break(());
                    }
                    self.left_of_one -= 1;
                    if is_own(value) || type_of(&*value) == IS_INDIRECT {
                        whole.add(self.part(value, depth + 1));
                    }
                    ControlFlow::Continue(())
                });
            }
            if is_many {
                self.parts.insert(array.addr(), Part { bytes: 0, ..whole });
            }
            whole
        }
    }

    /// An object: it is looked into once, later.
    #[inline]
    pub(super) unsafe fn object(&mut self, object: *mut zend_object) {
        // SAFETY: by the contract.
        let handle = unsafe { (*object).handle };
        let Some(word) = self.reached.get_mut(handle as usize / 64) else {
            return;
        };
        let bit = 1 << (handle % 64);
        if *word & bit == 0
            && let Some(from) = self.at
        {
            *word |= bit;
            self.nodes.push(Node {
                object,
                from,
                parent: self.parent,
            });
        }
    }
}

/// What an array takes of the request's memory, without its elements' own.
fn room(array: &HashTable) -> u64 {
    /// `HASH_FLAG_PACKED`, `HASH_FLAG_UNINITIALIZED`
    const PACKED: u32 = 1 << 2;
    const UNINITIALIZED: u32 = 1 << 3;
    // SAFETY: flags are valid in every array.
    let (flags, shared) = unsafe { (array.u.flags, array.gc.u.type_info & SHARED != 0) };
    let size = u64::from(array.nTableSize);
    match () {
        () if shared => 0,
        () if flags & UNINITIALIZED != 0 => 56,
        () if flags & PACKED != 0 => 56 + 8 + size * 16,
        () => 56 + size * (32 + 4),
    }
}
