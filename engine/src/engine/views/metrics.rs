//! The metrics page as JSON.

use serde_json::{Map, Value, json};

use crate::{
    engine::Engine,
    metrics::{Family, Reading, Sample},
};

/// Samples of a family that are shown; the page at `/metrics` has all.
const MAX_SAMPLES: usize = 1000;

impl Engine {
    /// All families of the metrics page, those of the application marked.
    #[must_use]
    pub fn metrics_view(&self) -> Value {
        let (own, application) = self.metric_families("");
        let own = own.iter().map(|family| family_view(family, false));
        let application = application.iter().map(|family| family_view(family, true));
        json!({ "families": own.chain(application).collect::<Vec<_>>() })
    }
}

fn family_view(family: &Family, is_of_application: bool) -> Value {
    let samples = family.samples.iter().take(MAX_SAMPLES);
    json!({
        "name": family.name,
        "type": family.kind.name(),
        "help": family.help,
        "application": is_of_application,
        "samples": samples.map(sample_view).collect::<Vec<_>>(),
        "hidden": family.samples.len().saturating_sub(MAX_SAMPLES),
    })
}

fn sample_view(sample: &Sample) -> Value {
    let labels: Map<String, Value> = sample
        .labels
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(&**value)))
        .collect();
    let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
    match &sample.reading {
        Reading::Number(number) => json!({ "labels": labels, "value": number }),
        Reading::Total { sum, count } => json!({
            "labels": labels,
            "value": mean(*sum, *count),
            "sum": sum,
            "count": count,
        }),
        Reading::Buckets { below, sum, count } => json!({
            "labels": labels,
            "value": mean(*sum, *count),
            "sum": sum,
            "count": count,
            "buckets": below,
        }),
    }
}
