//! Builds in flight with their last log lines, and those that have ended within the last minute.

use serde_json::{Value, json};

use crate::engine::Engine;

impl Engine {
    /// The builds of the host.
    #[must_use]
    pub fn builds_view(&self) -> Value {
        let velox = self.velox().ok();
        json!({
            "active": velox.map(|velox| velox.builds()).unwrap_or_default(),
            "recent": velox.map(|velox| velox.recent_builds()).unwrap_or_default(),
        })
    }
}
