//! The encodings of values, part of the format of the segment. Pure constants.

pub const NULL: u8 = 0;
pub const FALSE: u8 = 1;
pub const TRUE: u8 = 2;
pub const INT: u8 = 3;
pub const FLOAT: u8 = 4;
pub const STRING: u8 = 5;
pub const ARRAY: u8 = 6;
pub const SERIALIZED: u8 = 7;

/// Levels of nested arrays; deeper ones are serialized by PHP.
pub const MAX_DEPTH: usize = 64;
/// Levels of nested arrays that PHP serializes; deeper values are refused.
pub const MAX_NESTING: usize = 512;
