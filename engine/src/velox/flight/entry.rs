//! A record of the table of flights: 64 bytes, little-endian. Pure.
//!
//! | offset | bytes | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | key of the configuration |
//! | 8 | 8 | digest of the configuration |
//! | 16 | 8 | attempt: random, 0 = the record is empty |
//! | 24 | 4 | bit 0: forced |
//! | 28 | 4 | process id of the leader, for debugging |
//! | 32 | 4 | number of leaders that have died in this flight |
//! | 36 | 20 | zero |
//! | 56 | 8 | FNV-1a of the 56 bytes before |
//!
//! A record with a wrong checksum counts as empty: at worst a configuration is built twice.

use crate::velox::keys::config_keys::ConfigKeys;

pub(super) const RECORD_LEN: usize = 64;

/// Identifies a flight by its configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FlightId {
    /// The plain key.
    pub key: u64,
    /// The exact digest.
    pub digest: u64,
}

impl FlightId {
    /// Identifies the flight of a configuration.
    pub(in crate::velox) fn of(keys: &ConfigKeys) -> Self {
        Self {
            key: keys.key.0,
            digest: keys.digest.0,
        }
    }
}

/// One record of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FlightEntry {
    pub(super) id: FlightId,
    /// 0 in an empty record.
    pub(super) attempt: u64,
    pub(super) forced: bool,
    pub(super) pid: u32,
    pub(super) deaths: u32,
}

impl FlightEntry {
    pub(super) fn is_empty(&self) -> bool {
        self.attempt == 0
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD_LEN);
        for long in [self.id.key, self.id.digest, self.attempt] {
            bytes.extend(long.to_le_bytes());
        }
        for short in [u32::from(self.forced), self.pid, self.deaths] {
            bytes.extend(short.to_le_bytes());
        }
        bytes.resize(RECORD_LEN - 8, 0);
        bytes.extend(fnv(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Self {
        let long = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|part| part.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        let short = |at: usize| {
            bytes
                .get(at..at + 4)
                .and_then(|part| part.try_into().ok())
                .map_or(0, u32::from_le_bytes)
        };
        let is_valid = bytes
            .get(..RECORD_LEN - 8)
            .is_some_and(|body| fnv(body) == long(RECORD_LEN - 8));
        if !is_valid {
            return Self::default();
        }
        Self {
            id: FlightId {
                key: long(0),
                digest: long(8),
            },
            attempt: long(16),
            forced: short(24) & 1 == 1,
            pid: short(28),
            deaths: short(32),
        }
    }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
