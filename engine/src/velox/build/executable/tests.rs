//! Executables of all formats, truncated ones, and other files.

use proptest::prelude::*;

use super::*;

fn elf64(machine: u16, segment_end: u64) -> Vec<u8> {
    let mut head = vec![0; 120];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[18..20].copy_from_slice(&machine.to_le_bytes());
    head[32..40].copy_from_slice(&64u64.to_le_bytes());
    head[54..56].copy_from_slice(&56u16.to_le_bytes());
    head[56..58].copy_from_slice(&1u16.to_le_bytes());
    head[96..104].copy_from_slice(&segment_end.to_le_bytes());
    head
}

#[test]
fn test_binary_is_an_executable_for_this_host() {
    let bytes = std::fs::read("/proc/self/exe").unwrap();
    let head = &bytes[..HEADER_LEN];
    let host = crate::velox::Platform::host();
    let (os, arch) = (host.os.as_str(), host.arch.as_str());
    let size = bytes.len() as u64;
    assert_eq!(check(head, size, os, arch), Ok(()));
    assert!(matches!(
        check(head, size - 1, os, arch),
        Err(Mismatch::Truncated(_))
    ));
    assert!(matches!(
        check(head, size, "windows", arch),
        Err(Mismatch::WrongFormat(_))
    ));
}

#[test]
fn each_platform_has_its_format_and_processor() {
    let mach = [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1];
    let mut pe = vec![0; 0x80];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 0x40;
    pe[0x40..0x46].copy_from_slice(b"PE\0\0\x64\x86");
    assert_eq!(check(&elf64(62, 100), 120, "linux", "amd64"), Ok(()));
    assert_eq!(check(&elf64(62, 100), 120, "freebsd", "amd64"), Ok(()));
    assert_eq!(check(&mach, 32, "darwin", "arm64"), Ok(()));
    assert_eq!(check(&pe, 128, "windows", "amd64"), Ok(()));
    assert_eq!(check(b"\0asm", 4, "wasip1", "wasm"), Ok(()));
    assert_eq!(
        check(&elf64(183, 100), 120, "linux", "amd64"),
        Err(Mismatch::WrongFormat(
            "it is built for arm64, and linux/amd64 was asked for".into()
        ))
    );
    for (head, os, arch) in [
        (&mach[..], "darwin", "amd64"),
        (&pe[..], "windows", "arm64"),
        (&pe[..], "linux", "amd64"),
    ] {
        assert!(matches!(
            check(head, 128, os, arch),
            Err(Mismatch::WrongFormat(_))
        ));
    }
}

#[test]
fn truncated_file_differs_from_a_wrong_format() {
    assert!(matches!(
        check(b"", 0, "linux", "amd64"),
        Err(Mismatch::Truncated(_))
    ));
    let cut = check(&elf64(62, 121), 120, "linux", "amd64");
    assert_eq!(
        cut,
        Err(Mismatch::Truncated(
            "it has 120 bytes, and its header describes 121".into()
        ))
    );
    let page = check(b"<html>", 6, "linux", "amd64");
    assert_eq!(
        page,
        Err(Mismatch::WrongFormat(
            "it is no ELF executable for linux/amd64: it starts with 3c 68 74 6d 6c 3e".into()
        ))
    );
}

#[test]
fn valid_magic_alone_is_no_executable() {
    for (head, os) in [
        (&b"\x7fELF"[..], "linux"),
        (b"\x7fELF\x01\x01\x01", "linux"),
        (&elf64(62, 100)[..63], "linux"),
        (b"MZ", "windows"),
        (&[&b"MZ"[..], &[0; 200]].concat(), "windows"),
        (b"\xcf\xfa\xed\xfe\x0c\0\0\x01", "darwin"),
    ] {
        let cut = check(head, head.len() as u64, os, "amd64");
        assert!(
            matches!(cut, Err(Mismatch::Truncated(_))),
            "{head:?}: {cut:?}"
        );
    }
    let dos = [&b"MZ"[..], &[0; HEADER_LEN]].concat();
    let other = check(&dos[..HEADER_LEN], dos.len() as u64, "windows", "amd64");
    assert!(matches!(other, Err(Mismatch::WrongFormat(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_checked(head in prop::collection::vec(any::<u8>(), 0..300), magic in 0..4usize, size: u64) {
        let mut file = [&b"\x7fELF\x02\x01"[..], b"\x7fELF\x01\x02", b"MZ", b"\xcf\xfa\xed\xfe"][magic].to_vec();
        file.extend(head);
        for os in ["linux", "windows", "darwin"] {
            let _ = check(&file, size, os, "amd64");
        }
    }
}
