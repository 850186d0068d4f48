//! The sessions that were ended before their time, in a file of the state directory, so that they stay ended when the
//! server restarts. The file is small and is replaced as a whole. Threads that may block.
//!
//! Layout of the file: for each session its id of 16 bytes and its expiry in Unix seconds, 8 bytes.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use pillion_engine::host::files;

/// Sessions that are remembered.
const MAX_ENDED: usize = 4096;
const RECORD: usize = 16 + 8;

/// The id of a session.
pub(super) type Id = [u8; 16];

/// The ended sessions of a server.
#[derive(Debug)]
pub(super) struct EndedSessions {
    path: PathBuf,
    /// Expiry by id.
    ended: Mutex<HashMap<Id, u64>>,
}

impl EndedSessions {
    /// Reads the file, if it exists.
    pub(super) fn open(path: PathBuf) -> Self {
        let read = files::read(&path, (MAX_ENDED * RECORD) as u64);
        let bytes = read.unwrap_or_else(|error| {
            log::error!(path = path.display().to_string(), error:%; "ended sessions not read");
            None
        });
        let bytes = bytes.unwrap_or_default();
        let records = bytes.chunks_exact(RECORD).filter_map(|record| {
            let (id, expires) = record.split_first_chunk::<16>()?;
            Some((*id, u64::from_be_bytes(expires.try_into().ok()?)))
        });
        Self {
            ended: Mutex::new(records.collect()),
            path,
        }
    }

    /// Whether a session was ended.
    pub(super) fn contains(&self, id: &Id) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.contains_key(id)
    }

    /// Adds a session, and forgets those that have expired at `now`.
    pub(super) fn add(&self, id: Id, expires: u64, now: u64) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, expires| *expires > now);
        if ended.len() >= MAX_ENDED {
            log::warn!("too many ended sessions of the dashboard: the oldest one is valid again");
            let oldest = ended.iter().min_by_key(|(_, expires)| **expires);
            if let Some(id) = oldest.map(|(id, _)| *id) {
                ended.remove(&id);
            }
        }
        ended.insert(id, expires);
        // Under the lock, so that the file has the newest state.
        if let Err(error) = self.save(&ended) {
            log::error!(path = self.path.display().to_string(), error:%; "ended session not saved");
        }
    }

    fn save(&self, ended: &HashMap<Id, u64>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(ended.len() * RECORD);
        for (id, expires) in ended {
            bytes.extend(id);
            bytes.extend(expires.to_be_bytes());
        }
        let temporary = self.path.with_extension("new");
        // Left by a process that was killed.
        let _ = fs::remove_file(&temporary);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&bytes)?;
        fs::rename(&temporary, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_sessions_survive_a_restart_until_they_expire() {
        let dir = tempfile::tempdir().unwrap();
        let open = || EndedSessions::open(dir.path().join("ended"));
        let ended = open();
        ended.add([1; 16], 100, 50);
        ended.add([2; 16], 200, 50);
        assert!(open().contains(&[1; 16]) && open().contains(&[2; 16]));
        open().add([3; 16], 300, 150);
        assert!(!open().contains(&[1; 16]) && open().contains(&[3; 16]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn file_and_memory_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ended");
        let full: Vec<u8> = (0..MAX_ENDED as u128)
            .flat_map(|id| [id.to_be_bytes().to_vec(), 1000_u64.to_be_bytes().to_vec()].concat())
            .collect();
        fs::write(&path, full).unwrap();
        EndedSessions::open(path.clone()).add([255; 16], 2000, 1);
        assert_eq!(
            fs::metadata(&path).unwrap().len() as usize,
            MAX_ENDED * RECORD
        );
        assert!(EndedSessions::open(path.clone()).contains(&[255; 16]));
        // A damaged end loses its record alone.
        fs::write(&path, [&[7; RECORD][..], &[1]].concat()).unwrap();
        assert!(EndedSessions::open(path).contains(&[7; 16]));
    }
}
