use super::*;

#[test]
fn living_are_listed_and_files_of_the_dead_removed() {
    let dir = tempfile::tempdir().unwrap();
    let first = Presence::join(dir.path(), describe("cli", 5)).unwrap();
    let second = Presence::join(dir.path(), describe("cli", 2)).unwrap();
    assert_ne!(first.name(), second.name());
    let asks: Vec<_> = first
        .list_alive()
        .iter()
        .map(|p| p.max_concurrent_builds)
        .collect();
    assert_eq!(asks.iter().min(), Some(&2));
    assert_eq!(asks.len(), 2);
    // As after kill -9: the file stays, and is not locked.
    let stale = dir.path().join("presence/1-dead.json");
    fs::write(&stale, "{}").unwrap();
    drop(second);
    assert_eq!(first.list_alive().len(), 1);
    assert!(!stale.exists());
}

#[test]
fn removed_presence_is_published_again() {
    let dir = tempfile::tempdir().unwrap();
    let presence = Presence::join(dir.path(), describe("cli", 5)).unwrap();
    assert!(presence.is_published());
    fs::remove_dir_all(dir.path().join("presence")).unwrap();
    assert!(!presence.is_published());
    assert!(presence.list_alive().is_empty());
    presence.renew().unwrap();
    assert!(presence.is_published());
    assert_eq!(presence.list_alive().len(), 1);
    drop(presence);
    let left = fs::read_dir(dir.path().join("presence")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn entry_that_is_no_regular_file_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let first = Presence::join(dir.path(), describe("cli", 5)).unwrap();
    let at = |name: &str| dir.path().join("presence").join(name);
    fs::create_dir(at("3-dir.json")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at("3-link.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("3-socket.json")).unwrap();
    assert_eq!(first.list_alive().len(), 1);
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn file_with_foreign_bytes_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let first = Presence::join(dir.path(), describe("cli", 5)).unwrap();
    let odd = dir.path().join("presence/2-odd.json");
    let _held = Lock::attempt(&odd, LockMode::Exclusive).unwrap().unwrap();
    fs::write(&odd, [0xff, 0xfe, b'{']).unwrap();
    assert_eq!(first.list_alive().len(), 1);
}
