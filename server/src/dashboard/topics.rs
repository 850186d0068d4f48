//! Views that many clients read: each is computed once a second at most, for all of them together, and its clients
//! share the bytes. Computed on the blocking threads; one task for each topic that a stream has, while it has one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use pillion_engine::engine::Engine;
use serde_json::{Value, json};
use tokio::{sync::watch, task::spawn_blocking};

use crate::delivery::active_transfers;

/// The pause between two computations.
const INTERVAL: Duration = Duration::from_secs(1);

/// Computes a view.
type View = fn(&Engine) -> Value;

/// A view by its name.
pub(super) struct Topic {
    pub(super) name: &'static str,
    view: View,
    latest: tokio::sync::Mutex<Option<(Instant, Bytes)>>,
    /// Empty before the first computation.
    published: watch::Sender<Bytes>,
    is_running: Mutex<bool>,
}

/// All topics of a server.
pub(super) struct Topics {
    engine: Arc<Engine>,
    all: Vec<Topic>,
    /// Changes with each publication of any topic.
    published: watch::Sender<u64>,
}

impl Topics {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        let views: [(&'static str, View); 6] = [
            ("overview", overview),
            ("workers", Engine::workers_view),
            ("builds", Engine::builds_view),
            ("cache", Engine::cache_view),
            ("sentry", Engine::sentry_view),
            ("metrics", Engine::metrics_view),
        ];
        let topics = views.into_iter().map(|(name, view)| Topic {
            name,
            view,
            latest: tokio::sync::Mutex::default(),
            published: watch::Sender::new(Bytes::new()),
            is_running: Mutex::new(false),
        });
        Self {
            engine,
            all: topics.collect(),
            published: watch::Sender::new(0),
        }
    }

    /// The topic of a name, with its position.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|topic| topic.name == name)
    }

    /// The topic at a position of [`Topics::find`].
    pub(super) fn name(&self, at: usize) -> &'static str {
        self.all.get(at).map_or("", |topic| topic.name)
    }

    /// The view of a topic, at most a second old; `None` if it can't be computed.
    pub(super) async fn get(&self, at: usize) -> Option<Bytes> {
        let topic = self.all.get(at)?;
        let mut latest = topic.latest.lock().await;
        if let Some((computed, bytes)) = &*latest
            && computed.elapsed() < INTERVAL
        {
            return Some(bytes.clone());
        }
        let (engine, view) = (Arc::clone(&self.engine), topic.view);
        let computed = spawn_blocking(move || Bytes::from(view(&engine).to_string()));
        match computed.await {
            Ok(bytes) => {
                *latest = Some((Instant::now(), bytes.clone()));
                Some(bytes)
            }
            Err(error) => {
                log::error!(topic = topic.name, error:%; "view of the dashboard failed");
                None
            }
        }
    }

    /// Forgets all views, because an action has changed the state.
    pub(super) async fn invalidate(&self) {
        for topic in &self.all {
            *topic.latest.lock().await = None;
        }
    }

    /// Changes of any topic, from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// The newest view of a topic, kept up to date for as long as there is a receiver.
    pub(super) fn subscribe(self: &Arc<Self>, at: usize) -> Option<watch::Receiver<Bytes>> {
        let topic = self.all.get(at)?;
        let mut is_running = lock(&topic.is_running);
        let receiver = topic.published.subscribe();
        if !std::mem::replace(&mut *is_running, true) {
            tokio::spawn(Arc::clone(self).publish(at));
        }
        Some(receiver)
    }

    async fn publish(self: Arc<Self>, at: usize) {
        let Some(topic) = self.all.get(at) else {
            return;
        };
        loop {
            if let Some(view) = self.get(at).await {
                let is_new = topic.published.send_if_modified(|published| {
                    let is_new = *published != view;
                    *published = view;
                    is_new
                });
                if is_new {
                    self.published
                        .send_modify(|count| *count = count.wrapping_add(1));
                }
            }
            tokio::time::sleep(INTERVAL).await;
            let mut is_running = lock(&topic.is_running);
            if topic.published.receiver_count() == 0 {
                *is_running = false;
                // The next stream begins with a new view.
                topic.published.send_replace(Bytes::new());
                return;
            }
        }
    }
}

fn lock(is_running: &Mutex<bool>) -> std::sync::MutexGuard<'_, bool> {
    is_running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine's overview, with the transfers of this server.
fn overview(engine: &Engine) -> Value {
    let mut view = engine.overview();
    if let Some(delivery) = view.get_mut("delivery").and_then(Value::as_object_mut) {
        delivery.insert("active".into(), json!(active_transfers()));
    }
    view
}
