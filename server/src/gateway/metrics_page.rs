//! The page of metrics. It is rendered on the blocking threads, and its clients share it for a moment: a client of
//! HTTP/2 may ask for many at once, and read none of them. One task for each connection.

use std::time::{Duration, Instant};

use hyper::{HeaderMap, StatusCode, body::Bytes, header};
use pillion_engine::metrics::{Format, gateway as metrics};
use tokio::{sync::Mutex, task::spawn_blocking};

use super::response::text;
use crate::http::{Response, with_bytes};

/// The age of a page at most.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The newest page in the format of its last client.
#[derive(Debug, Default)]
pub(super) struct MetricsPage(Mutex<Option<(Instant, Format, Bytes)>>);

impl MetricsPage {
    /// The page in the format that a client accepts.
    pub(super) async fn page(&self, headers: &HeaderMap) -> Response {
        let accept = headers.get(header::ACCEPT);
        let accept = accept.and_then(|value| value.to_str().ok());
        let format = Format::of_accept(accept.unwrap_or_default());
        // Held while the page is rendered: the other clients wait for it.
        let mut latest = self.0.lock().await;
        let page = match &*latest {
            Some((at, known, page)) if *known == format && at.elapsed() < MAX_AGE => page.clone(),
            _ => match spawn_blocking(move || Bytes::from(metrics::render(format))).await {
                Ok(page) => {
                    *latest = Some((Instant::now(), format, page.clone()));
                    page
                }
                Err(error) => {
                    log::error!(error:%; "metrics page failed");
                    return text(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
                }
            },
        };
        with_bytes(StatusCode::OK, page, format.content_type())
    }
}
