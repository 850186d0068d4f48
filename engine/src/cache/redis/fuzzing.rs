//! Entry points of the fuzz targets in `fuzz/`: answers of a server, and values that it returns. Asserts the properties
//! that hold for any bytes. Never in a product.

use super::{bounded::Frames, payload};
use crate::config::ValueFormat;

/// Answers, in pieces of that many bytes and whole: their bounds are found in both. Those within the bounds are parsed
/// as the client crate does it.
pub fn answers(bytes: &[u8], piece: usize) {
    let whole = Frames::default().follow(bytes);
    let mut frames = Frames::default();
    let in_pieces = bytes
        .chunks(piece.max(1))
        .try_for_each(|piece| frames.follow(piece));
    assert_eq!(whole.is_ok(), in_pieces.is_ok());
    if whole.is_ok() {
        let _ = ::redis::parse_redis_value(bytes);
    }
}

/// A value of the second tier: it is written, and read as the same one.
pub fn value(bytes: &[u8]) {
    let Some(read) = payload::read(bytes) else {
        return;
    };
    let again = |value: &payload::Payload| {
        let written = payload::write(ValueFormat::Json, value.encoding, &value.bytes, &value.tags);
        payload::read(&written)
    };
    let _ = payload::write(ValueFormat::Php, read.encoding, &read.bytes, &read.tags);
    // Foreign bytes may have a form that is not written.
    let own = again(&read);
    assert!(own.is_some());
    assert_eq!(own.as_ref().and_then(again), own);
}
