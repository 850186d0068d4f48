//! Binaries that resemble Go's, of any size, computed arithmetically: the same configuration and build counter give
//! the same bytes, any others give different ones. They have the right magic and a header with the length of the file,
//! and they are not executable code.

use std::io::{self, Read};

/// The smallest binary: a header and some distinct bytes.
pub const SMALLEST: u64 = 128;

/// Period of the content in bytes. Longer than gzip's window, so that it is incompressible; a prime, so that a copy
/// with a missing or repeated block is a different file.
const PERIOD: u64 = 65_521;

/// A binary's content, generated while it is read.
#[derive(Debug, Clone)]
pub struct Binary {
    header: Vec<u8>,
    /// One period: unoptimised tests copy it faster than they could compute it.
    pattern: Vec<u8>,
    size: u64,
    at: u64,
}

impl Binary {
    /// The binary of build number `count` (from 1) of the configuration `hash`, for a platform in Go's terms: PE for
    /// `windows`, Mach-O for `darwin`, ELF for all others. `size` is in bytes, at least [`SMALLEST`].
    pub fn new(hash: &str, count: u64, size: u64, os: &str, arch: &str) -> Self {
        let size = size.max(SMALLEST);
        let header = match os {
            "windows" => pe_header(arch),
            "darwin" => mach_header(arch),
            _ => elf_header(arch, size),
        };
        let seed = fnv64a(format!("{hash}/{count}").as_bytes());
        let mut pattern: Vec<u8> = (0..=PERIOD / 8)
            .flat_map(|word| mix(seed.wrapping_add(word)).to_le_bytes())
            .collect();
        pattern.truncate(PERIOD as usize);
        Self {
            header,
            pattern,
            size,
            at: 0,
        }
    }

    /// The length of the whole content in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for Binary {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = usize::try_from(self.at)
            .ok()
            .and_then(|at| self.header.get(at..))
            .unwrap_or_default();
        let source = if header.is_empty() {
            let at = (self.at % PERIOD) as usize;
            self.pattern.get(at..).unwrap_or_default()
        } else {
            header
        };
        let read = source.take(self.size - self.at).read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// SplitMix64's finaliser: neighbouring inputs give unrelated outputs.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// An ELF64 header and one loadable segment that spans the file (System V ABI, chapters 4 and 5).
fn elf_header(arch: &str, size: u64) -> Vec<u8> {
    let machine: u16 = match arch {
        "arm64" => 183,
        "386" => 3,
        "arm" => 40,
        "riscv64" => 243,
        _ => 62,
    };
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    header.extend(2_u16.to_le_bytes());
    header.extend(machine.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    // Entry, program headers at 64, no section headers.
    header.extend(
        [0x40_0078_u64, 64, 0]
            .iter()
            .flat_map(|word| word.to_le_bytes()),
    );
    header.extend(0_u32.to_le_bytes());
    header.extend(
        [64_u16, 56, 1, 64, 0, 0]
            .iter()
            .flat_map(|half| half.to_le_bytes()),
    );
    header.extend([1_u32, 5].iter().flat_map(|word| word.to_le_bytes()));
    header.extend(
        [0, 0x40_0000, 0x40_0000, size, size, 4096]
            .iter()
            .flat_map(|word: &u64| word.to_le_bytes()),
    );
    header
}

/// The DOS program at the start of every PE file, followed by the PE header.
fn pe_header(arch: &str) -> Vec<u8> {
    const BEHIND: u8 = 0x40;
    let machine: u16 = match arch {
        "arm64" => 0xaa64,
        "386" => 0x014c,
        _ => 0x8664,
    };
    let mut header = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
    header.resize(0x3c, 0);
    header.extend([BEHIND, 0, 0, 0]);
    header.extend(b"PE\0\0");
    header.extend(machine.to_le_bytes());
    header
}

/// A 64-bit Mach-O header of an executable without load commands.
fn mach_header(arch: &str) -> Vec<u8> {
    let processor: u32 = if arch == "arm64" {
        0x0100_000c
    } else {
        0x0100_0007
    };
    [0xfeed_facf, processor, 0, 2, 0, 0, 0, 0]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect()
}

/// Fowler–Noll–Vo, 64 bits, variant 1a.
fn fnv64a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hash: &str, count: u64, os: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Binary::new(hash, count, 1000, os, "amd64")
            .read_to_end(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn content_depends_on_configuration_and_counter() {
        assert_eq!(bytes("a", 1, "linux"), bytes("a", 1, "linux"));
        assert_ne!(bytes("a", 1, "linux"), bytes("a", 2, "linux"));
        assert_ne!(bytes("a", 1, "linux"), bytes("b", 1, "linux"));
        assert_eq!(bytes("a", 1, "linux").len(), 1000);
    }

    #[test]
    fn content_is_incompressible_with_a_prime_period() {
        let mut out = Vec::new();
        Binary::new("a", 1, 300_000, "linux", "amd64")
            .read_to_end(&mut out)
            .unwrap();
        let packed = flate2::read::GzEncoder::new(&out[..], flate2::Compression::best());
        assert!(io::copy(&mut { packed }, &mut io::sink()).unwrap() > 299_000);
        assert_ne!(out[65_536..131_072], out[131_072..196_608]);
    }

    #[test]
    fn each_platform_has_its_magic() {
        assert!(bytes("a", 1, "linux").starts_with(b"\x7fELF"));
        assert!(bytes("a", 1, "darwin").starts_with(&[0xcf, 0xfa, 0xed, 0xfe]));
        let windows = bytes("a", 1, "windows");
        assert!(windows.starts_with(b"MZ"));
        assert_eq!(&windows[0x40..0x46], b"PE\0\0\x64\x86");
    }

    #[test]
    fn elf_header_contains_the_file_length() {
        let file = bytes("a", 1, "linux");
        assert_eq!(u64::from_le_bytes(file[96..104].try_into().unwrap()), 1000);
    }
}
