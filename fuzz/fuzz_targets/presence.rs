//! Presence files of other processes, locked and unlocked.
#![no_main]

use std::{cell::OnceCell, fs};

use pillion_engine::host::{
    lock::{Lock, LockMode},
    presence::list_alive,
};

struct Place {
    dir: tempfile::TempDir,
    _held: Lock,
}

thread_local!(static PLACE: OnceCell<Place> = const { OnceCell::new() });

fn place() -> Place {
    let dir = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a directory");
    let held = Lock::attempt(&dir.path().join("held.json"), LockMode::Exclusive)
        .expect("a lock")
        .expect("free");
    Place { dir, _held: held }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    PLACE.with(|known| {
        let dir = known.get_or_init(place).dir.path();
        fs::write(dir.join("held.json"), bytes).expect("written");
        fs::write(dir.join("dead.json"), bytes).expect("written");
        assert!(list_alive(dir).len() <= 1);
        assert!(!dir.join("dead.json").exists());
    });
});
