//! UUIDs as RFC 9562 lays them out: sixteen bytes as one number, in which version and variant stand over
//! what was random there. Any thread.

use crate::{Error, Result};

/// A random one (version 4).
///
/// # Errors
/// The system has no randomness.
pub fn v4() -> Result<u128> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    Ok(stamped(u128::from_be_bytes(bytes), 4))
}

/// One that sorts by time (version 7), from milliseconds since 1970, of which 48 bits count.
///
/// # Errors
/// The system has no randomness.
pub fn v7(unix_ms: u64) -> Result<u128> {
    let mut random = [0; 10];
    fill(&mut random)?;
    Ok(v7_of(unix_ms, random))
}

fn v7_of(unix_ms: u64, random: [u8; 10]) -> u128 {
    let random = random
        .iter()
        .fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let time = u128::from(unix_ms & 0xffff_ffff_ffff);
    stamped((time << 80) | random, 7)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::Internal(error.to_string()))
}

fn stamped(bits: u128, version: u128) -> u128 {
    (bits & !(0xf << 76) & !(0b11 << 62)) | (version << 76) | (0b10 << 62)
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lower case.
#[must_use]
pub fn text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or(""));
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn version_7_is_that_of_the_rfcs_example() {
        // RFC 9562, appendix A.6.
        let random = [0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F];
        let id = v7_of(0x017F_22E2_79B0, random);
        assert_eq!(text(id), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn version_4_says_so_and_is_another_each_time() {
        let (one, other) = (text(v4().unwrap()), text(v4().unwrap()));
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(id.as_bytes().get(14), Some(&b'4'), "{id}");
            assert!(
                matches!(id.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b')),
                "{id}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_later_one_of_version_7_sorts_later(ms in 0u64..(1 << 47), random: [u8; 10]) {
            prop_assert!(text(v7_of(ms + 1, random)) > text(v7_of(ms, random)));
        }
    }
}
