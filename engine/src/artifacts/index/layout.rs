//! The index as words in a file. Frozen for [`SCHEMA`]: another layout is another schema, and that
//! is another file name, so that two versions of Pillion live side by side.
//!
//! ```text
//! header   512 words of 8 bytes, little-endian, see `word`
//! tags     one word a group: 7 tags of 8 bits, and in the highest byte how many records that
//!          belong here live in a later group; rounded up to 512 words
//! slots    7 a group, 12 words each:
//!          0 sequence (low half, odd while written) | state   1 key   2-5 sha256   6 size
//!          7 created   8 expires   9 accessed (readers write it)   10 digest   11 build_ms | checksum
//! ```
//!
//! A record lives in its home group or, where that is full, in one of the following. The tags are
//! small enough to stay in a processor cache, so that a lookup costs one miss of the memory even
//! among millions, and a miss costs none; the count of those who had to move on ends a search early and
//! needs no tombstones: it goes down again when they leave. Pure functions; any thread.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{ConfigDigest, Key, Record};

/// Version of this layout; part of the file's name.
pub(in crate::artifacts) const SCHEMA: u64 = 1;
/// The first word of every index, of all schemas.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"PILLIDX\n");

pub(super) const HEADER_WORDS: usize = 512;
pub(super) const SLOT_WORDS: usize = 12;
pub(super) const GROUP_SLOTS: usize = 7;
/// Groups that a search visits at most. At the fullest that an index gets, the farthest of a
/// million records lives some 40 groups from home.
const MAX_PROBES: usize = 128;
/// More would need 512 GiB.
const MAX_CAPACITY: u32 = u32::MAX / 2;

/// Places of the header's words.
pub(super) mod word {
    pub const MAGIC: usize = 0;
    pub const SCHEMA: usize = 1;
    pub const CAPACITY: usize = 2;
    pub const GROUPS: usize = 3;
    /// Hash of the boot id: after a crash of the machine the pages are of different ages.
    pub const BOOT: usize = 4;
    /// Even: filled from the disk at least once. Odd: not yet.
    pub const EPOCH: usize = 5;
    /// Not 0: the disk knows changes that the index missed.
    pub const RESCAN: usize = 6;
    /// The journal: two keys whose change may be under way, each with a word that is 1 while it is.
    pub const JOURNAL: [(usize, usize); 2] = [(7, 8), (9, 10)];
    pub const ENTRIES: usize = 11;
    pub const BYTES: usize = 12;
    /// Counts changes, for whoever exports only after one.
    pub const CHANGES: usize = 13;
    pub const EXPORTED: usize = 14;
    /// Up to where the log of changes beside the artifacts has been followed.
    pub const LOG_FILE: usize = 15;
    pub const LOG_OFFSET: usize = 16;
    /// The folder at which the next walk over the disk goes on.
    pub const WALK: usize = 17;
    pub const EVICTED_EXPIRED: usize = 18;
    pub const EVICTED_LRU: usize = 19;
}

/// State of a slot that holds a record.
pub(super) const LIVE: u64 = 1;

/// Sizes that follow from the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub capacity: u32,
    pub groups: usize,
}

impl Geometry {
    /// A quarter more slots than records, so that searches stay short.
    pub(super) fn of(capacity: u32) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let slots = capacity as usize + (capacity as usize).div_ceil(4);
        Self {
            capacity,
            groups: slots.div_ceil(GROUP_SLOTS).max(2),
        }
    }

    pub(super) const fn slots(self) -> usize {
        self.groups * GROUP_SLOTS
    }

    /// Place of a group's tags among the words.
    #[inline]
    pub(super) const fn tags(self, group: usize) -> usize {
        HEADER_WORDS + group
    }

    /// Place of a slot's first word.
    #[inline]
    pub(super) const fn slot(self, slot: usize) -> usize {
        HEADER_WORDS + self.groups.next_multiple_of(HEADER_WORDS) + slot * SLOT_WORDS
    }

    pub(super) const fn bytes(self) -> usize {
        (self.slot(self.slots()) * 8).next_multiple_of(4096)
    }

    /// The groups that a search for this hash visits, in order.
    #[inline]
    pub(super) fn probe(self, hash: u64) -> Probe {
        Probe {
            group: self.home(hash),
            groups: self.groups,
            left: MAX_PROBES.min(self.groups),
        }
    }

    #[inline]
    pub(super) const fn home(self, hash: u64) -> usize {
        ((hash as u128 * self.groups as u128) >> 64) as usize
    }
}

/// See [`Geometry::probe`].
pub(super) struct Probe {
    group: usize,
    groups: usize,
    left: usize,
}

impl Iterator for Probe {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let group = self.group;
        self.group = if group + 1 == self.groups {
            0
        } else {
            group + 1
        };
        Some(group)
    }
}

/// Spreads keys evenly, those too that were made up and not hashed.
#[inline]
pub(super) const fn mix(key: Key) -> u64 {
    let folded = (key.0 ^ (key.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded ^ (folded >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// One word of tags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tags(pub u64);

impl Tags {
    const ONES: u64 = 0x0001_0101_0101_0101;

    /// Never 0, which is the tag of an empty slot.
    #[inline]
    pub(super) const fn tag(hash: u64) -> u8 {
        let tag = hash as u8;
        if tag == 0 { 1 } else { tag }
    }

    /// A bit, the highest of its byte, for each slot of that tag. A slot above a right one may be
    /// named wrongly; whoever looks there compares keys anyhow.
    #[inline]
    pub(super) const fn matches(self, tag: u8) -> u64 {
        let differences = self.0 ^ (Self::ONES * tag as u64);
        differences.wrapping_sub(Self::ONES) & !differences & (Self::ONES << 7)
    }

    /// The first empty slot of the group.
    pub(super) fn free(self) -> Option<usize> {
        (0..GROUP_SLOTS).find(|slot| self.get(*slot) == 0)
    }

    pub(super) const fn get(self, slot: usize) -> u8 {
        (self.0 >> (slot * 8)) as u8
    }

    pub(super) const fn with(self, slot: usize, tag: u8) -> Self {
        Self(self.0 & !(0xff << (slot * 8)) | (tag as u64) << (slot * 8))
    }

    /// How many that belong into this or an earlier group live in a later one.
    #[inline]
    pub(super) const fn passed(self) -> u8 {
        self.get(7)
    }

    /// One more or one less went on. At 255 nobody knows any longer how many, so it stays there.
    pub(super) const fn pass(self, by: i8) -> Self {
        match self.passed() {
            255 => self,
            count => self.with(7, count.saturating_add_signed(by)),
        }
    }
}

/// The words of a slot but the first, as they stand in memory.
pub(super) type Body = [u64; SLOT_WORDS - 1];

/// A record as words.
pub(super) fn encode(record: &Record) -> Body {
    let (quarters, _) = record.sha256.as_chunks::<8>();
    let mut sha = quarters.iter().map(|quarter| u64::from_le_bytes(*quarter));
    let mut next = || sha.next().unwrap_or(0);
    let mut body = [
        record.key.0,
        next(),
        next(),
        next(),
        next(),
        record.size,
        record.created_ms,
        record.expires_ms,
        record.accessed_ms,
        record.digest.0,
        u64::from(record.build_ms),
    ];
    let sum = u64::from(checksum(&body)) << 32;
    if let Some(last) = body.last_mut() {
        *last |= sum;
    }
    body
}

/// The record; `None`: the words are not those that a writer stored.
#[inline]
pub(super) fn decode(body: &Body) -> Option<Record> {
    let [
        key,
        sha @ ..,
        size,
        created,
        expires,
        accessed,
        digest,
        last,
    ] = body;
    if (*last >> 32) as u32 != checksum(body) {
        return None;
    }
    let mut sha256 = [0; 32];
    for (target, word) in sha256.as_chunks_mut::<8>().0.iter_mut().zip(sha) {
        *target = word.to_le_bytes();
    }
    Some(Record {
        key: Key(*key),
        sha256,
        size: *size,
        created_ms: *created,
        expires_ms: *expires,
        accessed_ms: *accessed,
        build_ms: *last as u32,
        digest: ConfigDigest(*digest),
    })
}

/// Over all that only writers change. Each word has an odd factor of its own, so that the products
/// don't wait for each other; any one flipped bit changes the sum.
#[inline]
fn checksum(body: &Body) -> u32 {
    const FACTORS: Body = [
        0x9e37_79b9_7f4a_7c15,
        0xbf58_476d_1ce4_e5b9,
        0x94d0_49bb_1331_11eb,
        0xd6e8_feb8_6659_fd93,
        0xa076_1d64_78bd_642f,
        0xe703_7ed1_a0b4_28db,
        0x8ebc_6af0_9c88_c6e3,
        0x5899_65cc_7537_4cc3,
        0,
        0x1d8e_4e27_c47d_124f,
        0xeb44_acca_b455_d165,
    ];
    let mut sum = 0x2545_f491_4f6c_dd1du64;
    for (at, (word, factor)) in body.iter().zip(FACTORS).enumerate() {
        // Of the last word the upper half is the checksum itself.
        let word = if at == SLOT_WORDS - 2 {
            *word as u32 as u64
        } else {
            *word
        };
        let product = word.wrapping_add(factor) as u128 * factor as u128;
        sum = sum.wrapping_add(product as u64 ^ (product >> 64) as u64);
    }
    (sum ^ (sum >> 32)) as u32
}

/// A word as the processor has it.
#[inline]
pub(super) fn load(word: &AtomicU64, order: Ordering) -> u64 {
    u64::from_le(word.load(order))
}

/// Stores a word as the file has it.
#[inline]
pub(super) fn store(word: &AtomicU64, value: u64, order: Ordering) {
    word.store(value.to_le(), order);
}

#[cfg(test)]
mod tests {
    use super::{super::super::record::tests::sample, *};

    #[test]
    fn ten_thousand_entries_fit_into_two_million_bytes() {
        let geometry = Geometry::of(16_384);
        assert!(geometry.bytes() <= 2_000_000, "{}", geometry.bytes());
        assert!(geometry.slots() * 4 >= 16_384 * 5);
    }

    #[test]
    fn slots_lie_behind_the_tags_and_inside_the_file() {
        for capacity in [1, 7, 100, 16_384, 1_000_000] {
            let geometry = Geometry::of(capacity);
            assert!(geometry.tags(geometry.groups - 1) < geometry.slot(0));
            assert!(geometry.slot(geometry.slots()) * 8 <= geometry.bytes());
            assert_eq!(geometry.slot(0) * 8 % 4096, 0);
        }
    }

    #[test]
    fn a_record_reads_back_from_its_words() {
        let record = sample(5);
        assert_eq!(decode(&encode(&record)), Some(record));
    }

    #[test]
    fn any_flipped_bit_is_noticed_but_those_of_the_last_access() {
        let record = sample(5);
        for at in 0..SLOT_WORDS - 1 {
            for bit in 0..64 {
                let mut body = encode(&record);
                body[at] ^= 1 << bit;
                assert_eq!(decode(&body).is_some(), at == 8, "word {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn halves_of_two_records_are_none() {
        let (one, two) = (encode(&sample(5)), encode(&sample(6)));
        for cut in 1..SLOT_WORDS - 1 {
            let mut torn = one;
            torn[cut..].copy_from_slice(&two[cut..]);
            assert_eq!(decode(&torn), None, "cut at {cut}");
        }
    }

    #[test]
    fn every_tag_is_found_where_it_was_put() {
        for tag in 1..=255u8 {
            for slot in 0..GROUP_SLOTS {
                let tags = Tags(0).with(slot, tag).with(7, tag);
                assert_eq!(tags.matches(tag).trailing_zeros() as usize / 8, slot);
                assert!(tag == 0x80 || tags.matches(tag ^ 0x80) == 0);
                assert_eq!(tags.free(), Some(usize::from(slot == 0)));
            }
        }
    }

    #[test]
    fn the_count_of_those_who_went_on_never_wraps() {
        assert_eq!(Tags(0).pass(-1).passed(), 0);
        let full = (0..300).fold(Tags(0), |tags, _| tags.pass(1));
        assert_eq!(full.passed(), 255);
        assert_eq!(full.pass(-1).passed(), 255);
    }

    #[test]
    fn made_up_keys_spread_as_evenly_as_hashed_ones() {
        let geometry = Geometry::of(1024);
        for step in [1u64, 1 << 8, 1 << 32, 1 << 52] {
            let mut load = vec![0; geometry.groups];
            for n in 0..1024u64 {
                load[geometry.home(mix(Key(n.wrapping_mul(step))))] += 1;
            }
            assert!(load.iter().all(|count| *count < 24), "step {step}");
        }
    }
}
