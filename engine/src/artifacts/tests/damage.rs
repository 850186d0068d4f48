//! Bytes of the index that another program changes, before processes map it and while they have it mapped.

use std::os::unix::fs::FileExt as _;

use super::*;
use crate::host::clock;

/// A fixture with artifacts, and the file of its index open to be damaged.
struct Damaged {
    fixture: Fixture,
    store: Store,
    records: Vec<IndexRecord>,
    file: fs::File,
    whole: Vec<u8>,
}

impl Damaged {
    fn new(artifacts: u64) -> Self {
        let fixture = Fixture::in_memory();
        let store = fixture.open();
        let records = (1..=artifacts)
            .map(|key| put(&store, key << 32, &key.to_le_bytes()))
            .collect();
        // Beyond the grace period, so that it does not prevent an eviction.
        fixture.advance(LATER);
        store.clean(fixture.now()).unwrap();
        let path = store.stats().index_path.unwrap();
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let whole = fs::read(&path).unwrap();
        Self {
            fixture,
            store,
            records,
            file,
            whole,
        }
    }

    fn flip(&self, at: usize, bits: u8) {
        self.file
            .write_all_at(&[self.whole[at] ^ bits], at as u64)
            .unwrap();
    }

    fn mend(&self) {
        self.file.write_all_at(&self.whole, 0).unwrap();
    }

    /// Every answer is right or a miss. How many are misses.
    fn misses(&self, store: &Store, what: &str) -> usize {
        let mut misses = 0;
        for record in &self.records {
            match store.peek(record.key) {
                None => misses += 1,
                Some(found) => {
                    let same = IndexRecord {
                        accessed_ms: record.accessed_ms,
                        ..found
                    };
                    assert_eq!(same, *record, "{what}");
                }
            }
        }
        for absent in 1..100 {
            assert_eq!(store.peek(Key(absent)), None, "{what}");
        }
        misses
    }

    /// Cleaning, exporting and preparing remove nothing, and afterwards everything is found.
    fn heals(&self, what: &str) {
        // A commit evicts artifacts beyond the limits, by the current counts.
        let new = put_as(&self.store, replacing(1077), b"after the damage").unwrap();
        self.store.prepare().unwrap();
        assert!(self.store.verify(&new).unwrap(), "{what}");
        let report = self.store.clean(self.fixture.now()).unwrap();
        assert_eq!(
            (report.expired_removed, report.lru_removed),
            (0, 0),
            "{what}"
        );
        // The wrong tag was not noticed yet; the scan of the disk finds it.
        self.store.clean(self.fixture.now()).unwrap();
        assert_eq!(self.misses(&self.store, what), 0, "{what}");
        assert!(self.store.forget(Key(1077)).unwrap(), "{what}");
        let all = self.records.len() as u64;
        let stats = self.store.stats();
        assert_eq!((stats.entries, stats.bytes), (all, all * 8), "{what}");
        assert_eq!(self.store.entries(100, None).len() as u64, all, "{what}");
    }
}

/// Numbers that are the same in each run with the same seed.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn flipped_header_byte_gives_no_wrong_record_or_eviction() {
    let damaged = Damaged::new(40);
    // The words that mean something; those behind them are never read.
    for at in 0..24 * 8 {
        for bits in [0x01 << (at % 8), 0xff] {
            let what = format!("byte {at} of the header, bits {bits:02x}");
            damaged.flip(at, bits);
            assert_eq!(damaged.misses(&damaged.store, &what), 0);
            damaged.heals(&what);
            damaged.mend();
        }
    }
}

#[test]
fn damaged_header_is_used_or_replaced_and_nothing_is_lost() {
    for at in 0..24 * 8 {
        let damaged = Damaged::new(4);
        damaged.flip(at, 0x10);
        let what = format!("byte {at}");
        let late = damaged.fixture.open();
        assert_eq!(damaged.misses(&late, &what), 0, "{what}");
        let report = late.clean(damaged.fixture.now()).unwrap();
        assert_eq!(
            (report.expired_removed, report.lru_removed),
            (0, 0),
            "{what}"
        );
        // The process that had it mapped applies the journal, with any file at the path.
        put(&late, 78, b"from the late one");
        damaged.store.prepare().unwrap();
        assert!(damaged.store.find(Key(78)).is_some(), "{what}");
    }
}

#[test]
fn random_flipped_bits_are_misses_and_are_repaired() {
    let places: u64 = std::env::var("PILLION_DAMAGE").map_or(3_000, |n| n.parse().unwrap());
    let seed =
        std::env::var("PILLION_SEED").map_or_else(|_| clock::unix_ms() | 1, |n| n.parse().unwrap());
    random_bits(seed, places);
}

#[test]
fn record_stored_again_after_losing_its_tag_counts_once() {
    // The flips of this seed do that.
    random_bits(1_795_271_967_375, 2_300);
}

fn random_bits(seed: u64, places: u64) {
    let mut state = seed;
    let damaged = Damaged::new(40);
    let (mut misses, mut flips) = (0, 0);
    while flips < places {
        let many = 1 + random(&mut state) % 64;
        let what = format!("PILLION_SEED={seed}, after {flips} places, {many} at once");
        for _ in 0..many {
            let at = random(&mut state) as usize % damaged.whole.len();
            damaged.flip(at, 1 << (random(&mut state) % 8));
        }
        flips += many;
        misses += damaged.misses(&damaged.store, &what);
        damaged.heals(&what);
        damaged.mend();
    }
    assert!(misses > 0, "nothing that matters was hit");
}

#[test]
fn index_of_another_boot_or_length_is_replaced() {
    let damaged = Damaged::new(40);
    let path = damaged.store.stats().index_path.unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let newer = path.with_file_name(name.replace("index-v1-", "index-v2-"));
    fs::write(&newer, "of a version to come").unwrap();
    let older = path.with_file_name(name.replace("index-v1-", "index-v0-"));
    fs::write(&older, "of a version that was").unwrap();
    let whole = damaged.whole.len() as u64;
    for length in [
        0,
        1,
        7,
        8,
        4095,
        4096,
        4097,
        whole / 2,
        whole - 1,
        whole + 1,
        whole + 4096,
    ] {
        // In place of the old one, which stays mapped where it is mapped.
        let cut = path.with_extension("cut");
        fs::write(&cut, &damaged.whole).unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(&cut)
            .unwrap()
            .set_len(length)
            .unwrap();
        fs::rename(&cut, &path).unwrap();
        let late = damaged.fixture.open();
        assert_eq!(
            late.stats().index_path.as_ref(),
            Some(&path),
            "{length} bytes"
        );
        assert_eq!(damaged.misses(&late, "another length"), 0, "{length} bytes");
        assert_eq!(path.metadata().unwrap().len(), whole, "{length} bytes");
    }
    assert_eq!(damaged.misses(&damaged.store, "the old mapping"), 0);
    // The hash of the boot id, as after a restart of the machine that kept run_dir.
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(&[0x55; 8], 4 * 8)
        .unwrap();
    let late = damaged.fixture.open();
    assert_eq!(damaged.misses(&late, "another boot"), 0);
    assert_eq!(fs::read_to_string(&newer).unwrap(), "of a version to come");
    assert_eq!(fs::read_to_string(&older).unwrap(), "of a version that was");
}

#[test]
fn cut_file_is_not_mapped() {
    let damaged = Damaged::new(40);
    let path = damaged.store.stats().index_path.unwrap();
    let Damaged {
        fixture,
        store,
        records,
        file,
        whole,
    } = damaged;
    // No process may have it mapped when its owner cuts it: that is SIGBUS, and not promised to work.
    drop(store);
    for length in (0..whole.len() as u64).step_by(1021) {
        file.set_len(length).unwrap();
        let late = fixture.open();
        for record in &records {
            let found = late.peek(record.key).map(|found| found.sha256);
            assert_eq!(found, Some(record.sha256), "{length} bytes");
        }
        drop(late);
        fs::remove_file(&path).unwrap();
        fs::hard_link(
            format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)),
            &path,
        )
        .or_else(|_| fs::write(&path, &whole))
        .unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(&whole, 0).unwrap();
    }
}
