//! A record as the words of a slot, with a checksum over all words that only writers change: words that were not stored
//! together are no record. Pure functions; any thread.

use super::layout::SLOT_WORDS;
use crate::artifacts::{ConfigDigest, IndexRecord, Key};

/// State of a slot with a record.
pub(super) const LIVE: u64 = 1;

/// The words of a slot except the first, as they are in memory.
pub(super) type Body = [u64; SLOT_WORDS - 1];

/// Encodes a record.
pub(super) fn encode(record: &IndexRecord) -> Body {
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

/// Decodes a record; `None` if the words were not stored together.
#[inline]
pub(super) fn decode(body: &Body) -> Option<IndexRecord> {
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
    Some(IndexRecord {
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

/// Checksum over all words that only writers change. Each word has an odd factor of its own, so that the products don't
/// wait for each other; any flipped bit changes the sum.
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
        // The upper half of the last word is the checksum.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::record::tests::sample;

    #[test]
    fn record_is_decoded_from_its_words() {
        let record = sample(5);
        assert_eq!(decode(&encode(&record)), Some(record));
    }

    #[test]
    fn flipped_bits_are_detected_except_in_the_last_use() {
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
    fn parts_of_two_records_are_no_record() {
        let (one, two) = (encode(&sample(5)), encode(&sample(6)));
        for cut in 1..SLOT_WORDS - 1 {
            let mut torn = one;
            torn[cut..].copy_from_slice(&two[cut..]);
            assert_eq!(decode(&torn), None, "cut at {cut}");
        }
    }
}
