//! The entry point of the fuzz target: headers of a client, and a text in the place of a ticket.

use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};
use pillion_engine::{
    host::secret::Secret,
    velox::delivery::{Range, Selection, Ticket, Validators},
};

use super::binary::header_list;

/// The headers that delivery reads.
const NAMES: [HeaderName; 6] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// Reads the values of all headers, one a line, for a file of `size` bytes; a part lies within the file.
///
/// # Panics
/// A part goes beyond the file, or a request without conditions fails one.
pub fn headers(size: u64, lines: &[u8]) {
    let mut headers = HeaderMap::new();
    for (line, name) in lines
        .split(|byte| *byte == b'\n')
        .zip(NAMES.into_iter().cycle())
    {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    let validators = Validators {
        etag: "\"0123456789abcdef\"".into(),
        modified: size,
    };
    let selection = validators.select(&|name| header_list(&headers, name), size, true);
    if let Selection::Bytes(range) = selection {
        let (first, len) = range.span(size);
        assert!(first.checked_add(len).is_some_and(|end| end <= size));
        assert!(!matches!(range, Range::Part { .. }) || len > 0);
    }
    // Without conditions nothing keeps the file from the client.
    let has_conditions = NAMES.iter().skip(1).any(|name| headers.contains_key(name));
    assert!(has_conditions || matches!(selection, Selection::Bytes(_)));
}

/// Verifies a text as a ticket; none is valid.
///
/// # Panics
/// It is.
pub fn ticket(secret: &Secret, now_ms: u64, text: &str) {
    assert!(Ticket::verify(text, now_ms, secret).is_err());
}
