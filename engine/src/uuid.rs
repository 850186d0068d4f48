//! Random (version 4) and time-ordered (version 7) UUIDs. Their random bits are read here and not by the `uuid` crate,
//! because its generators panic if the system has no randomness. Any thread.

use uuid::{Builder, Uuid};

use crate::{Error, Result};

/// Returns a random UUID (version 4).
///
/// # Errors
/// The system has no randomness.
pub fn v4() -> Result<Uuid> {
    Ok(Builder::from_random_bytes(random()?).into_uuid())
}

/// Returns a UUID that sorts by time (version 7). `unix_ms` are milliseconds since 1970, of which 48 bits count.
///
/// # Errors
/// The system has no randomness.
pub fn v7(unix_ms: u64) -> Result<Uuid> {
    Ok(Builder::from_unix_timestamp_millis(unix_ms, &random()?).into_uuid())
}

fn random<const LEN: usize>() -> Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_4_and_7_and_ids_differ() {
        for [one, other] in [[v4(), v4()], [v7(1), v7(1)]] {
            assert_ne!(one.unwrap(), other.unwrap());
        }
        assert_eq!(v4().unwrap().get_version_num(), 4);
        // The time of RFC 9562, appendix A.6.
        let id = v7(0x017F_22E2_79B0).unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert!(id.to_string().starts_with("017f22e2-79b0-7"));
    }

    #[test]
    fn later_ids_of_version_7_sort_later() {
        let ids = [1, 2, 1 << 40, (1 << 48) - 1].map(|ms| v7(ms).unwrap().to_string());
        assert!(ids.is_sorted());
    }
}
