//! Parser for RoadRunner's frames, fed with the pieces that a worker reads: detects frames that carry a request, and
//! finds the id in that request's headers. The bytes come from another program, so nothing here trusts them.
//!
//! A frame (github.com/roadrunner-server/goridge, pkg/frame/frame.md) is a header of 12 bytes (version and length
//! in words, flags, length of the payload, CRC-32, a byte for streams), options of 4 bytes, and the payload. The
//! first option is the length of the context, with which the payload begins: the request without its body.

use std::borrow::Cow;

use super::request_id;

const VERSION: u8 = 1;
const HEADER_LENGTH: usize = 12;
/// The flag of a frame that is about the worker itself.
const CONTROL_FLAG: u8 = 1;
/// Bytes of a context that are stored, for its headers.
const MAX_CONTEXT: usize = 64 << 10;

/// The result of feeding a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameEvent {
    /// No request begins.
    None,
    /// A request begins.
    Request,
    /// The bytes are no frame: the parser has lost the frame boundaries for good.
    OutOfSync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ParserState {
    /// Reading header and options.
    #[default]
    Header,
    /// Bytes of the payload that remain, and those of the context among them.
    Payload { remaining: usize, context: usize },
    /// Frame boundaries are lost.
    OutOfSync,
}

/// The parser's position in the stream.
#[derive(Debug, Default)]
pub struct FrameParser {
    state: ParserState,
    header: Vec<u8>,
    is_request: bool,
    context: Vec<u8>,
}

impl FrameParser {
    /// A parser before the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: ParserState::Header,
            header: Vec::new(),
            is_request: false,
            context: Vec::new(),
        }
    }

    /// Whether the next byte is the first one of a frame.
    #[must_use]
    pub fn is_at_frame_start(&self) -> bool {
        self.state == ParserState::Header && self.header.is_empty()
    }

    /// Feeds bytes that were read. A piece may end anywhere, also after the frame in which it began.
    pub fn feed(&mut self, mut bytes: &[u8]) -> FrameEvent {
        let mut found = FrameEvent::None;
        while !bytes.is_empty() {
            match self.state {
                ParserState::OutOfSync => return found,
                ParserState::Header => {
                    let missing = self.header_length().saturating_sub(self.header.len());
                    let piece = split_off(&mut bytes, missing);
                    self.header.extend_from_slice(piece);
                    match self.parse_header() {
                        FrameEvent::None => {}
                        event => found = event,
                    }
                }
                ParserState::Payload { remaining, context } => {
                    let piece = split_off(&mut bytes, remaining);
                    let (context_bytes, _) = piece.split_at(piece.len().min(context));
                    self.context.extend_from_slice(context_bytes);
                    self.set_remaining(remaining - piece.len(), context - context_bytes.len());
                }
            }
        }
        found
    }

    /// The id in the headers of the last request; `None` if it has none or the headers are incomplete.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        self.has_context().then(|| id(&self.context)).flatten()
    }

    /// Whether the context of the last request has arrived.
    #[must_use]
    pub fn has_context(&self) -> bool {
        let is_complete = match self.state {
            ParserState::Payload { context, .. } => context == 0,
            ParserState::Header => !self.context.is_empty(),
            ParserState::OutOfSync => false,
        };
        self.is_request && is_complete
    }

    /// Calls `read` with method and path of the last request, once its context has arrived.
    pub fn request_line(&self, read: impl FnOnce(&[u8], &[u8])) {
        const METHOD: u64 = 3;
        const URI: u64 = 4;
        let context = &self.context;
        if context.first() == Some(&b'{') {
            let request = serde_json::from_slice::<RequestLine<'_>>(context);
            if let Ok(request) = request {
                read(request.method.as_bytes(), path(request.uri.as_bytes()));
            }
        } else if let (Some(method), Some(uri)) = (first(context, METHOD), first(context, URI)) {
            read(method, path(uri));
        }
    }

    /// Bytes of header and options, as far as they are known.
    fn header_length(&self) -> usize {
        match self.header.first() {
            Some(first) if self.header.len() >= HEADER_LENGTH => usize::from(first & 0x0f) * 4,
            _ => HEADER_LENGTH,
        }
    }

    /// Parses the header when it is complete, then the options.
    fn parse_header(&mut self) -> FrameEvent {
        let Some(header) = self.header.first_chunk::<HEADER_LENGTH>() else {
            return FrameEvent::None;
        };
        let [first, flags, l0, l1, l2, l3, .., stream, _] = *header;
        let words = usize::from(first & 0x0f);
        if first >> 4 != VERSION || words * 4 < HEADER_LENGTH {
            self.state = ParserState::OutOfSync;
            return FrameEvent::OutOfSync;
        }
        if self.header.len() < words * 4 {
            return FrameEvent::None;
        }
        let remaining = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let option = self
            .header
            .get(HEADER_LENGTH..)
            .and_then(<[u8]>::first_chunk);
        let context = option.map_or(0, |option| u32::from_le_bytes(*option) as usize);
        // A frame about a stream that has ended meanwhile is no request.
        self.is_request = flags & CONTROL_FLAG == 0 && stream == 0;
        self.header.clear();
        self.context.clear();
        let context_bytes = if self.is_request { context } else { 0 };
        self.set_remaining(remaining, context_bytes.min(remaining).min(MAX_CONTEXT));
        match self.is_request {
            true => FrameEvent::Request,
            false => FrameEvent::None,
        }
    }

    fn set_remaining(&mut self, remaining: usize, context: usize) {
        self.state = match remaining {
            0 => ParserState::Header,
            remaining => ParserState::Payload { remaining, context },
        };
    }
}

fn split_off<'a>(bytes: &mut &'a [u8], max: usize) -> &'a [u8] {
    let (piece, rest) = bytes.split_at(bytes.len().min(max));
    *bytes = rest;
    piece
}

/// The first fields of a request in JSON.
#[derive(serde::Deserialize)]
struct RequestLine<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    uri: Cow<'a, str>,
}

/// The URI without scheme and host.
fn path(uri: &[u8]) -> &[u8] {
    let Some(scheme) = memchr::memmem::find(uri, b"://") else {
        return uri;
    };
    let rest = uri.get(scheme + 3..).unwrap_or_default();
    match memchr::memchr3(b'/', b'?', b'#', rest) {
        Some(at) => rest.get(at..).unwrap_or_default(),
        None => b"/",
    }
}

/// The id in a context: RoadRunner's `http.v1.Request`, in which field 5 maps names to lists of values. (Up to 2023 it
/// was JSON.)
fn id(context: &[u8]) -> Option<String> {
    let mut found = RequestIds::default();
    if context.first() == Some(&b'{') {
        let request: serde_json::Value = serde_json::from_slice(context).ok()?;
        for (name, lines) in request.get("headers")?.as_object()? {
            if let Some(line) = lines.get(0).and_then(serde_json::Value::as_str) {
                found.add(name.as_bytes(), line.as_bytes());
            }
        }
    } else {
        const HEADERS: u64 = 5;
        for (field, header) in fields(context) {
            if field == HEADERS
                && let Some(name) = first(header, 1)
                && RequestIds::is_id_header(name)
                && let Some(line) = first(header, 2).and_then(|lines| first(lines, 1))
            {
                found.add(name, line);
            }
        }
    }
    found.request.or(found.trace)
}

#[derive(Default)]
struct RequestIds {
    request: Option<String>,
    trace: Option<String>,
}

impl RequestIds {
    fn is_id_header(name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(b"x-request-id") || name.eq_ignore_ascii_case(b"traceparent")
    }

    fn add(&mut self, name: &[u8], line: &[u8]) {
        if name.eq_ignore_ascii_case(b"x-request-id") {
            self.request = request_id::from_header(line).map(str::to_owned);
        } else if name.eq_ignore_ascii_case(b"traceparent") {
            self.trace = request_id::from_traceparent(line).map(str::to_owned);
        }
    }
}

/// The first length-delimited field of a number.
fn first(message: &[u8], wanted: u64) -> Option<&[u8]> {
    fields(message).find_map(|(field, bytes)| (field == wanted).then_some(bytes))
}

/// The length-delimited fields of a message by number, up to the first byte that is no field.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let key = varint(&mut message)?;
            let length = match key & 7 {
                0 => {
                    varint(&mut message)?;
                    continue;
                }
                1 => 8,
                2 => usize::try_from(varint(&mut message)?).ok()?,
                5 => 4,
                _ => return None,
            };
            let (bytes, rest) = message.split_at_checked(length)?;
            message = rest;
            if key & 7 == 2 {
                return Some((key >> 3, bytes));
            }
        }
    })
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
