//! Entry points of the fuzz targets in `fuzz/`: they pass foreign bytes in as a disk would, and assert the invariants
//! of any input. Never in a product.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use super::{
    IndexRecord, Key,
    file_names::FileName,
    index::{Index, Stored},
    journal,
    key::hex,
    layout::{CacheDir, META_DIR},
    metadata,
    plugin_compat::plugin_index,
    record::parse_sha256,
};

/// Records of a small index.
pub const CAPACITY: u32 = 24;

/// A metadata file that can be parsed is formatted and parsed again to the same record.
pub fn entry(bytes: &[u8]) {
    let whole = metadata::parse_metadata(bytes);
    if let Ok(record) = metadata::parse_record(bytes) {
        // Without the configuration, more is accepted: numbers that no float holds, for example.
        let config = whole.as_ref().map(|entry| entry.config.clone());
        let written = metadata::format(&record, &config.unwrap_or_default()).unwrap_or_default();
        assert_eq!(metadata::parse_record(&written).ok(), Some(record));
    } else {
        assert!(whole.is_err());
    }
}

/// Both forms of a Velox plugin's `index.json`.
pub fn old_index(bytes: &[u8]) {
    let Ok(entries) = plugin_index::parse(bytes) else {
        return;
    };
    for (name, value) in entries {
        if let Some((_, old)) = plugin_index::parse_plugin_entry(&name, value) {
            plugin_index::times(&old, 1_800_000_000_000, u64::MAX);
            if let Some(config) = plugin_index::normal(old.config()) {
                assert_eq!(plugin_index::normal(&config).as_ref(), Some(&config));
            }
        }
    }
}

/// Keys, checksums, file names and times.
pub fn names(text: &str) {
    if let Some(key) = Key::parse(text.as_bytes()) {
        assert_eq!(key.to_string(), text);
    }
    if let Some(sha256) = parse_sha256(text) {
        assert_eq!(hex(&sha256), text);
    }
    if let Some(FileName::Metadata(key) | FileName::Binary(key) | FileName::Link(key)) =
        FileName::parse(text)
    {
        assert!(text.starts_with(&key.to_string()) && !text.contains('/'));
    }
    if let Some(ms) = crate::time::parse_rfc3339(text) {
        assert_eq!(
            crate::time::parse_rfc3339(&crate::time::format_rfc3339(ms)),
            Some(ms)
        );
    }
}

/// The journal of a cache directory, read from any position.
pub fn changes(dir: &Path, log: &[u8], file: u64, offset: u64) {
    let control = dir.join(META_DIR);
    let _ = std::fs::create_dir_all(&control);
    let _ = std::fs::write(control.join("changes"), log);
    let disk = CacheDir::new(dir.to_owned(), None);
    let named = log.get(8..16).and_then(|bytes| bytes.try_into().ok());
    for file in [file, named.map_or(0, u64::from_le_bytes)] {
        let news = journal::since(&disk, journal::Position { file, offset });
        if let Ok(journal::Changes::Keys(keys, to)) = news {
            assert!(keys.len() as u64 * journal::RECORD <= to.offset);
        }
    }
    assert!(journal::append(&disk, Key(7)).is_ok() && journal::restart_if_full(&disk).is_ok());
}

/// An index with these records, damaged word by word: read, opened again, and repaired.
pub fn index(dir: &Path, records: &[IndexRecord], damage: &[(u32, u64)]) {
    let _ = std::fs::remove_dir_all(dir);
    let _ = std::fs::create_dir_all(dir);
    let Ok(index) = Index::open(dir, 1, CAPACITY) else {
        return;
    };
    let Some(path) = index.path().map(Path::to_owned) else {
        return;
    };
    if let Some(writer) = index.writer(super::index::LOCK_TIMEOUT) {
        for record in records {
            writer.store(record);
        }
    }
    if let Ok(file) = File::options().write(true).open(&path) {
        for (at, value) in damage {
            let at = *at as usize % (index.mapped() / 8) * 8;
            let _ = file.write_all_at(&value.to_le_bytes(), at as u64);
        }
    }
    read(&index, records);
    drop(index);
    if let Ok(again) = Index::open(dir, 1, CAPACITY) {
        read(&again, records);
        repair(&again, records);
    }
}

/// A record that is found has the requested key, with any words.
fn read(index: &Index, records: &[IndexRecord]) {
    for record in records {
        let found = index.find(record.key, record.created_ms, |_| true);
        assert!(found.is_none_or(|found| found.key == record.key));
        index.record_use(record.key, u64::MAX);
    }
    let slots = CAPACITY as usize * 2;
    assert!(index.records().count() <= slots);
    let _ = (index.len(), index.total_size(), index.position());
    let _ = (
        index.is_interrupted(),
        index.needs_rescan(),
        index.eviction_counts(),
    );
}

/// After a rebuild from its slots, an index stores records, and removes them again.
fn repair(index: &Index, records: &[IndexRecord]) {
    let Some(writer) = index.writer(super::index::LOCK_TIMEOUT) else {
        return;
    };
    assert!(writer.interrupted_keys().len() <= 2);
    for key in writer.interrupted_keys() {
        writer.remove(key);
    }
    writer.clear_pending();
    writer.reindex();
    for record in records {
        let _ = writer.neighbours(record.key).count();
        if writer.store(record) == Stored::Done {
            let found = index.get(record.key);
            assert!(found.is_some_and(|found| found.sha256 == record.sha256));
            assert!(writer.remove(record.key).is_some());
            assert!(index.get(record.key).is_none());
        }
    }
}
