//! Sentry's queue, rate limits, counts and dead letters of the host.

use serde_json::{Value, json};

use crate::{
    engine::Engine,
    sentry::{HostView, SentryDirs},
};

impl Engine {
    /// Queue, rate limits, counts and number of dead letters. Opens no transport.
    #[must_use]
    pub fn sentry_view(&self) -> Value {
        match self.host_view() {
            Some(view) => view.to_json(),
            None => json!({}),
        }
    }

    /// The newest dead letters, or those before the one with the id `after`.
    #[must_use]
    pub fn dead_letters_view(&self, limit: usize, after: Option<&str>) -> Value {
        match self.host_view() {
            Some(view) => view.dead_letters(limit, after),
            None => json!({ "dead_letters": [], "next": null }),
        }
    }

    /// A dead letter with its headers and items; `None` if there is no such one.
    #[must_use]
    pub fn dead_letter_view(&self, id: &str) -> Option<Value> {
        self.host_view()?.dead_letter(id)
    }

    fn host_view(&self) -> Option<HostView<'_>> {
        let dirs: SentryDirs = self.sentry.dirs(self.dirs().ok()?);
        let own = self.sentry.get().map(|sentry| &**sentry);
        Some(HostView::new(&self.settings().sentry, dirs, own))
    }
}
