//! The section `metrics`: metrics that PHP code names.

use super::super::{
    row::{Row, size},
    types::{Value, ValueType},
};
use crate::metrics::application::definition::Definition;

settings! {
    /// The section `metrics`.
    pub struct MetricsSettings: Metrics, "metrics." {
        /// Size of the shared memory of the application's metrics, fixed when the first process uses one. A series of a
        /// counter with two labels takes about 120 bytes, one of a histogram 200.
        memory_bytes as "memory": u64 = size(1, 1024, "4");
        /// Metrics that are on the page before their first use, as `Pillion\\Metrics\\register()` defines them. In YAML the
        /// map of RoadRunner's section `metrics`: name, then `type`, `help`, `labels`, `buckets`, `namespace`,
        /// `subsystem`, and `mode` for a gauge that belongs to a process: `livesum`, `liveall`, `livemax`, `livemin`.
        /// A wrong entry is reported, and left out.
        collect: Vec<Definition> = definitions();
    }
}

const fn definitions() -> Row<Vec<Definition>> {
    Row::new(ValueType::Metrics, None, |value| match value {
        Some(Value::Metrics(list)) => list.valid,
        _ => Vec::new(),
    })
}
