//! Server-sent events. A body takes one event at a time from its channel, so a client that reads nothing holds one
//! event. One task for each connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body_util::BodyExt;
use hyper::{
    StatusCode,
    body::{Body as HttpBody, Bytes, Frame},
    header::{self, HeaderValue},
};
use tokio::sync::mpsc;

use super::{Body, Response, with_body};

/// Events on their way to one client.
pub struct EventBody(mpsc::Receiver<Bytes>);

impl EventBody {
    /// The events of a channel; the response ends with it.
    #[must_use]
    pub fn boxed(events: mpsc::Receiver<Bytes>) -> Body {
        Self(events).boxed_unsync()
    }
}

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let event = ready!(self.0.poll_recv(cx));
        Poll::Ready(event.map(|event| Ok(Frame::data(event))))
    }
}

/// An event. JSON has no line breaks, so one line of data suffices.
#[must_use]
pub fn event(name: &str, data: &impl std::fmt::Display) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// A response with events.
#[must_use]
pub fn event_response(body: Body) -> Response {
    let mut response = with_body(StatusCode::OK, body, "text/event-stream");
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx sends events at once.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
