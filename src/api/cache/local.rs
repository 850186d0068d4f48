//! Level zero: values that this PHP thread has decoded, by key. A lookup compares the version of the value with one
//! load from the shared memory, so it never returns one that another process has replaced, removed or invalidated.
//! Values are shared with PHP by reference counts; objects are not kept, because PHP code could change them. A table
//! with one place for each hash: a newer key replaces an older one. Kept until the script ends: as long as a worker
//! lives. On PHP's threads.

use ext_php_rs::ffi::zend_string;
use pillion_engine::cache::{Cache, Version};

use crate::{
    engine,
    thread_state::thread_state,
    zend::{ffi, owned::OwnedZval, value::zend_str, value_writer::ZvalOut},
};

/// Places of the table, a power of two.
const PLACES: usize = 1024;
/// Hits that are counted at once in the shared memory.
const HITS: u64 = 64;

struct Entry {
    hash: u64,
    key: OwnedZval,
    value: OwnedZval,
    version: Version,
    bytes: usize,
}

struct Local {
    entries: Vec<Option<Entry>>,
    /// The cache of the values, as an address.
    cache: usize,
    /// Bytes of all values, estimated.
    bytes: usize,
    /// Hits that are not counted in the shared memory yet.
    hits: u64,
}

thread_state! {
    static LOCAL: Local = Local {
        entries: Vec::new(),
        cache: 0,
        bytes: 0,
        hits: 0,
    };
}

/// Copies the value of a key to PHP, if this thread has it and it is current.
#[inline]
pub fn fetch(cache: &Cache, key: *mut zend_string, out: ZvalOut) -> bool {
    LOCAL.with(|local| {
        if local.cache != std::ptr::from_ref(cache).addr() {
            return false;
        }
        let hash = hash_of(key);
        let Some(Some(entry)) = local.entries.get(place(hash)) else {
            return false;
        };
        if entry.hash != hash
            || !is_equal(entry.key.zend_string(), key)
            || !cache.is_current_version(entry.version)
        {
            return false;
        }
        entry.value.copy_to(out);
        local.hits += 1;
        if local.hits >= HITS {
            cache.count_hits(local.hits);
            local.hits = 0;
        }
        true
    })
}

/// Keeps a value that was read, of about so many bytes.
pub fn keep(cache: &Cache, key: *mut zend_string, value: ZvalOut, bytes: usize, version: Version) {
    let limit = engine::current().cache_local_bytes();
    if !version.is_checkable() || bytes > limit / 4 {
        return;
    }
    LOCAL.with(|local| {
        let address = std::ptr::from_ref(cache).addr();
        if local.cache != address || local.bytes + bytes > limit {
            clear(local);
            local.cache = address;
        }
        if local.entries.is_empty() {
            local.entries.resize_with(PLACES, || None);
        }
        let hash = hash_of(key);
        let Some(entry) = local.entries.get_mut(place(hash)) else {
            return;
        };
        let new = Entry {
            hash,
            // SAFETY: the string of an argument, alive for the call.
            key: unsafe { OwnedZval::of_string(key) },
            value: OwnedZval::new(value.value()),
            version,
            bytes,
        };
        local.bytes += bytes;
        if let Some(old) = entry.replace(new) {
            local.bytes -= old.bytes;
            release(&old);
        }
    });
}

/// Counts the hits of this thread in the shared memory.
pub fn count_hits(cache: &Cache) {
    LOCAL.with(|local| cache.count_hits(std::mem::take(&mut local.hits)));
}

/// Releases all values: they are memory of the script. In RSHUTDOWN.
pub fn script_shutdown() {
    LOCAL.with(|local| {
        if local.cache == 0 {
            return;
        }
        let cache = engine::existing().and_then(|engine| engine.open_cache_at(local.cache));
        if let Some(cache) = cache {
            cache.count_hits(std::mem::take(&mut local.hits));
        }
        clear(local);
    });
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    LOCAL.with(|local| local.entries = Vec::new());
}

fn clear(local: &mut Local) {
    for entry in &mut local.entries {
        if let Some(entry) = entry.take() {
            release(&entry);
        }
    }
    local.cache = 0;
    local.bytes = 0;
}

/// Runs no PHP code: keys are strings, and values have no objects.
fn release(entry: &Entry) {
    entry.key.release();
    entry.value.release();
}

#[inline]
fn hash_of(key: *mut zend_string) -> u64 {
    // SAFETY: a live string; PHP stores the hash in it.
    unsafe {
        match (*key).h {
            0 => ffi::zend_string_hash_func(key),
            hash => hash,
        }
    }
}

#[inline]
fn place(hash: u64) -> usize {
    (hash ^ (hash >> 20)) as usize % PLACES
}

#[inline]
fn is_equal(one: *mut zend_string, other: *mut zend_string) -> bool {
    // SAFETY: live strings.
    one == other || unsafe { zend_str(one) == zend_str(other) }
}
