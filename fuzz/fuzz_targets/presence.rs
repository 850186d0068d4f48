//! Presence files of other processes, of one that is alive and of one that is dead.
#![no_main]

use std::{cell::OnceCell, fs};

use pillion_engine::host::{
    lock::{Lock, LockMode},
    presence::list_alive,
};

struct PresenceDir {
    dir: tempfile::TempDir,
    _lock: Lock,
}

thread_local!(static DIR: OnceCell<PresenceDir> = const { OnceCell::new() });

fn presence_dir() -> PresenceDir {
    let dir = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a directory");
    let lock = Lock::attempt(&dir.path().join("alive.json"), LockMode::Exclusive)
        .expect("a lock")
        .expect("free");
    PresenceDir { dir, _lock: lock }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    DIR.with(|presence| {
        let dir = presence.get_or_init(presence_dir).dir.path();
        fs::write(dir.join("alive.json"), bytes).expect("written");
        fs::write(dir.join("dead.json"), bytes).expect("written");
        assert!(list_alive(dir).len() <= 1);
        assert!(!dir.join("dead.json").exists());
    });
});
