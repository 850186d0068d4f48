//! Lookups of many keys of one request, some at once. Any task.

use std::time::Duration;

use hyper::StatusCode;
use tokio::{task::JoinSet, time::timeout};

/// Lookups at once.
const MAX_AT_ONCE: usize = 16;
/// Time for all of them: a storage that is slow at each key holds no client for as long as there are keys.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a lookup for each item; the first error ends all. The results have no order.
///
/// # Errors
/// That of a lookup; 503 after a minute.
pub(super) async fn each<I, T, F>(
    items: impl Iterator<Item = I>,
    look_up: impl Fn(I) -> F,
) -> Result<Vec<T>, StatusCode>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StatusCode>> + Send + 'static,
{
    let all = timeout(TIMEOUT, run(items, look_up));
    all.await.unwrap_or(Err(StatusCode::SERVICE_UNAVAILABLE))
}

async fn run<I, T, F>(
    mut items: impl Iterator<Item = I>,
    look_up: impl Fn(I) -> F,
) -> Result<Vec<T>, StatusCode>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StatusCode>> + Send + 'static,
{
    let Some(first) = items.next() else {
        return Ok(Vec::new());
    };
    let Some(second) = items.next() else {
        // Most negotiations have one key, which needs no task of its own.
        return Ok(vec![look_up(first).await?]);
    };
    let mut items = [first, second].into_iter().chain(items);
    let mut running = JoinSet::new();
    let mut results = Vec::new();
    loop {
        while running.len() < MAX_AT_ONCE
            && let Some(item) = items.next()
        {
            running.spawn(look_up(item));
        }
        match running.join_next().await {
            None => return Ok(results),
            Some(Ok(result)) => results.push(result?),
            Some(Err(_)) => return Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}
