//! The relay of a RoadRunner worker, as this thread has read it: the frame that it is in, and the request that has
//! arrived. On PHP's thread.

use pillion_engine::worker::{FrameParser, goridge_frames::FrameEvent};

use crate::{thread_state::thread_state, worker::state};

thread_state! {
    static RELAY: Relay = Relay::new();
}

struct Relay {
    frames: FrameParser,
    /// The worker waits for a request, and none has arrived yet.
    is_waiting: bool,
    /// The request has the headers of HTTP.
    has_headers: bool,
    /// Method and URI of the request are published, or there is none.
    is_published: bool,
    /// Forked children close the descriptors of the relay.
    is_closed_in_children: bool,
}

impl Relay {
    const fn new() -> Self {
        Self {
            frames: FrameParser::new(),
            is_waiting: false,
            has_headers: false,
            is_published: true,
            is_closed_in_children: false,
        }
    }
}

/// A loop starts: the next byte of its relay is the first one of a frame.
pub fn start() {
    RELAY.with(|relay| {
        let has_headers = relay.has_headers;
        *relay = Relay {
            has_headers,
            ..Relay::new()
        };
    });
}

/// Returns `true` if the read that follows is the first one of a wait for a request.
pub fn begin_wait() -> bool {
    RELAY.with(|relay| {
        relay.frames.is_at_frame_start() && !std::mem::replace(&mut relay.is_waiting, true)
    })
}

/// Parses bytes that the worker has read.
pub fn parse(bytes: &[u8]) -> FrameEvent {
    RELAY.with(|relay| relay.frames.feed(bytes))
}

/// A request has arrived.
pub fn request_arrived(has_headers: bool) {
    RELAY.with(|relay| {
        (relay.is_waiting, relay.has_headers) = (false, has_headers);
        relay.is_published = !has_headers;
    });
}

/// Calls `publish` with method and path of the request, once, when both have arrived.
pub fn publish_request(publish: impl FnOnce(&[u8], &[u8])) {
    RELAY.with(|relay| {
        if !relay.is_published && relay.frames.has_context() {
            relay.is_published = true;
            relay.frames.request_line(publish);
        }
    });
}

/// The id in the headers of the request in progress, if it has arrived over this relay.
#[must_use]
pub fn request_id() -> Option<String> {
    if !state::is_in_received_request() {
        return None;
    }
    RELAY.with(|relay| {
        relay
            .has_headers
            .then(|| relay.frames.request_id())
            .flatten()
    })
}

/// Returns `true` once for each relay: then its descriptors have to be registered.
pub fn register_descriptors() -> bool {
    RELAY.with(|relay| !std::mem::replace(&mut relay.is_closed_in_children, true))
}

/// Forgets the script before. In RINIT, and in GSHUTDOWN.
pub fn clear() {
    RELAY.replace(Relay::new());
}
