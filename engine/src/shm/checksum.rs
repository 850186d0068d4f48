//! Checksum of a record of two parts, which is part of file formats and never changes: four lanes of 64×64→128-bit
//! multiplications, folded (the construction of wyhash), about 30 bytes a nanosecond. It detects a torn page of a disk
//! and is no protection against malice. Any thread.

const KEYS: [u64; 8] = [
    0x2d35_8dcc_aa6c_78a5,
    0x8bb8_4b93_962e_acc9,
    0x4b33_a62e_d433_d4a3,
    0x4d5a_2da5_1de1_aa47,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
];

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline(always)]
fn word(bytes: &[u8; 64], index: usize) -> u64 {
    let mut word = [0; 8];
    if let Some(part) = bytes.get(index * 8..index * 8 + 8) {
        word.copy_from_slice(part);
    }
    u64::from_le_bytes(word)
}

#[inline(always)]
fn block(lanes: &mut [u64; 4], bytes: &[u8; 64]) {
    let [a, b, c, d] = lanes;
    let [k0, k1, k2, k3, k4, k5, k6, k7] = KEYS;
    *a = fold(word(bytes, 0) ^ k0 ^ *a, word(bytes, 1) ^ k1);
    *b = fold(word(bytes, 2) ^ k2 ^ *b, word(bytes, 3) ^ k3);
    *c = fold(word(bytes, 4) ^ k4 ^ *c, word(bytes, 5) ^ k5);
    *d = fold(word(bytes, 6) ^ k6 ^ *d, word(bytes, 7) ^ k7);
}

/// The checksum of the two parts of a record. It depends on where the first one ends.
#[must_use]
pub(crate) fn of_parts(first: &[u8], second: &[u8]) -> u64 {
    let mut lanes = [first.len() as u64, second.len() as u64, 0, 0];
    for part in [first, second] {
        let mut blocks = part.chunks_exact(64);
        for chunk in &mut blocks {
            if let Ok(chunk) = chunk.try_into() {
                block(&mut lanes, chunk);
            }
        }
        let rest = blocks.remainder();
        let mut last = [0; 64];
        if let Some(head) = last.get_mut(..rest.len()) {
            head.copy_from_slice(rest);
        }
        block(&mut lanes, &last);
    }
    let [a, b, c, d] = lanes;
    fold(a ^ b.rotate_left(17), c ^ d.rotate_left(41)) ^ a ^ d
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn checksum_is_the_one_in_files_of_older_processes() {
        assert_eq!(of_parts(b"", b""), 0xaefd_ec59_7d52_f2bc);
        assert_eq!(
            of_parts(b"dsn", b"{}\n{\"type\":\"event\"}\n{}"),
            0xe487_c53e_f7c7_caf4
        );
    }

    proptest! {
        #[test]
        fn one_changed_bit_changes_the_checksum(
            bytes in proptest::collection::vec(any::<u8>(), 1..300),
            at in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let mut changed = bytes.clone();
            let at = at.index(bytes.len());
            changed[at] ^= 1 << bit;
            prop_assert_ne!(of_parts(b"d", &bytes), of_parts(b"d", &changed));
            prop_assert_ne!(of_parts(b"", &bytes), of_parts(&bytes, b""));
        }
    }
}
