//! What objects hold: their properties as they lie in them, so that nothing is initialised and no hook of a
//! property runs, and what only the class knows how to tell (closures, containers, lazy proxies), asked as
//! PHP's own collector asks it. And how many objects of each class there are.

use std::ffi::c_int;

use ext_php_rs::ffi::{
    HashTable, IS_INDIRECT, std_object_handlers, zend_class_entry, zend_executor_globals,
    zend_object, zval,
};
use pillion_engine::worker::leaks::{LeakKind, Subject, ValueShape, ValueSize};

use super::{
    Node, Walk,
    names::is_closure,
    value::{self, Part},
};
use crate::zend::{
    table,
    value::{type_of, zend_str},
};

/// Marks the slot of a property that is not declared; the rest is of its name's hash.
pub const DYNAMIC: u64 = 1 << 31;
/// The slot of what an internal class holds.
pub const HELD: u64 = u32::MAX as u64;
/// The slot of objects that nothing known holds.
pub const UNREACHED: u64 = 1;

/// Classes whose objects are connections, in lower case.
const CONNECTIONS: &[&[u8]] = &[
    b"pdo",
    b"mysqli",
    b"pgsql\\connection",
    b"sqlite3",
    b"redis",
    b"rediscluster",
    b"relay\\relay",
    b"memcached",
    b"mongodb\\driver\\manager",
    b"amqpconnection",
    b"ldap\\connection",
    b"ftp\\connection",
    b"imap\\connection",
    b"odbc\\connection",
    b"soapclient",
    b"curlhandle",
    b"curlmultihandle",
    b"socket",
];
/// Classes that run code: what they hold is on a stack of their own.
const RUNNING: &[&[u8]] = &[b"Generator", b"Fiber"];

/// A class, and how many objects of it there are.
pub struct Class {
    is_connection: bool,
    is_running: bool,
    is_closure: bool,
    reached: u32,
    others: u32,
}

impl Class {
    unsafe fn of(class: *mut zend_class_entry) -> Self {
        // SAFETY: the class of a living object.
        unsafe {
            Self {
                is_connection: is_connection(class),
                is_running: RUNNING.contains(&zend_str((*class).name).unwrap_or_default()),
                is_closure: is_closure(class),
                reached: 0,
                others: 0,
            }
        }
    }
}

impl Walk {
    /// # Safety
    /// A node of this walk: a live object.
    pub(super) unsafe fn object_of(&mut self, node: Node) {
        // SAFETY: by the contract; a live object's class and handlers are.
        unsafe {
            let object = node.object;
            let class = (*object).ce;
            let known = self
                .classes
                .entry(class.addr())
                .or_insert_with(|| Class::of(class));
            known.reached += 1;
            let (is_running, is_closure) = (known.is_running, known.is_closure);
            let handlers = &*(*object).handlers;
            if is_lazy(object) {
                self.held(object, false);
                return;
            }
            let base = (&raw const (*object).properties_table).cast::<zval>();
            for slot in 0..(*class).default_properties_count.max(0) as u64 {
                let property = base.add(slot as usize);
                // Numbers, and what compiled code holds, can't grow.
                if value::is_own(property) {
                    self.thing(key(object, slot), property);
                }
            }
            let is_plain = handlers.get_properties.map(|it| it as usize)
                == std_object_handlers.get_properties.map(|it| it as usize);
            if is_plain && !(*object).properties.is_null() {
                self.named(object, (*object).properties);
            }
            let is_special = handlers.get_gc.map(|it| it as usize)
                != std_object_handlers.get_gc.map(|it| it as usize);
            if is_special && !is_running {
                self.held(object, is_closure);
            }
        }
    }

    /// Properties that are not declared, captured variables.
    unsafe fn named(&mut self, object: *mut zend_object, properties: *const HashTable) {
        // SAFETY: by the caller's contract; declared ones are indirect here, and were looked at.
        unsafe {
            table::each(properties, |hash, _, value| {
                if type_of(&*value) != IS_INDIRECT {
                    let slot = DYNAMIC | (hash & (DYNAMIC - 1));
                    self.thing(key(object, slot), value);
                }
            });
        }
    }

    /// What the class tells the collector. A closure's size is that of its variables.
    unsafe fn held(&mut self, object: *mut zend_object, is_closure: bool) {
        let (mut values, mut count): (*mut zval, c_int) = (std::ptr::null_mut(), 0);
        // SAFETY: as the collector calls it, which may come at any time. The values are valid until the next
        // such call, and none is made meanwhile.
        unsafe {
            let Some(get) = (*(*object).handlers).get_gc else {
                return;
            };
            let more = get(object, &raw mut values, &raw mut count);
            if more != (*object).properties {
                self.named(object, more);
            }
            let key = key(object, HELD);
            (self.at, self.left_of_one) = (Some(key), value::MOST_OF_ONE);
            let count = count.max(0) as u64;
            let mut whole = Part::default();
            for at in 0..count as usize {
                if !self.step() {
                    return;
                }
                whole.add(self.part(values.add(at), 0));
            }
            if count > 0 && !is_closure {
                let inner = whole.size(count);
                self.detector.record_size(
                    key,
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

    /// Counts the objects of each class: those that were reached, the others that live, and connections.
    ///
    /// # Safety
    /// This thread's globals.
    pub(super) unsafe fn count_objects(&mut self, globals: &zend_executor_globals) {
        /// `IS_OBJ_FREE_CALLED`
        const FREED: u32 = 1 << 9;
        let store = &globals.objects_store;
        // SAFETY: places below `top` hold objects, or, marked by the lowest bit, the free list.
        unsafe {
            for at in 1..store.top as usize {
                if self.is_reached(at) {
                    continue;
                }
                let object = *store.object_buckets.add(at);
                if object.addr() & 1 != 0 || (*object).gc.u.type_info & FREED != 0 {
                    continue;
                }
                let class = (*object).ce;
                self.classes
                    .entry(class.addr())
                    .or_insert_with(|| Class::of(class))
                    .others += 1;
            }
        }
        let is_settled = self.detector.is_settled();
        for (class, known) in &mut self.classes {
            let key = |kind, slot| Subject {
                kind,
                owner: *class as u64,
                slot,
            };
            let (reached, others) = (u64::from(known.reached), u64::from(known.others));
            (known.reached, known.others) = (0, 0);
            if known.is_connection {
                let open = ValueSize::number(reached + others);
                self.detector
                    .record_size(key(LeakKind::Connection, 0), open);
                continue;
            }
            self.detector
                .record_size(key(LeakKind::Object, 0), ValueSize::number(reached));
            // Some of them may be garbage.
            if is_settled {
                self.detector
                    .record_size(key(LeakKind::Object, UNREACHED), ValueSize::number(others));
            }
        }
    }

    fn is_reached(&self, handle: usize) -> bool {
        let word = self.reached.get(handle / 64).copied().unwrap_or(0);
        word >> (handle % 64) & 1 != 0
    }
}

fn key(object: *mut zend_object, slot: u64) -> Subject {
    // SAFETY: a live object.
    let handle = unsafe { (*object).handle };
    Subject {
        kind: LeakKind::Property,
        owner: object.addr() as u64,
        slot: u64::from(handle) << 32 | slot,
    }
}

/// `IS_OBJ_LAZY_UNINITIALIZED | IS_OBJ_LAZY_PROXY`: looking at its properties would be wrong.
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

unsafe fn is_connection(mut class: *mut zend_class_entry) -> bool {
    // SAFETY: a live class; classes of living objects are linked, so that the parent is a class.
    unsafe {
        while !class.is_null() {
            let name = zend_str((*class).name)
                .unwrap_or_default()
                .to_ascii_lowercase();
            if CONNECTIONS.contains(&name.as_slice()) {
                return true;
            }
            class = (*class).__bindgen_anon_1.parent;
        }
    }
    false
}
