//! Counts the objects of each class: those that the walk has reached, the others that are alive, and connections.

use ext_php_rs::ffi::{zend_class_entry, zend_executor_globals};
use pillion_engine::worker::leaks::{LeakKind, Subject, ValueSize};

use super::HeapWalk;
use crate::zend::{function_table, value::zend_str};

/// The slot of a class's objects that no known subject holds.
pub const UNREACHED: u64 = 1;

/// Classes of connections, in lower case.
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
/// Classes that run code: their variables are on a stack of their own.
const COROUTINES: &[&[u8]] = &[b"Generator", b"Fiber"];

/// A class, and how many of its objects there are.
pub struct ClassCount {
    is_connection: bool,
    pub(super) is_coroutine: bool,
    pub(super) is_closure: bool,
    reached: u32,
    unreached: u32,
}

impl ClassCount {
    unsafe fn new(class: *mut zend_class_entry) -> Self {
        // SAFETY: the class of a live object.
        unsafe {
            Self {
                is_connection: is_connection(class),
                is_coroutine: COROUTINES.contains(&zend_str((*class).name).unwrap_or_default()),
                is_closure: function_table::is_closure(class),
                reached: 0,
                unreached: 0,
            }
        }
    }
}

impl HeapWalk {
    /// Counts an object that the walk has reached.
    ///
    /// # Safety
    /// The class of a live object.
    pub(super) unsafe fn count_reached(&mut self, class: *mut zend_class_entry) -> &ClassCount {
        // SAFETY: by the contract.
        let count = self
            .classes
            .entry(class.addr())
            .or_insert_with(|| unsafe { ClassCount::new(class) });
        count.reached += 1;
        count
    }

    /// Counts the live objects that were not reached, and records the numbers of all classes.
    ///
    /// # Safety
    /// This thread's globals.
    pub(super) unsafe fn count_objects(&mut self, globals: &zend_executor_globals) {
        /// `IS_OBJ_FREE_CALLED`
        const FREED: u32 = 1 << 9;
        let store = &globals.objects_store;
        // SAFETY: positions below `top` hold objects, or, marked by the lowest bit, links of the free list.
        unsafe {
            for handle in 1..store.top as usize {
                if self.is_reached(handle) {
                    continue;
                }
                let object = *store.object_buckets.add(handle);
                if object.addr() & 1 != 0 || (*object).gc.u.type_info & FREED != 0 {
                    continue;
                }
                let class = (*object).ce;
                self.classes
                    .entry(class.addr())
                    .or_insert_with(|| ClassCount::new(class))
                    .unreached += 1;
            }
        }
        let has_no_garbage = self.detector.has_no_garbage();
        for (class, count) in &mut self.classes {
            let subject = |kind, slot| Subject {
                kind,
                owner: *class as u64,
                slot,
            };
            let (reached, unreached) = (u64::from(count.reached), u64::from(count.unreached));
            (count.reached, count.unreached) = (0, 0);
            if count.is_connection {
                let open = ValueSize::number(reached + unreached);
                self.detector
                    .record_size(subject(LeakKind::Connection, 0), open);
                continue;
            }
            self.detector
                .record_size(subject(LeakKind::Object, 0), ValueSize::number(reached));
            // Otherwise some of them may be garbage.
            if has_no_garbage {
                self.detector.record_size(
                    subject(LeakKind::Object, UNREACHED),
                    ValueSize::number(unreached),
                );
            }
        }
    }

    fn is_reached(&self, handle: usize) -> bool {
        let word = self.reached_handles.get(handle / 64).copied().unwrap_or(0);
        word >> (handle % 64) & 1 != 0
    }
}

unsafe fn is_connection(mut class: *mut zend_class_entry) -> bool {
    // SAFETY: a live class; classes of live objects are linked, so that the parent is a class.
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
