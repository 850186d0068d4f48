//! Metrics of the memory that the application's metrics are in.

use super::{declare::metrics, family::Label};

const STATE: &[Label] = &[Label {
    name: "state",
    values: &["used", "free"],
}];

metrics! {
    derived gauge SERIES("pillion_application_series"): "Series of the application on this page.";
    derived gauge BYTES("pillion_application_memory_bytes", labels = STATE):
        "Memory of the application's metrics, `pillion.metrics_memory`, once the first one is used.";
    derived counter REFUSED("pillion_application_refused_total"):
        "Calls with a new series or definition that this memory had no space for.";
}
