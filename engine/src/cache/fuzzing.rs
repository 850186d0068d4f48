//! Entry points of the fuzz targets in `fuzz/`: damaged segments, and bytes of values and of JSON. Asserts the
//! properties that hold for any bytes. Never in a product.

use std::{fs, os::unix::fs::FileExt as _, path::Path, time::Duration};

use super::{
    Cache, Encoding, MAX_KEY, MAX_VALUE, MIN_BYTES, NewValue, Ttl, json,
    layout::{BUCKET_WORDS, Layout},
    pattern,
};

/// The bytes of a value in any encoding: JSON of them is read back, and written again as the same text.
pub fn value(encoding: Encoding, bytes: &[u8]) {
    if let Ok(text) = json::to_json(encoding, bytes) {
        self::json(&text);
        assert!(json::from_json(&text).is_ok());
    }
}

/// A JSON text: a value that it is read as is written and read as the same value.
pub fn json(text: &[u8]) {
    let Ok((encoding, bytes)) = json::from_json(text) else {
        return;
    };
    let again = json::to_json(encoding, &bytes).unwrap_or_default();
    assert_eq!(json::from_json(&again).ok(), Some((encoding, bytes)));
}

/// A pattern matches its own text, once all its characters are ordinary.
pub fn pattern(pattern: &[u8], key: &[u8]) {
    let _ = pattern::matches(pattern, key);
    let plain: Vec<u8> = key.iter().flat_map(|byte| [b'\\', *byte]).collect();
    assert!(pattern::matches(&plain, key) && pattern::matches(b"*", key));
}

/// One call, with a key and a size.
pub type Call = (u8, u8, u32);

/// A cache with the values of `before`, damaged word by word, opened anew, and used by `after`. A damage is a part of
/// the segment, a word of it and its new value.
pub fn segment(path: &Path, before: &[Call], damage: &[(u8, u32, u64)], after: &[Call]) {
    let _ = fs::remove_file(path);
    let Ok(cache) = Cache::open(path, MIN_BYTES) else {
        return;
    };
    for call in before {
        run(&cache, *call);
    }
    if let Ok(file) = fs::File::options().write(true).open(path) {
        for (part, word, value) in damage {
            let at = position(cache.bytes() as usize, *part, *word as usize) * 8;
            let _ = file.write_all_at(&value.to_le_bytes(), at as u64);
        }
    }
    for call in after {
        run(&cache, *call);
    }
    drop(cache);
    if let Ok(again) = Cache::open(path, MIN_BYTES) {
        for call in after {
            run(&again, *call);
        }
        again.recover();
        again.prune();
        assert!(again.stats().memory == MIN_BYTES as u64);
        assert!(again.class_stats().len() <= super::layout::CLASSES.len());
    }
}

/// A word of one part of the segment.
fn position(bytes: usize, part: u8, word: usize) -> usize {
    let layout = Layout::of(bytes);
    let parts = [
        0..layout.classes,
        layout.classes..layout.counters,
        layout.counters..layout.owners,
        layout.owners..layout.slabs,
        layout.slabs..layout.tags,
        layout.tags..layout.buckets,
        layout.buckets..layout.buckets + layout.bucket_count * BUCKET_WORDS,
        layout.blocks..layout.blocks + layout.granules(),
        layout.data / 8..layout.words,
    ];
    let range = parts
        .get(usize::from(part) % parts.len())
        .cloned()
        .unwrap_or(0..1);
    range.start + word % range.len()
}

fn run(cache: &Cache, (kind, key, size): Call) {
    // Few keys, one of them of several blocks.
    let long = vec![7; MAX_KEY];
    let key = match key % 8 {
        7 => long.as_slice(),
        short => &[b'k', short],
    };
    let size = size as usize % (MIN_BYTES / 3);
    match kind % 12 {
        0..=2 => {
            let tag = [cache.tag(b"a")];
            let new = NewValue {
                bytes: &vec![kind; size],
                encoding: kind,
                ttl: match kind {
                    0 => Ttl::For(Duration::from_millis(size as u64)),
                    _ => Ttl::Forever,
                },
                tags: if kind == 0 { &[] } else { &tag },
            };
            let _ = cache.set(key, &new);
        }
        3 | 4 => {
            let length = cache.get(key, |value| value.to_vec().len());
            assert!(length.unwrap_or(0) <= MAX_VALUE);
        }
        5 => drop(cache.delete(key)),
        6 => drop(cache.touch(key, Ttl::Forever)),
        7 => cache.for_each_key(Some(key), |key| key.len() <= MAX_KEY),
        8 => cache.invalidate_tag(b"a"),
        9 => {
            let lease = Ttl::For(Duration::from_secs(1));
            let _ = cache.lock(key, b"owner", lease);
            let _ = cache.refresh_lock(key, b"owner", lease);
            let _ = size.is_multiple_of(2) || cache.unlock(key, b"owner");
        }
        10 => {
            let change = |current: Option<(Encoding, &[u8])>| match current {
                Some((encoding, bytes)) if bytes.len() < 1 << 10 => {
                    Ok((encoding, [bytes, b"!"].concat()))
                }
                Some(_) => Err(()),
                None => Ok((5, b"new".to_vec())),
            };
            let _ = cache.change(key, Ttl::Forever, change);
        }
        _ => cache.clear(),
    }
}
