use super::*;

#[test]
fn changes_are_applied_from_a_position() {
    let dir = tempfile::tempdir().unwrap();
    let disk = CacheDir::new(dir.path().to_owned(), None);
    assert_eq!(since(&disk, Position::default()).unwrap(), Changes::None);
    let first = append(&disk, Key(1)).unwrap();
    assert_eq!(
        since(&disk, Position::default()).unwrap(),
        Changes::Unknown(first)
    );
    append(&disk, Key(3)).unwrap();
    append(&disk, Key(2)).unwrap();
    let last = append(&disk, Key(3)).unwrap();
    assert_eq!(last.offset, first.offset + 3 * RECORD);
    let news = since(&disk, first).unwrap();
    assert_eq!(news, Changes::Keys(vec![Key(2), Key(3)], last));
    assert_eq!(since(&disk, last).unwrap(), Changes::None);
}

#[test]
fn replaced_torn_or_cut_journal_means_unknown_changes() {
    let dir = tempfile::tempdir().unwrap();
    let disk = CacheDir::new(dir.path().to_owned(), None);
    let first = append(&disk, Key(1)).unwrap();
    let path = dir.path().join(META_DIR).join(NAME);

    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    log.write_all(&[7; 16]).unwrap();
    assert!(matches!(since(&disk, first).unwrap(), Changes::Unknown(_)));

    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(16)
        .unwrap();
    assert!(matches!(since(&disk, first).unwrap(), Changes::Unknown(_)));

    std::fs::remove_file(&path).unwrap();
    assert!(matches!(since(&disk, first).unwrap(), Changes::Unknown(_)));
    let anew = append(&disk, Key(1)).unwrap();
    assert_ne!(anew.file, first.file);
    assert_eq!(since(&disk, first).unwrap(), Changes::Unknown(anew));

    std::fs::write(&path, "not ours at all, but long enough").unwrap();
    assert!(append(&disk, Key(1)).is_ok(), "it is replaced");
}

#[test]
fn long_journal_is_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let disk = CacheDir::new(dir.path().to_owned(), None);
    let first = append(&disk, Key(1)).unwrap();
    restart_if_full(&disk).unwrap();
    assert_eq!(end(&disk).unwrap(), first);
    let path = dir.path().join(META_DIR).join(NAME);
    let log = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    log.set_len(MAX_LEN + RECORD).unwrap();
    restart_if_full(&disk).unwrap();
    assert_eq!(end(&disk).unwrap().offset, RECORD);
}

#[test]
fn no_change_is_lost_between_threads() {
    let dir = tempfile::tempdir().unwrap();
    let disk = CacheDir::new(dir.path().to_owned(), None);
    let first = append(&disk, Key(u64::MAX)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let disk = &disk;
            scope.spawn(move || {
                for n in 0..100 {
                    append(disk, Key(thread * 100 + n)).unwrap();
                }
            });
        }
    });
    let Changes::Keys(keys, _) = since(&disk, first).unwrap() else {
        panic!("not followed");
    };
    assert_eq!(keys, (0..400).map(Key).collect::<Vec<_>>());
}
