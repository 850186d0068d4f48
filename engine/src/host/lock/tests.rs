use super::*;

#[test]
fn second_exclusive_lock_is_refused_and_dropped_one_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.lock");
    let first = Lock::attempt(&path, LockMode::Exclusive).unwrap().unwrap();
    assert!(Lock::attempt(&path, LockMode::Exclusive).unwrap().is_none());
    assert!(Lock::is_held(&path).unwrap());
    drop(first);
    assert!(!Lock::is_held(&path).unwrap());
    assert!(Lock::attempt(&path, LockMode::Shared).unwrap().is_some());
}

#[test]
fn shared_locks_exclude_an_exclusive_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.lock");
    let first = Lock::attempt(&path, LockMode::Shared).unwrap().unwrap();
    let second = Lock::attempt(&path, LockMode::Shared).unwrap().unwrap();
    assert!(Lock::attempt(&path, LockMode::Exclusive).unwrap().is_none());
    drop(first);
    assert!(second.convert(LockMode::Exclusive).unwrap());
}

#[test]
fn replaced_lock_file_is_not_current() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.lock");
    let old = Lock::attempt(&path, LockMode::Exclusive).unwrap().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(!old.is_current());
    let new = Lock::attempt(&path, LockMode::Exclusive).unwrap().unwrap();
    assert!(new.is_current());
}

#[test]
fn symbolic_link_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    std::fs::write(&target, "").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(Lock::attempt(&link, LockMode::Exclusive).is_err());
}

#[test]
fn lock_of_a_killed_process_is_free_though_its_child_lives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.lock");
    fork::install();
    let (read, write) = std::io::pipe().unwrap();
    // SAFETY: the child uses only functions that are safe after a fork, and ends with _exit or a signal.
    let holder = unsafe { libc::fork() };
    if holder == 0 {
        let _lock = Lock::attempt(&path, LockMode::Exclusive).unwrap().unwrap();
        // SAFETY: as above.
        let grandchild = unsafe { libc::fork() };
        if grandchild == 0 {
            drop(read);
            std::thread::sleep(Duration::from_secs(12));
        } else {
            std::io::Write::write_all(&mut &write, b"x").unwrap();
            std::thread::sleep(Duration::from_secs(12));
        }
        // SAFETY: ends the child without running the test harness's own exit.
        unsafe { libc::_exit(0) };
    }
    let mut byte = [0];
    std::io::Read::read_exact(&mut &read, &mut byte).unwrap();
    assert!(Lock::is_held(&path).unwrap());
    // SAFETY: `holder` is our child.
    unsafe { libc::kill(holder, libc::SIGKILL) };
    // SAFETY: as above.
    unsafe { libc::waitpid(holder, std::ptr::null_mut(), 0) };
    // The grandchild may not have run since the fork; it sleeps for longer than this.
    let died = Instant::now();
    while Lock::is_held(&path).unwrap() && died.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(died.elapsed() < Duration::from_secs(10));
}
