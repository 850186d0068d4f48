//! The state of the cache in the form of APCu's: figures that do not exist here, such as hits of one key, are 0. On
//! PHP's threads.

use pillion_engine::cache::{EntryInfo, Space};

use super::{cache, checked_cache, warn};
use crate::{
    api::cache::local,
    zend::{
        arguments::{Call, Thrown},
        value_writer::{ArrayOut, ZvalOut},
    },
};

pub fn key_info(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let key = call.string(0)?;
    let found = cache().and_then(|cache| cache.info_in(Space::Apcu, key));
    if let Some(entry) = found {
        let fields = ret.array(8);
        let stored = stored(&entry);
        int(fields, "hits", 0);
        int(fields, "access_time", stored);
        int(fields, "mtime", stored);
        int(fields, "creation_time", stored);
        int(fields, "deletion_time", 0);
        int(fields, "ttl", ttl(&entry));
        int(fields, "refs", 0);
    }
    Ok(())
}

pub fn cache_info(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let is_limited = call.bool_or(0, false)?;
    let Some(cache) = checked_cache() else {
        warn(
            c"No APC info available.  Perhaps APC is not enabled? Check apc.enabled in your ini file",
        )?;
        ret.bool(false);
        return Ok(());
    };
    local::count_hits(cache);
    let counts = cache.counts_in(Space::Apcu);
    let fields = ret.array(16);
    int(fields, "num_slots", integer(cache.slots() as u64));
    int(fields, "ttl", 0);
    float(fields, "num_hits", counts.hits);
    float(fields, "num_misses", counts.misses);
    float(fields, "num_inserts", counts.stores);
    int(fields, "num_entries", integer(counts.entries));
    int(fields, "cleanups", 0);
    int(fields, "defragmentations", 0);
    int(fields, "expunges", 0);
    int(
        fields,
        "start_time",
        integer(cache.created_ms().div_euclid(1000)),
    );
    float(fields, "mem_size", counts.bytes);
    fields.insert("memory_type", |out| out.string("mmap"));
    if !is_limited {
        fields.insert("cache_list", |out| {
            let list = out.array(0);
            cache.scan_in(Space::Apcu, 0, |entry| {
                list.push(|out| link(&entry, out));
                true
            });
        });
        fields.insert("deleted_list", |out| {
            out.array(0);
        });
        fields.insert("slot_distribution", |out| {
            out.array(0);
        });
    }
    Ok(())
}

fn link(entry: &EntryInfo, out: ZvalOut) {
    let fields = out.array(16);
    let stored = stored(entry);
    fields.insert("info", |out| out.string(&entry.key));
    int(fields, "ttl", ttl(entry));
    float(fields, "num_hits", 0);
    int(fields, "mtime", stored);
    int(fields, "creation_time", stored);
    int(fields, "deletion_time", 0);
    int(fields, "access_time", stored);
    int(fields, "ref_count", 0);
    int(fields, "mem_size", integer(entry.bytes as u64));
}

pub fn sma_info(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let is_limited = call.bool_or(0, false)?;
    let Some(cache) = checked_cache() else {
        warn(c"No APC SMA info available.  Perhaps APC is disabled via apc.enabled?")?;
        ret.bool(false);
        return Ok(());
    };
    let stats = cache.stats();
    let fields = ret.array(4);
    int(fields, "num_seg", 1);
    float(fields, "seg_size", stats.memory);
    float(fields, "avail_mem", stats.memory_free);
    if !is_limited {
        // A list for each segment; blocks of one size have no order that means anything, so they count as one.
        fields.insert("block_lists", |out| {
            out.array(1).push(|out| {
                out.array(1).push(|out| {
                    let block = out.array(2);
                    int(block, "size", integer(stats.memory_free));
                    int(block, "offset", 0);
                });
            });
        });
    }
    Ok(())
}

/// When an entry was stored, in seconds since 1970.
pub fn stored(entry: &EntryInfo) -> i64 {
    integer(entry.stored_ms / 1000)
}

/// The lifetime of an entry in seconds; 0: none.
pub fn ttl(entry: &EntryInfo) -> i64 {
    integer(entry.ttl_ms.unwrap_or(0).div_ceil(1000))
}

/// A number of PHP.
pub fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn int(fields: ArrayOut, name: &str, value: i64) {
    fields.insert(name, |out| out.int(value));
}

fn float(fields: ArrayOut, name: &str, value: u64) {
    fields.insert(name, |out| out.float(value as f64));
}
