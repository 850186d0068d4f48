//! Checks that a file is a complete executable for the requested platform: a wrong or truncated binary must never be
//! stored. Reads the first 4 KiB. ELF: System V ABI chapters 4 and 5; PE: Microsoft's PE/COFF
//! specification; Mach-O: `mach-o/loader.h`; WebAssembly: core specification, binary format.

/// The bytes at the start of a file that are checked.
pub(in crate::velox) const HEADER_LEN: usize = 4096;

/// The reason for rejecting a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::velox) enum Mismatch {
    /// It has another format or is for another platform.
    WrongFormat(String),
    /// It is truncated.
    Truncated(String),
}

/// Checks a file's first bytes and its size against a platform, by Go's names.
pub(in crate::velox) fn check(
    header: &[u8],
    size: u64,
    os: &str,
    arch: &str,
) -> Result<(), Mismatch> {
    if size == 0 {
        return Err(Mismatch::Truncated("it is empty".into()));
    }
    let wrong_format = |format: &str| {
        let start: Vec<String> = header
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Err(Mismatch::WrongFormat(format!(
            "it is no {format} executable for {os}/{arch}: it starts with {}",
            start.join(" ")
        )))
    };
    match os {
        // All begin with a DOS program, which alone is no Windows executable.
        "windows" if header.starts_with(b"MZ") => match pe_machine(header) {
            Some(machine) => processor(Some(machine), PE, os, arch),
            None if size < HEADER_LEN as u64 => too_short(size),
            None => wrong_format("PE"),
        },
        "windows" => wrong_format("PE"),
        "darwin" | "ios" if header.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) => {
            if size < MACH_HEADER {
                return too_short(size);
            }
            let machine = Bytes { header, big: false }.word(4);
            processor(machine.map(u64::from), MACH, os, arch)
        }
        // A universal binary contains several architectures.
        "darwin" | "ios" if header.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) => Ok(()),
        "darwin" | "ios" => wrong_format("Mach-O"),
        "js" | "wasip1" if header.starts_with(b"\0asm") => Ok(()),
        "js" | "wasip1" => wrong_format("WebAssembly"),
        // These formats are not checked.
        "plan9" | "aix" => Ok(()),
        _ if header.starts_with(b"\x7fELF") => elf(header, size, os, arch),
        _ => wrong_format("ELF"),
    }
}

/// The length of a 64-bit Mach-O header.
const MACH_HEADER: u64 = 32;

fn too_short(size: u64) -> Result<(), Mismatch> {
    Err(Mismatch::Truncated(format!(
        "it has {size} bytes, and that is less than the header of an executable"
    )))
}

const ELF: [(&str, u64); 5] = [
    ("amd64", 62),
    ("arm64", 183),
    ("386", 3),
    ("arm", 40),
    ("riscv64", 243),
];
const PE: [(&str, u64); 3] = [("amd64", 0x8664), ("arm64", 0xaa64), ("386", 0x14c)];
const MACH: [(&str, u64); 2] = [("amd64", 0x0100_0007), ("arm64", 0x0100_000c)];

/// Checks the processor. One that the table does not list is not checked.
fn processor<const N: usize>(
    found: Option<u64>,
    table: [(&str, u64); N],
    os: &str,
    arch: &str,
) -> Result<(), Mismatch> {
    let asked = table.iter().find(|(name, _)| *name == arch);
    let (Some(found), Some((_, asked))) = (found, asked) else {
        return Ok(());
    };
    if found == *asked {
        return Ok(());
    }
    let other = table
        .iter()
        .find(|(_, code)| *code == found)
        .map_or("another processor", |(name, _)| name);
    Err(Mismatch::WrongFormat(format!(
        "it is built for {other}, and {os}/{arch} was asked for"
    )))
}

fn elf(header: &[u8], size: u64, os: &str, arch: &str) -> Result<(), Mismatch> {
    let (wide, big) = (header.get(4) == Some(&2), header.get(5) == Some(&2));
    if size < if wide { 64 } else { 52 } {
        return too_short(size);
    }
    let bytes = Bytes { header, big };
    processor(bytes.half(18).map(u64::from), ELF, os, arch)?;
    let short = |end: u64| {
        Err(Mismatch::Truncated(format!(
            "it has {size} bytes, and its header describes {end}"
        )))
    };
    let header = if wide {
        [32, 54, 56, 40, 58, 60]
    } else {
        [28, 42, 44, 32, 46, 48]
    };
    let [
        segments,
        segment_size,
        segment_count,
        sections,
        section_size,
        section_count,
    ] = header;
    let half = |at| bytes.half(at).map(u64::from).unwrap_or_default();
    let long = |at: usize| bytes.address(at, wide).unwrap_or_default();
    let end = long(sections).saturating_add(half(section_size) * half(section_count));
    if end > size {
        return short(end);
    }
    for number in 0..half(segment_count) {
        let at = long(segments).saturating_add(number * half(segment_size));
        let Ok(at) = usize::try_from(at) else { break };
        let (offset, length) = if wide { (8, 32) } else { (4, 16) };
        let offset = bytes.address(at.saturating_add(offset), wide);
        let length = bytes.address(at.saturating_add(length), wide);
        let (Some(offset), Some(length)) = (offset, length) else {
            break;
        };
        let end = offset.saturating_add(length);
        if end > size {
            return short(end);
        }
    }
    Ok(())
}

fn pe_machine(header: &[u8]) -> Option<u64> {
    let bytes = Bytes { header, big: false };
    let at = usize::try_from(bytes.word(0x3c)?).ok()?;
    let signature = header.get(at..at.checked_add(4)?)?;
    (signature == b"PE\0\0").then(|| bytes.half(at + 4).map(u64::from))?
}

/// Reads numbers from a file's first bytes.
struct Bytes<'a> {
    header: &'a [u8],
    big: bool,
}

impl Bytes<'_> {
    fn number(&self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.header.get(at..at.checked_add(length)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.big {
            bytes.iter().fold(0, add)
        } else {
            bytes.iter().rev().fold(0, add)
        })
    }

    fn half(&self, at: usize) -> Option<u16> {
        self.number(at, 2)?.try_into().ok()
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.number(at, 4)?.try_into().ok()
    }

    fn address(&self, at: usize, wide: bool) -> Option<u64> {
        self.number(at, if wide { 8 } else { 4 })
    }
}

#[cfg(test)]
mod tests;
