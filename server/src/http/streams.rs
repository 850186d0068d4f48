//! The streams of an HTTP/2 connection. A client grants the bytes of each stream by itself; one that grants none blocks
//! no write of the connection, and hyper waits for it without a limit. So each stream is a task that knows since when
//! its response waits for its client, and that resets the stream after a while; and the connection knows since when
//! nothing happens. One task for each stream.

use std::{
    cell::Cell,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    body::{Body as HttpBody, Bytes, Frame, SizeHint},
    rt::Executor,
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Body, Response};

/// The time after the end of a wait in which the system may still report what it has taken: a process that was stopped
/// for longer than the wait, or its machine, sees the end of the wait first.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The end of the stream unless its client takes something before; none while the client waits for the server.
    static DEADLINE: Cell<Option<Instant>>;
}

/// The streams of a connection, and the time of its last event.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Happened>>);

#[derive(Debug)]
struct Happened {
    streams: usize,
    last: Instant,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Happened {
            streams: 0,
            last: Instant::now(),
        })))
    }

    /// Notes that the client has taken bytes.
    pub(super) fn touch(&self) {
        self.change(|_| ());
    }

    /// Ends if there is no stream and nothing happens for that time.
    pub(super) async fn is_idle(&self, time: Duration) {
        loop {
            let end = {
                let happened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let since = match happened.streams {
                    0 => happened.last,
                    _ => Instant::now(),
                };
                since + time
            };
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Happened)) {
        let mut happened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut happened);
        happened.last = Instant::now();
    }
}

/// Counts a stream until it is dropped.
struct OpenStream(Activity);

impl OpenStream {
    fn new(activity: Activity) -> Self {
        activity.change(|happened| happened.streams += 1);
        Self(activity)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let end = |happened: &mut Happened| happened.streams = happened.streams.saturating_sub(1);
        self.0.change(end);
    }
}

/// Runs each stream as a task.
#[derive(Debug, Clone)]
pub(super) struct StreamExecutor(pub(super) Activity);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let limited = Limited {
            stream: Box::pin(stream),
            sleep: None,
            in_grace: None,
            _open: OpenStream::new(self.0.clone()),
        };
        tokio::spawn(DEADLINE.scope(Cell::new(None), limited));
    }
}

/// A stream that ends at its deadline. Dropping it resets it.
struct Limited<F> {
    stream: Pin<Box<F>>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The deadline that is over and has got its grace.
    in_grace: Option<Instant>,
    _open: OpenStream,
}

impl<F: Future> Future for Limited<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(deadline) = DEADLINE.with(Cell::get) else {
            self.sleep = None;
            return Poll::Pending;
        };
        let this = &mut *self;
        let is_in_grace = this.in_grace == Some(deadline);
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() != deadline && !is_in_grace {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        if !is_in_grace {
            this.in_grace = Some(deadline);
            sleep.as_mut().reset(Instant::now() + GRACE);
            // Wakes this task at the new end.
            let _ = sleep.as_mut().poll(cx);
            return Poll::Pending;
        }
        log::debug!("stream of a client that reads nothing reset");
        Poll::Ready(())
    }
}

/// Limits the time that a client of HTTP/2 may take nothing of a response. Called by the stream's task.
pub(super) fn limited(response: Response, timeout: Duration) -> Response {
    set_deadline(Some(Instant::now() + timeout));
    response.map(|body| TimedBody { body, timeout }.boxed_unsync())
}

fn set_deadline(deadline: Option<Instant>) {
    // The first request of an upgraded connection has no task of its own.
    let _ = DEADLINE.try_with(|cell| cell.set(deadline));
}

/// A body that is asked for more only when the client has granted it.
struct TimedBody {
    body: Body,
    timeout: Duration,
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let timeout = self.timeout;
        set_deadline(polled.is_ready().then(|| Instant::now() + timeout));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
