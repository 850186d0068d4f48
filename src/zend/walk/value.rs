//! Prints one value: arrays with all that is in them, objects as themselves.

use std::ops::ControlFlow;

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_INDIRECT, IS_LONG, IS_OBJECT, IS_REFERENCE,
    IS_RESOURCE, IS_STRING, IS_TRUE, zend_object, zend_string, zval,
};
use pillion_engine::worker::leaks::{
    Print, Shape,
    print::{hash_text, mix},
};

use super::{Node, Walk};
use crate::zend::{
    table,
    value::{type_of, zend_str},
};

/// Elements that are looked at of one thing; of those beyond, only how many there are.
pub const MOST_OF_ONE: u64 = 65_536;
/// How deep arrays are looked into.
const MOST_DEPTH: u32 = 64;
/// `GC_IMMUTABLE`, and `IS_STR_INTERNED` of strings: it belongs to no request.
const SHARED: u32 = 1 << 6;

/// What is known of a value within another one.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    hash: u64,
    bytes: u64,
}

const fn part(hash: u64) -> Part {
    Part { hash, bytes: 0 }
}

impl Walk<'_> {
    /// # Safety
    /// A live value, as it lies there; so below.
    pub(super) unsafe fn print(&mut self, value: *const zval) -> Print {
        // SAFETY: by the contract; each type says what the union holds.
        unsafe {
            let inner = table::behind(value);
            let whole = self.part(value, 0);
            let (shape, count, detail) = match type_of(&*inner) {
                IS_FALSE => (Shape::Bool, 0, 0),
                IS_TRUE => (Shape::Bool, 0, 1),
                IS_LONG => (Shape::Int, 0, (*inner).value.lval.cast_unsigned()),
                IS_DOUBLE => (Shape::Float, 0, (*inner).value.dval.to_bits()),
                IS_STRING => (Shape::Text, (*(*inner).value.str_).len as u64, 0),
                IS_ARRAY => {
                    let (count, _) = table::sizes((*inner).value.arr);
                    (Shape::Array, count.into(), 0)
                }
                IS_OBJECT => {
                    let object = (*inner).value.obj;
                    (
                        Shape::Object,
                        (*object).handle.into(),
                        (*object).ce.addr() as u64,
                    )
                }
                IS_RESOURCE => {
                    let resource = (*inner).value.res;
                    (Shape::Resource, (*resource).handle.cast_unsigned(), 0)
                }
                _ => (Shape::Nothing, 0, 0),
            };
            Print {
                shape,
                count,
                detail,
                hash: whole.hash,
                bytes: whole.bytes,
            }
        }
    }

    unsafe fn part(&mut self, value: *const zval, depth: u32) -> Part {
        if !self.step() {
            return part(0);
        }
        // SAFETY: by the contract; each type says what the union holds.
        unsafe {
            let kind = type_of(&*value);
            let here = u64::from(kind);
            match kind {
                IS_LONG => part(mix(here, (*value).value.lval.cast_unsigned())),
                IS_DOUBLE => part(mix(here, (*value).value.dval.to_bits())),
                IS_STRING => text((*value).value.str_),
                IS_ARRAY => self.array((*value).value.arr, depth),
                IS_OBJECT => self.object((*value).value.obj),
                IS_RESOURCE => part(mix(here, (*(*value).value.res).handle.cast_unsigned())),
                IS_INDIRECT => self.part((*value).value.zv, depth),
                IS_REFERENCE => {
                    let reference = (*value).value.ref_;
                    let address = reference.addr();
                    if let Some(known) = self.parts.get(&address) {
                        return *known;
                    }
                    // One that holds itself finds this.
                    self.parts.insert(address, part(mix(here, 1)));
                    let inner = self.part(&raw const (*reference).val, depth);
                    self.parts.insert(address, part(inner.hash));
                    inner
                }
                _ => part(here),
            }
        }
    }

    unsafe fn array(&mut self, array: *const HashTable, depth: u32) -> Part {
        // SAFETY: by the contract.
        unsafe {
            let held = &*array;
            let start = mix(u64::from(IS_ARRAY), held.nNumOfElements.into());
            if depth >= MOST_DEPTH {
                return part(start);
            }
            let is_many = held.gc.refcount > 1;
            if is_many && let Some(known) = self.parts.get(&array.addr()) {
                return *known;
            }
            let mut whole = Part {
                hash: start,
                bytes: room(held),
            };
            table::each_from(array, 0, |hash, _, value| {
                if self.left_of_one == 0 || self.values_left == 0 {
                    return ControlFlow::Break(());
                }
                self.left_of_one -= 1;
                let element = self.part(value, depth + 1);
                whole.hash = mix(mix(whole.hash, hash), element.hash);
                whole.bytes += element.bytes;
                ControlFlow::Continue(())
            });
            if is_many {
                // Its memory counts once.
                self.parts.insert(array.addr(), part(whole.hash));
            }
            whole
        }
    }

    unsafe fn object(&mut self, object: *mut zend_object) -> Part {
        // SAFETY: by the contract.
        unsafe {
            let identity = (object.addr() as u64, (*object).handle);
            let hash = mix(mix(u64::from(IS_OBJECT), identity.0), identity.1.into());
            let mut bytes = 0;
            if self.picture.objects.insert(identity) {
                let is_new = self.known.is_some_and(|known| !known.contains(&identity));
                if is_new {
                    bytes = 40 + 16 * (*(*object).ce).default_properties_count.max(0) as u64;
                }
                self.nodes.push(Node {
                    object,
                    from: self.at,
                    owner: is_new.then(|| self.owner.unwrap_or(self.at)),
                });
            }
            Part { hash, bytes }
        }
    }
}

unsafe fn text(text: *const zend_string) -> Part {
    // SAFETY: by the contract of the callers.
    unsafe {
        let bytes = zend_str(text).unwrap_or_default();
        let is_shared = (*text).gc.u.type_info & SHARED != 0;
        Part {
            hash: hash_text(bytes),
            bytes: if is_shared {
                0
            } else {
                (bytes.len() as u64 + 32) & !7
            },
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
