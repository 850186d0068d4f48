//! A body that has to end in time. A client that reads slowly, and never stops, would hold a connection for days. One
//! task for each connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::Instant;

use crate::http::Body;

/// A body with a deadline.
pub(super) struct TimedBody {
    body: Body,
    deadline: Instant,
}

impl TimedBody {
    /// The body of a response that begins now. The time is checked whenever the connection asks for more of the body.
    pub(super) fn boxed(body: Body, limit: Duration) -> Body {
        let deadline = Instant::now() + limit;
        Self { body, deadline }.boxed_unsync()
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if Instant::now() >= self.deadline && !self.body.is_end_stream() {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
