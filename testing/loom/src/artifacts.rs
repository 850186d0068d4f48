//! Keys and records of the artifact index, compiled from the engine's files.

pub mod index;
#[path = "../../../engine/src/artifacts/key.rs"]
mod key;
#[path = "../../../engine/src/artifacts/record.rs"]
mod record;

pub(crate) use key::{ConfigDigest, Key};
pub(crate) use record::IndexRecord;

pub(crate) mod journal {
    //! The journal is a file; the index stores a position in it only.

    pub(crate) const RECORD: u64 = 32;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub(crate) struct Position {
        pub file: u64,
        pub offset: u64,
    }
}

mod file_names {
    //! Names of files are not part of any scene.
    use super::{Key, key::hex};

    pub(super) fn binary_name(key: Key, sha256: &[u8; 32]) -> String {
        format!("{key}.{}.bin", hex(sha256))
    }
}
