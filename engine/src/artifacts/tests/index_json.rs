//! `index.json` out and in, in both shapes of the old plugin.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;

const ENTRY: u64 = 0xa3f5_d8c2_e9b1_f4a7;

/// A binary where the old plugin put it: not executable, without a checksum.
fn old_binary(fixture: &Fixture, key: u64, bytes: &[u8]) {
    let folder = shard_path(fixture, Key(key));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{}.bin", Key(key))), bytes).unwrap();
}

fn write_index(fixture: &Fixture, index: &Value) {
    let text = serde_json::to_string_pretty(index).unwrap();
    fs::write(fixture.dir.path().join("index.json"), text).unwrap();
}

fn time(ms: u64) -> String {
    crate::time::format_rfc3339(ms)
}

/// The documented shape.
fn documented(fixture: &Fixture, size: usize) -> Value {
    json!({
        "file_path": "a3/f5/a3f5d8c2e9b1f4a7.bin",
        "file_size": size,
        "created_at": time(fixture.now() - 2 * HOUR),
        "expires_at": time(fixture.now() + HOUR),
        "accessed_at": time(fixture.now() - HOUR),
        "build_config": {
            "rr_version": "v2025.1.2", "os": "linux", "arch": "amd64",
            "plugins": [{"module": "github.com/roadrunner-server/http/v5", "tag": "v5.2.7"}],
        },
    })
}

/// The shape that its code writes.
fn coded(fixture: &Fixture, size: usize) -> Value {
    json!({
        "key": "a3f5d8c2e9b1f4a7",
        "file_path": "./.rr-cache/velox-binaries/a3/f5/a3f5d8c2e9b1f4a7.bin",
        "file_size": size,
        "created_at": time(fixture.now() - 2 * HOUR).replace('Z', "000000+00:00"),
        "expires_at": time(fixture.now() + HOUR),
        "accessed_at": time(fixture.now() - HOUR),
        "build_config": {
            "request_id": "b66d5617-9c1c-4dd0-9d0f-6f9ab1a4a5d7",
            "force_rebuild": false,
            "target_platform": {"os": "linux", "arch": "amd64"},
            "rr_version": "v2025.1.2",
            "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.2.7"}],
        },
    })
}

#[test]
fn both_shapes_of_an_old_cache_are_taken_over_at_first_start() {
    let canonical = r#"{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{"module":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"}]}"#;
    for shape in [documented, coded] {
        let fixture = Fixture::new();
        old_binary(&fixture, ENTRY, b"old binary");
        let entry = shape(&fixture, 10);
        write_index(
            &fixture,
            &json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": entry}}),
        );
        let store = fixture.open();
        let digest = ConfigDigest::of(canonical.as_bytes());
        let record = store.find_exact(Key(ENTRY), digest).unwrap();
        assert_eq!(
            record.sha256,
            <[u8; 32]>::from(Sha256::digest("old binary"))
        );
        assert_eq!(record.created_ms, fixture.now() - 2 * HOUR);
        assert_eq!(record.expires_ms, fixture.now() + HOUR);
        assert!(store.verify(&record).unwrap());
        assert_eq!(store.config(&record).unwrap().to_string(), canonical);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &store.path(&record).metadata().unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o755);
    }
}

#[test]
fn last_use_is_imported() {
    let fixture = Fixture::new();
    old_binary(&fixture, ENTRY, b"old binary");
    let entry = documented(&fixture, 10);
    write_index(
        &fixture,
        &json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": entry}}),
    );
    let store = fixture.open();
    assert_eq!(
        store.peek(Key(ENTRY)).unwrap().accessed_ms,
        fixture.now() - HOUR
    );
}

#[test]
fn import_skips_absent_expired_and_malformed_entries() {
    let fixture = Fixture::new();
    old_binary(&fixture, ENTRY, b"old binary");
    old_binary(&fixture, 2, b"too long");
    old_binary(&fixture, 3, b"expired");
    let mut expired = documented(&fixture, 7);
    expired["expires_at"] = time(fixture.now() - 1).into();
    write_index(
        &fixture,
        &json!({"version": 1, "entries": {
            "a3f5d8c2e9b1f4a7": documented(&fixture, 10),
            "0000000000000001": documented(&fixture, 10),
            "0000000000000002": documented(&fixture, 3),
            "0000000000000003": expired,
            "0000000000000004": {"file_path": 7},
            "../../../etc/pass": documented(&fixture, 10),
            "nonsense": null,
        }}),
    );
    let store = fixture.open();
    let keys: Vec<Key> = store
        .entries(10, None)
        .iter()
        .map(|record| record.key)
        .collect();
    assert_eq!(keys, [Key(ENTRY)]);
}

#[test]
fn unreadable_index_json_does_not_prevent_the_start() {
    for text in ["", "{", "[]", "{\"entries\": 5}", "\u{0}\u{0}"] {
        let fixture = Fixture::new();
        fs::write(fixture.dir.path().join("index.json"), text).unwrap();
        let store = fixture.open();
        assert_eq!(store.stats().entries, 0);
        put(&store, 1, b"binary");
    }
}

#[test]
fn plugin_cache_is_imported_once() {
    let fixture = Fixture::new();
    old_binary(&fixture, ENTRY, b"old binary");
    let entry = documented(&fixture, 10);
    let index = json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": entry}});
    write_index(&fixture, &index);
    let store = fixture.open();
    assert!(store.forget(Key(ENTRY)).unwrap());
    old_binary(&fixture, ENTRY, b"old binary");
    write_index(&fixture, &index);
    store.prepare().unwrap();
    assert_eq!(store.find(Key(ENTRY)), None);
    assert_eq!(store.import().unwrap(), 1, "but when asked for");
}

#[test]
fn binary_replaced_during_the_import_is_not_imported() {
    let fixture = Fixture::new();
    old_binary(&fixture, ENTRY, b"old binary");
    let entry = documented(&fixture, 10);
    write_index(
        &fixture,
        &json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": entry}}),
    );
    let store = Store::attach(fixture.options(), fixture.clock.clone()).unwrap();
    let place = shard_path(&fixture, Key(ENTRY));
    crate::failpoint::tests::set(move |at| {
        if at == "import.hashed" {
            fs::write(place.join("new"), "new binary").unwrap();
            fs::rename(place.join("new"), place.join("a3f5d8c2e9b1f4a7.bin")).unwrap();
        }
    });
    assert_eq!(store.import().unwrap(), 0);
    crate::failpoint::tests::clear();
    assert_eq!(store.find(Key(ENTRY)), None);
}

#[test]
fn removal_during_an_import_leaves_no_metadata_without_binary() {
    let fixture = Fixture::new();
    old_binary(&fixture, ENTRY, b"old binary");
    let entry = documented(&fixture, 10);
    write_index(
        &fixture,
        &json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": entry}}),
    );
    let attach = || Store::attach(fixture.options(), fixture.clock.clone()).unwrap();
    let (store, other) = (attach(), attach());
    for point in ["import.hashed", "import.named"] {
        let remover = attach();
        crate::failpoint::tests::set(move |at| {
            if at == point {
                // While the importer holds the lock, neither succeeds.
                let _ = remover.import();
                let _ = remover.forget(Key(ENTRY));
            }
        });
        store.import().unwrap();
        crate::failpoint::tests::clear();
        // Read from disk: a record whose binary is gone is none.
        let record = other.read_disk(Key(ENTRY)).unwrap();
        let metadata = shard_path(&fixture, Key(ENTRY)).join("a3f5d8c2e9b1f4a7.json");
        assert_eq!(record.is_some(), metadata.exists(), "{point}");
        old_binary(&fixture, ENTRY, b"old binary");
    }
}

#[test]
fn export_is_readable_for_plugin_and_pillion() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let record = put(&store, 0xab01 << 48, b"binary");
    fixture.advance(5000);
    store.find(record.key).unwrap();
    store.export().unwrap();
    let text = fs::read_to_string(fixture.dir.path().join("index.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        index,
        json!({"version": 1, "entries": {"ab01000000000000": {
            "key": "ab01000000000000",
            "file_path": "ab/01/ab01000000000000.bin",
            "file_size": 6,
            "created_at": time(record.created_ms),
            "expires_at": time(record.expires_ms),
            "accessed_at": time(record.created_ms + 5000),
            "build_config": meta(0xab01 << 48).config,
        }}})
    );
    assert!(
        text.starts_with("{\n  \"version\": 1,\n  \"entries\": {\n    \"ab01"),
        "{text}"
    );
    let path = fixture.dir.path().join(
        index["entries"]["ab01000000000000"]["file_path"]
            .as_str()
            .unwrap(),
    );
    assert_eq!(fs::read(path).unwrap(), b"binary");
}

#[test]
fn export_is_written_only_after_a_change() {
    let fixture = Fixture::new();
    let store = fixture.open();
    put(&store, 1, b"binary");
    let path = fixture.dir.path().join("index.json");
    store.export().unwrap();
    fs::write(&path, "untouched").unwrap();
    store.export().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"untouched");
    put(&store, 2, b"binary");
    store.export().unwrap();
    assert_ne!(fs::read(&path).unwrap(), b"untouched");
    fs::remove_file(&path).unwrap();
    store.export().unwrap();
    assert!(path.exists(), "or when it is gone");
}

#[test]
fn plugin_index_is_imported_before_an_export_replaces_it() {
    let fixture = Fixture::new();
    let store = fixture.open();
    put(&store, 1, b"binary");
    old_binary(&fixture, ENTRY, b"old binary");
    let entry = documented(&fixture, 10);
    write_index(
        &fixture,
        &json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": entry}}),
    );
    store.export().unwrap();
    assert!(store.find(Key(ENTRY)).is_some());
    let text = fs::read_to_string(fixture.dir.path().join("index.json")).unwrap();
    assert!(text.contains("a3f5d8c2e9b1f4a7") && text.contains("0000000000000001"));
}
