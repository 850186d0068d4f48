//! Seven tags of eight bits in one word, compared at once, and the count of those who had to move on
//! to a later group. Pure functions; any thread.

use super::layout::GROUP_SLOTS;
use crate::artifacts::Key;

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

    /// The slot of its group in which a record lives if that was free: a lookup has the memory begin
    /// to fetch it before the tags have said where to look.
    #[inline]
    pub(super) const fn favourite(hash: u64) -> usize {
        ((((hash >> 8) & 0xff) * GROUP_SLOTS as u64) >> 8) as usize
    }

    /// The first empty slot of the group, from the favourite on.
    pub(super) fn free(self, hash: u64) -> Option<usize> {
        let first = Self::favourite(hash);
        (first..GROUP_SLOTS)
            .chain(0..first)
            .find(|slot| self.get(*slot) == 0)
    }

    /// How many of its slots are taken.
    pub(super) fn used(self) -> u64 {
        (0..GROUP_SLOTS).filter(|slot| self.get(*slot) != 0).count() as u64
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

#[cfg(test)]
mod tests {
    use super::{super::layout::Geometry, *};

    #[test]
    fn every_tag_is_found_where_it_was_put() {
        for tag in 1..=255u8 {
            for slot in 0..GROUP_SLOTS {
                let tags = Tags(0).with(slot, tag).with(7, tag);
                assert_eq!(tags.matches(tag).trailing_zeros() as usize / 8, slot);
                assert!(tag == 0x80 || tags.matches(tag ^ 0x80) == 0);
            }
        }
    }

    #[test]
    fn a_record_gets_its_favourite_slot_or_the_next_free_one() {
        for hash in (0..1 << 16).step_by(256) {
            let favourite = Tags::favourite(hash);
            let alone = Tags(0).with(favourite, 9);
            assert_eq!(Tags(0).free(hash), Some(favourite));
            assert_eq!(alone.free(hash), Some((favourite + 1) % GROUP_SLOTS));
        }
        assert_eq!(
            (0..7)
                .fold(Tags(0), |tags, slot| tags.with(slot, 1))
                .free(0),
            None
        );
        let all = (0..256).map(|n| Tags::favourite(n << 8));
        assert_eq!(
            all.collect::<std::collections::HashSet<_>>().len(),
            GROUP_SLOTS
        );
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
