//! Groups of a hash table as in SwissTable and F14: seven tags of eight bits and an overflow count in one word. A
//! lookup compares all tags at once; the count of records that overflowed into later groups ends its search without
//! tombstones, since it goes down again when they leave. Pure functions; any thread.

/// Slots of a group.
pub(crate) const GROUP_SLOTS: usize = 7;
/// Byte of the overflow count in a group's word.
const OVERFLOW: usize = 7;

/// Spreads keys evenly, those too that were chosen by hand and not hashed.
#[inline]
pub(crate) const fn mix(key: u64) -> u64 {
    let folded = (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded ^ (folded >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The home group of a hash among so many.
#[inline]
pub(crate) const fn home(hash: u64, groups: usize) -> usize {
    ((hash as u128 * groups as u128) >> 64) as usize
}

/// The groups that a search for a hash visits, in order: the home group and those behind it, at most `limit`.
#[inline]
pub(crate) fn probe(hash: u64, groups: usize, limit: usize) -> Probe {
    Probe {
        group: home(hash, groups),
        groups,
        left: limit.min(groups),
    }
}

/// The iterator of [`probe`].
pub(crate) struct Probe {
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

/// The word of a group: its tags and its overflow count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags(pub(crate) u64);

impl Tags {
    const ONES: u64 = 0x0001_0101_0101_0101;

    /// The tag of a hash; never 0, which is the tag of an empty slot.
    #[inline]
    pub(crate) const fn tag(hash: u64) -> u8 {
        let tag = hash as u8;
        if tag == 0 { 1 } else { tag }
    }

    /// A bit, the highest of its byte, for each slot of that tag. A slot above a matching one may be reported wrongly;
    /// the caller compares keys anyway.
    #[inline]
    pub(crate) const fn matches(self, tag: u8) -> u64 {
        let differences = self.0 ^ (Self::ONES * tag as u64);
        differences.wrapping_sub(Self::ONES) & !differences & (Self::ONES << 7)
    }

    /// The slot of its group that a record gets if it is free: a lookup prefetches it before it has read the tags.
    #[inline]
    pub(crate) const fn preferred_slot(hash: u64) -> usize {
        ((((hash >> 8) & 0xff) * GROUP_SLOTS as u64) >> 8) as usize
    }

    /// The first empty slot of the group, from the preferred one on.
    pub(crate) fn free_slot(self, hash: u64) -> Option<usize> {
        let first = Self::preferred_slot(hash);
        (first..GROUP_SLOTS)
            .chain(0..first)
            .find(|slot| self.get(*slot) == 0)
    }

    /// How many slots are used.
    pub(crate) fn used(self) -> u64 {
        (0..GROUP_SLOTS).filter(|slot| self.get(*slot) != 0).count() as u64
    }

    /// The tag of a slot.
    pub(crate) const fn get(self, slot: usize) -> u8 {
        (self.0 >> (slot * 8)) as u8
    }

    /// The word with that tag for a slot.
    pub(crate) const fn with(self, slot: usize, tag: u8) -> Self {
        Self(self.0 & !(0xff << (slot * 8)) | (tag as u64) << (slot * 8))
    }

    /// How many records that belong into this or an earlier group are in a later one.
    #[inline]
    pub(crate) const fn overflow_count(self) -> u8 {
        self.get(OVERFLOW)
    }

    /// The word with the overflow count changed. At 255 the count is not exact any more, so it stays there.
    pub(crate) const fn add_overflow(self, by: i8) -> Self {
        match self.overflow_count() {
            255 => self,
            count => self.with(OVERFLOW, count.saturating_add_signed(by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_is_found_in_its_slot() {
        for tag in 1..=255u8 {
            for slot in 0..GROUP_SLOTS {
                let tags = Tags(0).with(slot, tag).with(OVERFLOW, tag);
                assert_eq!(tags.matches(tag).trailing_zeros() as usize / 8, slot);
                assert!(tag == 0x80 || tags.matches(tag ^ 0x80) == 0);
            }
        }
    }

    #[test]
    fn record_gets_its_preferred_slot_or_the_next_free_one() {
        for hash in (0..1 << 16).step_by(256) {
            let preferred = Tags::preferred_slot(hash);
            let alone = Tags(0).with(preferred, 9);
            assert_eq!(Tags(0).free_slot(hash), Some(preferred));
            assert_eq!(alone.free_slot(hash), Some((preferred + 1) % GROUP_SLOTS));
        }
        assert_eq!(
            (0..GROUP_SLOTS)
                .fold(Tags(0), |tags, slot| tags.with(slot, 1))
                .free_slot(0),
            None
        );
        let all = (0..256).map(|n| Tags::preferred_slot(n << 8));
        assert_eq!(
            all.collect::<std::collections::HashSet<_>>().len(),
            GROUP_SLOTS
        );
    }

    #[test]
    fn overflow_count_never_wraps() {
        assert_eq!(Tags(0).add_overflow(-1).overflow_count(), 0);
        let full = (0..300).fold(Tags(0), |tags, _| tags.add_overflow(1));
        assert_eq!(full.overflow_count(), 255);
        assert_eq!(full.add_overflow(-1).overflow_count(), 255);
    }

    #[test]
    fn keys_chosen_by_hand_spread_as_evenly_as_hashed_ones() {
        const GROUPS: usize = 183;
        for step in [1u64, 1 << 8, 1 << 32, 1 << 52] {
            let mut load = vec![0; GROUPS];
            for n in 0..1024u64 {
                load[home(mix(n.wrapping_mul(step)), GROUPS)] += 1;
            }
            assert!(load.iter().all(|count| *count < 24), "step {step}");
        }
    }

    #[test]
    fn search_visits_each_group_once_from_home_on() {
        let groups: Vec<_> = probe(u64::MAX, 5, 128).collect();
        assert_eq!(groups, [4, 0, 1, 2, 3]);
        assert_eq!(probe(0, 5, 3).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
