//! Level zero: values that this PHP thread has decoded, by key. A lookup compares the version of the value with one
//! load from the shared memory, so it never returns one that another process has replaced, removed or invalidated.
//! Objects are not kept, because PHP code could change them.
//!
//! On the command line and in workers, values are shared with PHP by reference counts until the script ends. Where each
//! request is a script, as in php-fpm, copies are kept that outlive it. On PHP's threads.

mod table;

use ext_php_rs::ffi::{HashTable, zend_string, zval};
use pillion_engine::cache::{Cache, PatternEvent, Space, Version};

use crate::{
    engine,
    thread_state::thread_state,
    worker::mode,
    zend::{
        hash_table,
        owned::OwnedZval,
        persistent, sapi,
        value::{self, zend_str},
        value_writer::{ArrayOut, ZvalOut},
    },
};
use table::{Entry, Table};

/// Hits that are counted at once in the shared memory.
const HITS: u64 = 64;
/// Patterns that a configuration has at most.
const PATTERNS: usize = 64;

struct Local {
    values: Level,
    apcu: Level,
    /// Hits by pattern that are not counted in the shared memory yet, and whether there are any.
    pattern_hits: [u32; PATTERNS],
    has_pattern_hits: bool,
    /// The cache of the values, as an address.
    cache: usize,
}

/// The values of one [`Space`].
struct Level {
    table: Table,
    /// Hits that are not counted in the shared memory yet.
    hits: u64,
}

impl Level {
    const fn new() -> Self {
        Self {
            table: Table::new(),
            hits: 0,
        }
    }
}

impl Local {
    #[inline]
    fn level(&mut self, space: Space) -> &mut Level {
        match space {
            Space::Values => &mut self.values,
            Space::Apcu => &mut self.apcu,
        }
    }

    /// What is left of the limit for a space: half of it at least.
    fn limit(&self, space: Space, limit: usize) -> usize {
        let other = match space {
            Space::Values => &self.apcu,
            Space::Apcu => &self.values,
        };
        limit - other.table.used().min(limit / 2)
    }

    /// Begins anew with a cache, or with values that outlive the script or do not.
    fn adopt(&mut self, cache: &Cache, outlives_script: bool) {
        self.clear();
        self.values.table.set_outlives_script(outlives_script);
        self.apcu.table.set_outlives_script(outlives_script);
        self.cache = address_of(cache);
    }

    #[inline]
    fn count_hit(&mut self, cache: &Cache, space: Space) {
        let level = self.level(space);
        level.hits += 1;
        if level.hits >= HITS {
            self.count_hits(cache);
        }
    }

    fn count_hits(&mut self, cache: &Cache) {
        for space in [Space::Values, Space::Apcu] {
            cache.count_hits_in(space, std::mem::take(&mut self.level(space).hits));
        }
        self.count_pattern_hits(cache);
    }

    fn count_pattern_hits(&mut self, cache: &Cache) {
        if !std::mem::take(&mut self.has_pattern_hits) {
            return;
        }
        for (number, hits) in self.pattern_hits.iter_mut().enumerate() {
            if *hits > 0 {
                cache.count_pattern(number, PatternEvent::Hit, std::mem::take(hits).into());
            }
        }
    }

    /// Whether the values are copies that outlive the script.
    const fn outlives_script(&self) -> bool {
        self.values.table.outlives_script()
    }

    fn clear(&mut self) {
        self.values.table.clear();
        self.apcu.table.clear();
    }
}

thread_state! {
    static LOCAL: Local = Local {
        values: Level::new(),
        apcu: Level::new(),
        pattern_hits: [0; PATTERNS],
        has_pattern_hits: false,
        cache: 0,
    };
}

/// Copies the value of a key to PHP, if this thread has it and it is current. Returns then what `examine` does with
/// its version and the time of its check.
#[inline]
pub fn fetch<T>(
    cache: &Cache,
    space: Space,
    key: *mut zend_string,
    out: ZvalOut,
    examine: impl FnOnce(&Version, u64) -> T,
) -> Option<T> {
    LOCAL.with(|local| {
        if local.cache != address_of(cache) {
            return None;
        }
        let level = local.level(space);
        let entry = level.table.find(key)?;
        let now = cache.check_version(&entry.version)?;
        entry.was_read = true;
        entry.value.copy_to(out);
        let (examined, pattern) = (examine(&entry.version, now), entry.pattern);
        if let Some(pattern) = pattern
            && let Some(hits) = local.pattern_hits.get_mut(usize::from(pattern))
        {
            *hits += 1;
            local.has_pattern_hits = true;
        }
        local.count_hit(cache, space);
        Some(examined)
    })
}

/// Copies the values of the keys in an array, from the first one on, as long as this thread has them and they are
/// current. Returns the position of the first key that is left.
pub fn fetch_first(cache: &Cache, keys: &HashTable, values: ArrayOut) -> u32 {
    LOCAL.with(|local| {
        if local.cache != address_of(cache) {
            return 0;
        }
        let level = &mut local.values;
        let mut now = None;
        let mut now = || *now.get_or_insert_with(|| cache.now());
        let mut end = 0;
        // SAFETY: an argument, which is alive for the call.
        let mut keys = unsafe { hash_table::elements(keys) };
        while let Some(element) = keys.next() {
            // SAFETY: an element of it.
            let key = value::string(unsafe { &*element.value });
            let Some(key) = key.filter(|key| is_name(*key)) else {
                break;
            };
            let Some(entry) = level.table.find(key) else {
                break;
            };
            if cache.check_version_at(&entry.version, &mut now).is_none() {
                break;
            }
            entry.was_read = true;
            // SAFETY: a live string, and no number.
            unsafe { values.insert_copy(key, entry.value.value()) };
            if let Some(pattern) = entry.pattern
                && let Some(hits) = local.pattern_hits.get_mut(usize::from(pattern))
            {
                *hits += 1;
                local.has_pattern_hits = true;
            }
            level.hits += 1;
            end = keys.position();
        }
        if level.hits >= HITS {
            local.count_hits(cache);
        }
        end
    })
}

/// Whether arrays of PHP have no integer key for a text, for certain.
fn is_name(text: *mut zend_string) -> bool {
    // SAFETY: a live string.
    let text = unsafe { zend_str(text) }.unwrap_or_default();
    matches!(text, [first, ..] if !first.is_ascii_digit() && *first != b'-')
}

/// Counts a value that was found in the first tier, later: a thread that counts at once takes longer than the copy of a
/// small value.
#[inline]
pub fn count_hit(cache: &Cache, space: Space) {
    LOCAL.with(|local| {
        if local.cache != address_of(cache) {
            local.adopt(cache, mode::is_script_a_request());
        }
        local.count_hit(cache, space);
    });
}

fn address_of(cache: &Cache) -> usize {
    std::ptr::from_ref(cache).addr()
}

/// Keeps a value that was read, of about so many bytes.
pub fn keep(
    cache: &Cache,
    space: Space,
    key: *mut zend_string,
    value: ZvalOut,
    bytes: usize,
    version: Version,
    pattern: Option<usize>,
) {
    let limit = engine::current().cache_local_bytes();
    if !version.is_checkable() || bytes > limit / 4 {
        return;
    }
    let value = value.value();
    let is_cheap = value::table(value).is_none();
    LOCAL.with(|local| {
        let is_refused = is_cheap
            && local.cache == address_of(cache)
            && local.level(space).table.refuses_cheap(key);
        if is_refused {
            return;
        }
        let outlives_script = mode::is_script_a_request();
        if local.cache != address_of(cache) || local.outlives_script() != outlives_script {
            local.adopt(cache, outlives_script);
        }
        let limit = local.limit(space, limit);
        let table = &mut local.level(space).table;
        // A copy of a value that is not read again would cost more than it saves.
        if outlives_script && !is_cheap && !table.is_read_again(key) {
            return;
        }
        let Some(place) = table.place_for(key, bytes, is_cheap, limit) else {
            return;
        };
        if let Some((key, value, bytes)) = kept(key, value, bytes, outlives_script) {
            table.put(
                place,
                Entry {
                    hash: table::hash_of(key.zend_string()),
                    key,
                    value,
                    version,
                    pattern: pattern.and_then(|number| number.try_into().ok()),
                    bytes,
                    was_read: false,
                },
            );
        }
    });
}

/// A key and a value for the table, and the bytes of both: references, or copies.
fn kept(
    key: *mut zend_string,
    value: &zval,
    bytes: usize,
    outlives_script: bool,
) -> Option<(OwnedZval, OwnedZval, usize)> {
    // SAFETY: the string of an argument, alive for the call.
    let text = unsafe {
        if !outlives_script {
            return Some((OwnedZval::of_string(key), OwnedZval::new(value), bytes));
        }
        zend_str(key)?
    };
    let (value, value_bytes) = persistent::copy_of(value)?;
    let Some(key) = persistent::copy_of_string(text) else {
        // SAFETY: a new copy.
        unsafe { persistent::free(value) };
        return None;
    };
    Some((key, value, 64 + text.len() + value_bytes))
}

/// Counts the hits of this thread in the shared memory.
pub fn count_hits(cache: &Cache) {
    LOCAL.with(|local| local.count_hits(cache));
}

/// Frees copies that the scripts before had in use. In RINIT.
pub fn script_startup() {
    // SAFETY: no script of this thread has run yet.
    LOCAL.with(|local| unsafe {
        local.values.table.free_discarded();
        local.apcu.table.free_discarded();
    });
}

/// Releases values that are memory of the script. In RSHUTDOWN.
pub fn script_shutdown() {
    LOCAL.with(|local| {
        if local.cache == 0 {
            return;
        }
        let cache = engine::existing().and_then(|engine| engine.open_cache_at(local.cache));
        if let Some(cache) = cache {
            local.count_hits(cache);
        }
        if cache.is_none() || !local.outlives_script() || sapi::is_unclean() {
            local.clear();
            local.cache = 0;
        }
    });
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    // SAFETY: the thread runs no script any more.
    LOCAL.with(|local| unsafe {
        local.values.table.free();
        local.apcu.table.free();
    });
}
