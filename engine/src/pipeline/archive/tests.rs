//! Archives as a whole: golden bytes, trees that come back exactly, and hostile archives.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tempfile::{TempDir, tempdir, tempfile};

use super::{
    entry::{Entry, EntryPath, Kind},
    header::{self, BLOCK},
    *,
};
use crate::{Error, Result, artifacts::hex};

/// Path, mode, and content or target of everything below a directory.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let content = if about.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else if about.is_dir() {
                directories.push(path.clone());
                vec![]
            } else {
                fs::read(&path).unwrap()
            };
            found.insert(
                path.strip_prefix(root).unwrap().to_owned(),
                (about.mode(), content),
            );
        }
    }
    found
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>, mode: u32) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    set_mode(&path, mode);
}

/// A tree with one of everything.
fn sample() -> TempDir {
    let dir = tempdir().unwrap();
    let root = dir.path();
    write(root, "dist/app", "#!/bin/sh\n", 0o755);
    write(root, "dist/empty", "", 0o600);
    write(root, "dist/lib/a.js", vec![b'a'; 1500], 0o644);
    write(
        root,
        &format!("dist/{}/{}", "l".repeat(90), "n".repeat(90)),
        "long",
        0o444,
    );
    symlink("lib/a.js", root.join("dist/link")).unwrap();
    symlink("../app", root.join("dist/lib/up")).unwrap();
    symlink("t".repeat(150), root.join("dist/lib/far")).unwrap();
    fs::create_dir(root.join("dist/void")).unwrap();
    write(root, "out.txt", "ä", 0o640);
    write(root, "other", "not packed", 0o644);
    for directory in ["dist", "dist/lib", "dist/void"] {
        set_mode(&root.join(directory), 0o755);
    }
    set_mode(&root.join(format!("dist/{}", "l".repeat(90))), 0o500);
    dir
}

fn packed(root: &Path, outputs: &[&str]) -> (File, Packed) {
    let mut file = tempfile().unwrap();
    let packed = pack(root, outputs, &mut file).unwrap();
    (file, packed)
}

fn unpacked(file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = file.try_clone().unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    zstd::stream::read::Decoder::new(file)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

#[test]
fn tree_comes_back_exactly() {
    let from = sample();
    let (file, packed) = packed(from.path(), &["dist", "out.txt", "dist/lib"]);
    assert_eq!((packed.files, packed.bytes), (12, 10 + 1500 + 4 + 2));
    let to = tempdir().unwrap();
    let restored = restore(&file, to.path(), Limits::default()).unwrap();
    assert_eq!(
        (restored.files, restored.bytes),
        (packed.files, packed.bytes)
    );
    let mut expected = tree(from.path());
    expected.remove(Path::new("other")).unwrap();
    assert_eq!(tree(to.path()), expected);
    // Again, over the files that are there.
    restore(&file, to.path(), Limits::default()).unwrap();
    assert_eq!(tree(to.path()), expected);
}

#[test]
fn golden_archive_has_these_bytes() {
    let from = sample();
    let (file, _) = packed(from.path(), &["out.txt", "dist"]);
    let tar = unpacked(&file);
    assert_eq!(tar.len() % BLOCK, 0);
    assert_eq!(
        hex(&Sha256::digest(&tar)),
        "33cafba32a537a9a289892027fc9068f23b4cbc9845b5731da698f6b9c3a241b"
    );
    // Another time, order and place.
    let again = sample();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let touched = File::open(again.path().join("out.txt")).unwrap();
    touched.set_modified(time).unwrap();
    let (other, _) = packed(again.path(), &["dist/lib", "dist", "out.txt", "dist"]);
    assert_eq!(bytes(&other), bytes(&file));
}

fn bytes(file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = file.try_clone().unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn tar_itself_reads_the_archive() {
    let from = sample();
    let (file, _) = packed(from.path(), &["dist", "out.txt"]);
    let to = tempdir().unwrap();
    let tar = to.path().join("archive.tar");
    fs::write(&tar, unpacked(&file)).unwrap();
    let here = to.path().join("here");
    fs::create_dir(&here).unwrap();
    let ran = std::process::Command::new("tar")
        .arg("-xpf")
        .arg(&tar)
        .arg("-C")
        .arg(&here)
        .output()
        .unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
    let mut expected = tree(from.path());
    expected.remove(Path::new("other")).unwrap();
    assert_eq!(tree(&here), expected);
}

#[test]
fn outputs_that_cannot_be_kept_are_named() {
    let dir = tempdir().unwrap();
    let root = dir.path();
    fs::create_dir(root.join("dist")).unwrap();
    let refused = |output: &str| {
        let error = pack(root, &[output], &mut tempfile().unwrap()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
        error.to_string()
    };
    for (name, target) in [("abs", "/etc/passwd"), ("up", "../../x"), ("odd", "a/../b")] {
        symlink(target, root.join("dist").join(name)).unwrap();
        assert!(
            refused("dist").starts_with(&format!("packing dist/{name}: it is a symbolic link"))
        );
        fs::remove_file(root.join("dist").join(name)).unwrap();
    }
    let pipe = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, root.join("dist/pipe"), fifo, pipe, 0).unwrap();
    assert!(refused("dist").starts_with("packing dist/pipe: it is neither"));
    assert!(refused("absent").starts_with("packing absent: entity not found"));
    assert!(refused("../dist").starts_with("packing ../dist: it is a path"));
    symlink("dist", root.join("via")).unwrap();
    fs::write(root.join("dist/file"), "").unwrap();
    assert!(refused("via/file").starts_with("packing via/file: "));
}

/// An archive of any entries, checked by nothing.
fn forged(entries: &[(Vec<u8>, &[u8])]) -> File {
    let mut tar = Vec::new();
    for (head, content) in entries {
        tar.extend_from_slice(head);
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    compressed(&tar)
}

fn compressed(tar: &[u8]) -> File {
    let mut file = tempfile().unwrap();
    file.write_all(&zstd::encode_all(tar, 1).unwrap()).unwrap();
    file
}

fn head(path: &str, kind: Kind) -> Vec<u8> {
    let path = EntryPath::parse(path.as_bytes()).unwrap();
    let mode = 0o755;
    header::encode(&Entry { path, mode, kind })
}

/// A head with other bytes at an offset, and a checksum that fits.
fn changed(mut head: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    head[at..at + bytes.len()].copy_from_slice(bytes);
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head
}

/// Restores beside a file that must survive. Returns the error.
fn attack(file: &File) -> String {
    let dir = tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    write(&root, "mine", "mine", 0o644);
    let before = tree(dir.path());
    let error = restore(file, &root, Limits::default()).unwrap_err();
    assert_eq!(tree(dir.path()), before, "{error}");
    error.to_string()
}

#[test]
fn hostile_archives_change_nothing() {
    let file = |path: &str| head(path, Kind::File(1));
    let link = |path: &str, target: &str| head(path, Kind::Link(target.into()));
    let first = (file("a"), &b"x"[..]);
    type Case = (Vec<(Vec<u8>, &'static [u8])>, &'static str);
    let cases: Vec<Case> = vec![
        (
            vec![first.clone(), (changed(file("bb/c"), 0, b"../c"), b"x")],
            "leaves the root",
        ),
        (
            vec![first.clone(), (changed(file("b"), 0, b"/etc/x"), b"x")],
            "leaves the root",
        ),
        (vec![first.clone(), first.clone()], "occurs twice"),
        (vec![(file("b"), b"x"), first.clone()], "not in its order"),
        (
            vec![(file("a"), b"x"), (file("a/b"), b"x")],
            "behind a file",
        ),
        (
            vec![(link("a", "b"), b""), (file("a/b"), b"x")],
            "behind a file or a symbolic link",
        ),
        (
            vec![
                first.clone(),
                (changed(link("l", "xxxx"), 157, b"/etc"), b""),
            ],
            "absolute target",
        ),
        (
            vec![first.clone(), (changed(link("l", "xx"), 157, b".."), b"")],
            "leaves the root",
        ),
        (
            vec![
                first.clone(),
                (changed(link("l", "xxxxxx"), 157, b"a/../b"), b""),
            ],
            "behind a name",
        ),
        // A hard link, a character device, a block device, a pipe, a sparse file, a long name of GNU.
        (
            vec![first.clone(), (changed(link("l", "mine"), 156, b"1"), b"")],
            "no file, directory",
        ),
        (
            vec![first.clone(), (changed(file("c"), 156, b"3"), b"x")],
            "no file, directory",
        ),
        (
            vec![first.clone(), (changed(file("c"), 156, b"4"), b"x")],
            "no file, directory",
        ),
        (
            vec![first.clone(), (changed(file("c"), 156, b"6"), b"x")],
            "no file, directory",
        ),
        (
            vec![first.clone(), (changed(file("c"), 156, b"S"), b"x")],
            "no file, directory",
        ),
        (
            vec![first.clone(), (changed(file("c"), 156, b"L"), b"x")],
            "no file, directory",
        ),
        // setuid, setgid, sticky.
        (
            vec![first.clone(), (changed(file("c"), 100, b"0004755"), b"x")],
            "more than permissions",
        ),
        (
            vec![first.clone(), (changed(file("c"), 100, b"0002755"), b"x")],
            "more than permissions",
        ),
        (
            vec![first.clone(), (changed(file("c"), 100, b"0001755"), b"x")],
            "more than permissions",
        ),
        // An owner; a negative size in base 256; a wrong checksum.
        (
            vec![first.clone(), (changed(file("c"), 108, b"0000001"), b"x")],
            "another form",
        ),
        (
            vec![first.clone(), (changed(file("c"), 124, &[0xff; 11]), b"x")],
            "no octal number",
        ),
        (
            vec![
                first.clone(),
                (
                    {
                        let mut head = file("c");
                        head[148] ^= 1;
                        head
                    },
                    b"x",
                ),
            ],
            "wrong checksum",
        ),
        (
            vec![(head("a", Kind::File(1 << 40)), b"x")],
            "more bytes than allowed",
        ),
    ];
    for (at, (entries, reason)) in cases.iter().enumerate() {
        let error = attack(&forged(entries));
        assert!(error.contains(reason), "{at}: {error}");
    }
}

#[test]
fn damaged_archives_change_nothing() {
    let from = sample();
    let (file, _) = packed(from.path(), &["dist"]);
    let whole = bytes(&file);
    for len in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
        let mut file = tempfile().unwrap();
        file.write_all(&whole[..len]).unwrap();
        attack(&file);
    }
    let mut wrong = whole.clone();
    wrong[whole.len() / 2] ^= 1;
    let mut file = tempfile().unwrap();
    file.write_all(&wrong).unwrap();
    attack(&file);
    let tar = unpacked(&self::packed(from.path(), &["dist"]).0);
    for tail in [&[1; BLOCK][..], &[0; BLOCK]] {
        let error = attack(&compressed(&[&tar, tail].concat()));
        assert!(error.contains("bytes behind its end"), "{error}");
    }
    attack(&compressed(&tar[..tar.len() - BLOCK]));
}

#[test]
fn bytes_behind_the_frame_are_not_read() {
    let from = sample();
    let (mut file, packed) = packed(from.path(), &["dist"]);
    file.write_all(b"record").unwrap();
    let to = tempdir().unwrap();
    let restored = restore(&file, to.path(), Limits::default()).unwrap();
    assert_eq!(restored.files, packed.files);
}

#[test]
fn log_comes_back_and_changes_nothing_else() {
    let dir = sample();
    let (plain, _) = packed(dir.path(), &["dist"]);
    let mut file = tempfile().unwrap();
    write_log("warning\n".repeat(1000).as_bytes(), &mut file).unwrap();
    pack(dir.path(), &["dist"], &mut file).unwrap();
    assert_eq!(
        read_log(&file).unwrap(),
        "warning\n".repeat(1000).as_bytes()
    );
    assert_eq!(unpacked(&file), unpacked(&plain), "zstd passes over it");
    let target = tempdir().unwrap();
    restore(&file, target.path(), Limits::default()).unwrap();
    assert_eq!(
        tree(&target.path().join("dist")),
        tree(&dir.path().join("dist"))
    );
    assert_eq!(read_log(&plain).unwrap(), b"");
}

#[test]
fn damaged_logs_are_refused() {
    let dir = sample();
    let frame = |length: u32, content: &[u8]| {
        let mut file = tempfile().unwrap();
        let head = [0x184D_2A5E_u32.to_le_bytes(), length.to_le_bytes()].concat();
        file.write_all(&[&head, content].concat()).unwrap();
        pack(dir.path(), &["dist"], &mut file).unwrap();
        file
    };
    let bomb = zstd::encode_all(&*vec![0; MAX_LOG + 1], 19).unwrap();
    let bomb = frame(u32::try_from(bomb.len()).unwrap(), &bomb);
    for file in [frame(4, b"none"), frame(u32::MAX, b""), bomb] {
        assert!(read_log(&file).is_err());
    }
    let short = frame(100_000, b"");
    assert!(read_log(&short).is_err());
    assert!(restore(&short, tempdir().unwrap().path(), Limits::default()).is_err());
    let mut file = tempfile().unwrap();
    write_log(&vec![b'x'; 2 * MAX_LOG], &mut file).unwrap();
    assert_eq!(read_log(&file).unwrap().len(), MAX_LOG);
}

#[test]
fn limits_and_large_windows_are_refused() {
    let from = sample();
    let (file, packed) = packed(from.path(), &["dist"]);
    let to = tempdir().unwrap();
    let fits = Limits {
        max_entries: packed.files,
        max_bytes: packed.bytes,
    };
    for limits in [
        Limits {
            max_entries: packed.files - 1,
            ..fits
        },
        Limits {
            max_bytes: packed.bytes - 1,
            ..fits
        },
    ] {
        let error = restore(&file, to.path(), limits).unwrap_err();
        assert!(error.to_string().contains("than allowed"), "{error}");
        assert!(tree(to.path()).is_empty());
    }
    restore(&file, to.path(), fits).unwrap();

    // A bomb: its window alone would take 64 MiB.
    let mut encoder = zstd::stream::write::Encoder::new(tempfile().unwrap(), 1).unwrap();
    encoder.window_log(26).unwrap();
    encoder.write_all(&vec![0; 40 << 20]).unwrap();
    assert!(attack(&encoder.finish().unwrap()).contains("memory"));
}

#[test]
fn links_on_the_way_are_not_followed() {
    let from = sample();
    let (file, _) = packed(from.path(), &["dist/lib/a.js", "out.txt"]);
    let (to, outside) = (tempdir().unwrap(), tempdir().unwrap());
    symlink(outside.path(), to.path().join("dist")).unwrap();
    let error = restore(&file, to.path(), Limits::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("restoring dist/lib/a.js: "),
        "{error}"
    );
    assert!(tree(outside.path()).is_empty());

    // A link in the place of a file is replaced, and its target kept; so are all names of the replaced file.
    let to = tempdir().unwrap();
    write(outside.path(), "kept", "kept", 0o644);
    symlink(outside.path().join("kept"), to.path().join("out.txt")).unwrap();
    fs::create_dir_all(to.path().join("dist/lib")).unwrap();
    fs::hard_link(outside.path().join("kept"), to.path().join("dist/lib/a.js")).unwrap();
    restore(&file, to.path(), Limits::default()).unwrap();
    assert_eq!(fs::read(outside.path().join("kept")).unwrap(), b"kept");
    assert_eq!(fs::read(to.path().join("out.txt")).unwrap(), "ä".as_bytes());
}

#[test]
fn directory_in_the_place_of_a_file_stays() {
    let from = sample();
    let (file, _) = packed(from.path(), &["out.txt"]);
    let to = tempdir().unwrap();
    write(to.path(), "out.txt/mine", "mine", 0o644);
    let before = tree(to.path());
    assert!(restore(&file, to.path(), Limits::default()).is_err());
    assert_eq!(tree(to.path()), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_comes_back(
        files in proptest::collection::btree_map(
            "[a-c]{1,2}(/[a-c ]{1,2}){0,3}",
            (proptest::collection::vec(any::<u8>(), 0..2000), 0o400..=0o777u32),
            0..12,
        )
    ) {
        let (from, to) = (tempdir().unwrap(), tempdir().unwrap());
        let root = from.path().join("out");
        fs::create_dir(&root).unwrap();
        for (path, (content, mode)) in &files {
            let path = root.join(path);
            // A file may be in the way of a directory.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, content).is_ok() {
                set_mode(&path, *mode);
            }
        }
        let (file, packed) = packed(from.path(), &["out"]);
        let restored = restore(&file, to.path(), Limits::default()).unwrap();
        prop_assert_eq!((packed.files, packed.bytes), (restored.files, restored.bytes));
        prop_assert_eq!(tree(to.path()), tree(from.path()));
        let again: Result<Packed> = pack(to.path(), &["out"], &mut tempfile().unwrap());
        prop_assert_eq!(again.unwrap(), packed);
    }

    #[test]
    fn any_bytes_are_refused_or_restored(tar in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let to = tempdir().unwrap();
        let file = compressed(&tar);
        prop_assert!(restore(&file, to.path(), Limits::default()).is_err());
        prop_assert!(tree(to.path()).is_empty());
    }
}
