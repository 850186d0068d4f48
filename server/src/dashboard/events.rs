//! Views as server-sent events: at once, then on each change, once a second at most. A client holds the view that is
//! being sent; one that reads slowly gets the newest view when it reads again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{StatusCode, body::Bytes};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::topics::Topics;
use crate::{
    http::{EventBody, Response, event_response},
    serve::response::error_response,
};

/// The longest pause between two bytes, so that proxies keep the connection.
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);
/// Streams of a server.
const MAX_STREAMS: usize = 512;
/// The beginning of a stream: a client connects again after two seconds.
const BEGINNING: &str = "retry: 2000\n\n";

static STREAMS: AtomicUsize = AtomicUsize::new(0);

/// Counts a stream while it lives.
struct Stream;

impl Stream {
    fn begin() -> Option<Self> {
        let begin = |count| (count < MAX_STREAMS).then_some(count + 1);
        let begun = STREAMS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin);
        begun.ok().map(|_| Self)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream of the topics with these names, which ends when its client may not read any more: it has logged out, or the
/// token is another one.
pub(super) fn respond(
    topics: &Arc<Topics>,
    names: &str,
    stop: &CancellationToken,
    may_read: impl Fn() -> bool + Send + 'static,
) -> Response {
    let mut wanted = Vec::new();
    for name in names.split(',').filter(|name| !name.is_empty()) {
        let Some(at) = topics.find(name) else {
            let message = format!("topics: there is no topic {name:?}");
            return error_response(StatusCode::BAD_REQUEST, "bad_request", &message, None);
        };
        if !wanted.contains(&at) {
            wanted.push(at);
        }
    }
    if wanted.is_empty() {
        let message = "topics: found none; expected names such as overview,workers";
        return error_response(StatusCode::BAD_REQUEST, "bad_request", message, None);
    }
    let Some(stream) = Stream::begin() else {
        let message = "too many event streams are open";
        return error_response(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_streams",
            message,
            None,
        );
    };
    let (events, receiver) = mpsc::channel(1);
    let (topics, stop) = (Arc::clone(topics), stop.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = send(&topics, &wanted, &events, may_read) => {}
            // The client has disconnected, or the server stops.
            () = events.closed() => {}
            () = stop.cancelled() => {}
        }
        drop(stream);
    });
    event_response(EventBody::boxed(receiver))
}

async fn send(
    topics: &Arc<Topics>,
    wanted: &[usize],
    events: &mpsc::Sender<Bytes>,
    may_read: impl Fn() -> bool,
) {
    let mut changes = topics.changes();
    let mut views: Vec<(&'static str, watch::Receiver<Bytes>)> = wanted
        .iter()
        .filter_map(|at| Some((topics.name(*at), topics.subscribe(*at)?)))
        .collect();
    for (_, view) in &mut views {
        // A view that exists already is sent at once.
        view.mark_changed();
    }
    if events.send(BEGINNING.into()).await.is_err() {
        return;
    }
    while may_read() {
        changes.borrow_and_update();
        for (name, view) in &mut views {
            if !view.has_changed().unwrap_or(false) {
                continue;
            }
            let data = view.borrow_and_update().clone();
            if !data.is_empty() && !send_event(events, name, &data).await {
                return;
            }
        }
        match timeout(COMMENT_INTERVAL, changes.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                if events.send(":\n\n".into()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The data is shared by all clients; only the lines around it are this one's.
async fn send_event(events: &mpsc::Sender<Bytes>, name: &str, data: &Bytes) -> bool {
    let head = format!("event: {name}\ndata: ");
    for part in [head.into(), data.clone(), "\n\n".into()] {
        if events.send(part).await.is_err() {
            return false;
        }
    }
    true
}
