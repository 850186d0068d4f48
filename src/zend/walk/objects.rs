//! What objects hold: their properties as they lie in them, so that nothing is initialised and no hook of a
//! property runs, and what only the class knows how to tell (closures, containers, lazy proxies), asked as
//! PHP's own collector asks it.

use std::{collections::HashMap, ffi::c_int};

use ext_php_rs::ffi::{
    HashTable, IS_INDIRECT, std_object_handlers, zend_class_entry, zend_executor_globals,
    zend_object, zval,
};
use pillion_engine::worker::leaks::{Key, Kind, Print, Shape, print::mix};

use super::{Node, Walk, value};
use crate::zend::{
    table,
    value::{type_of, zend_str},
};

/// Marks the slot of a property that is not declared; the rest is of its name's hash.
pub const DYNAMIC: u64 = 1 << 31;
/// The slot of what an internal class holds.
pub const HELD: u64 = u32::MAX as u64;

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

impl Walk<'_> {
    /// # Safety
    /// A node of this walk: a live object.
    pub(super) unsafe fn object_of(&mut self, node: Node) {
        self.owner = node.owner;
        // SAFETY: by the contract; a live object's class and handlers are.
        unsafe {
            let object = node.object;
            let class = &*(*object).ce;
            let handlers = &*(*object).handlers;
            if is_lazy(object) {
                self.held(object);
            } else {
                for slot in 0..class.default_properties_count.max(0) as u64 {
                    let property = (&raw const (*object).properties_table)
                        .cast::<zval>()
                        .add(slot as usize);
                    self.thing(key(object, slot), property);
                }
                let is_plain = handlers.get_properties.map(|it| it as usize)
                    == std_object_handlers.get_properties.map(|it| it as usize);
                if is_plain {
                    self.named(object, (*object).properties);
                }
                let is_special = handlers.get_gc.map(|it| it as usize)
                    != std_object_handlers.get_gc.map(|it| it as usize);
                let name = zend_str(class.name).unwrap_or_default();
                if is_special && !RUNNING.contains(&name) {
                    self.held(object);
                }
            }
        }
        self.owner = None;
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

    /// What the class tells the collector.
    unsafe fn held(&mut self, object: *mut zend_object) {
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
            (self.at, self.left_of_one) = (key, value::MOST_OF_ONE);
            let mut whole = Print {
                shape: Shape::Array,
                count: count.max(0) as u64,
                ..Print::default()
            };
            for at in 0..count.max(0) as usize {
                let element = self.print(values.add(at));
                whole.hash = mix(whole.hash, element.hash);
                whole.bytes += element.bytes + size_of::<zval>() as u64;
            }
            self.insert(key, whole);
        }
    }

    /// Objects that live, and were not reached; connections, reached or not.
    ///
    /// # Safety
    /// This thread's globals.
    pub(super) unsafe fn others(&mut self, globals: &zend_executor_globals) {
        /// `IS_OBJ_FREE_CALLED`
        const FREED: u32 = 1 << 9;
        let store = &globals.objects_store;
        let mut classes: HashMap<*mut zend_class_entry, bool> = HashMap::new();
        // SAFETY: places below `top` hold objects, or, marked by the lowest bit, the free list.
        unsafe {
            for at in 1..store.top as usize {
                let object = *store.object_buckets.add(at);
                if object.addr() & 1 != 0 || (*object).gc.u.type_info & FREED != 0 {
                    continue;
                }
                let (class, handle) = ((*object).ce, (*object).handle);
                if *classes.entry(class).or_insert_with(|| is_connection(class)) {
                    let held = &mut self.picture.connections;
                    held.insert(handle.into(), class.addr() as u64);
                } else if !self
                    .picture
                    .objects
                    .contains(&(object.addr() as u64, handle))
                {
                    *self.picture.others.entry(class.addr() as u64).or_default() += 1;
                }
            }
        }
    }
}

fn key(object: *mut zend_object, slot: u64) -> Key {
    // SAFETY: a live object.
    let handle = unsafe { (*object).handle };
    Key {
        kind: Kind::Property,
        of: object.addr() as u64,
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
