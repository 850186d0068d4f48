//! The files that are being sent. All clients of one file share one descriptor: a part is sent from its own position.
//! Threads that may block.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// Open files by device and inode.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Mutex<HashMap<(u64, u64), Weak<File>>>);

impl OpenFiles {
    /// Returns the descriptor of this file that is open already, or this one.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn share(&self, file: File) -> io::Result<Arc<File>> {
        let found = file.metadata()?;
        // Keeps its inode from being given to another file for as long as it lives.
        let file = Arc::new(file);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open
            .get(&(found.dev(), found.ino()))
            .and_then(Weak::upgrade);
        if let Some(known) = known {
            return Ok(known);
        }
        open.retain(|_, file| file.strong_count() > 0);
        open.insert((found.dev(), found.ino()), Arc::downgrade(&file));
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_file_share_its_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rr");
        std::fs::write(&path, "one").unwrap();
        let files = OpenFiles::default();
        let open = || files.share(File::open(&path).unwrap()).unwrap();
        let (first, second) = (open(), open());
        assert!(Arc::ptr_eq(&first, &second));
        std::fs::write(dir.path().join("other"), "two").unwrap();
        std::fs::rename(dir.path().join("other"), &path).unwrap();
        assert!(!Arc::ptr_eq(&first, &open()));
        drop((first, second));
        drop(open());
        assert!(files.0.lock().unwrap().len() <= 1);
    }
}
