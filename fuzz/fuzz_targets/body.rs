//! A binary in the body of a response, compressed or not, in chunks of any size; and its magic bytes.
#![no_main]

use arbitrary::Arbitrary;
use pillion_engine::velox::fuzzing;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    piece: u16,
    most: u16,
    size: u64,
    platform: u8,
    bytes: &'a [u8],
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let systems = ["linux", "windows", "darwin", "freebsd", "js", "plan9"];
    let processors = ["amd64", "arm64", "386", "arm", "riscv64", "mips"];
    let platform = usize::from(input.platform);
    let (os, arch) = (systems[platform % 6], processors[platform / 6 % 6]);
    fuzzing::magic(input.bytes, input.size, os, arch);
    fuzzing::body(input.bytes, input.piece.into(), input.most.into());
    let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0], input.bytes].concat();
    fuzzing::body(&packed, input.piece.into(), input.most.into());
});
