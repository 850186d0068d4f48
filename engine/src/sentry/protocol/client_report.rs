//! The quantities that are lost with an item, in Sentry's categories (client-reports 1.20.0; the sizes of logs and
//! metrics as in sentry-rust's relay_size.rs), and the client report that contains them. Pure.

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    category::{Category, DiscardReason},
    envelope::Item,
};
use crate::sentry::shared_state::Loss;

/// Limit on the size of a client report.
const MAX_REPORT_BYTES: usize = 4 << 10;

/// The losses by category if these items are dropped.
#[must_use]
pub fn of_items<'i, 'a: 'i>(
    reason: DiscardReason,
    items: impl IntoIterator<Item = &'i Item<'a>>,
) -> Vec<Loss> {
    let mut losses: Vec<Loss> = Vec::new();
    for item in items {
        for (category, quantity) in quantities(item) {
            match losses.iter_mut().find(|(_, known, _)| *known == category) {
                Some((_, _, sum)) => *sum += quantity,
                None => losses.push((reason, category, quantity)),
            }
        }
    }
    losses
}

fn quantities(item: &Item<'_>) -> Vec<(Category, u64)> {
    let Some(category) = item.category() else {
        return Vec::new();
    };
    let count = item.count.unwrap_or(1);
    match category {
        Category::Transaction => {
            #[derive(Deserialize)]
            struct Spans<'a> {
                #[serde(borrow, default)]
                spans: Vec<&'a RawValue>,
            }
            let spans = serde_json::from_slice::<Spans<'_>>(&item.payload)
                .map_or(0, |found| found.spans.len() as u64);
            vec![(category, 1), (Category::Span, spans + 1)]
        }
        Category::LogItem => vec![
            (category, count),
            (Category::LogByte, bytes(item, "body", 0)),
        ],
        Category::TraceMetric => vec![
            (category, count),
            (Category::TraceMetricByte, bytes(item, "name", 8)),
        ],
        Category::Attachment => vec![
            (category, item.payload.len().max(1) as u64),
            (Category::AttachmentItem, 1),
        ],
        Category::Span => vec![(category, count)],
        _ => vec![(category, 1)],
    }
}

/// The size of all items of a container: text, attributes, and `value` bytes for the number of a metric.
fn bytes(item: &Item<'_>, text: &str, value: u64) -> u64 {
    let Ok(container) = serde_json::from_slice::<Value>(&item.payload) else {
        return item.payload.len() as u64;
    };
    let items = container.get("items").and_then(Value::as_array);
    let size = |item: &Value| {
        let attributes = item.get("attributes").and_then(Value::as_object);
        let of_attributes: u64 = attributes
            .into_iter()
            .flatten()
            .map(|(key, attribute)| {
                key.len() as u64 + attribute.get("value").map_or(0, size_of_value)
            })
            .sum();
        (item.get(text).map_or(0, size_of_value) + of_attributes + value).max(1)
    };
    items.into_iter().flatten().map(size).sum::<u64>().max(1)
}

fn size_of_value(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(size_of_value).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| key.len() as u64 + size_of_value(value))
            .sum(),
    }
}

/// Writes a client report. Returns it and the losses that exceed its size limit.
#[must_use]
pub fn report(losses: &[Loss], timestamp: &str) -> (Item<'static>, Vec<Loss>) {
    let mut events = Vec::new();
    let mut left = Vec::new();
    let mut size = 100;
    for loss in losses {
        let (reason, category, quantity) = *loss;
        let event = json!({
            "reason": reason.name(),
            "category": category.name(),
            "quantity": quantity,
        });
        size += event.to_string().len() + 1;
        if size <= MAX_REPORT_BYTES {
            events.push(event);
        } else {
            left.push(*loss);
        }
    }
    let report = json!({ "timestamp": timestamp, "discarded_events": events });
    let item = Item::new("client_report", report.to_string().into_bytes());
    (item, left)
}

/// Reads the losses of a client report that is itself lost, so that they can be reported again.
#[must_use]
pub fn reported(item: &Item<'_>) -> Vec<Loss> {
    #[derive(Deserialize)]
    struct Report {
        #[serde(default)]
        discarded_events: Vec<Discarded>,
    }
    #[derive(Deserialize)]
    struct Discarded {
        reason: String,
        category: String,
        quantity: u64,
    }
    if item.kind != "client_report" {
        return Vec::new();
    }
    let Ok(report) = serde_json::from_slice::<Report>(&item.payload) else {
        return Vec::new();
    };
    report
        .discarded_events
        .iter()
        .filter_map(|event| {
            let reason = DiscardReason::ALL
                .into_iter()
                .find(|reason| reason.name() == event.reason)?;
            Some((reason, Category::named(&event.category)?, event.quantity))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(kind: &str, count: Option<u64>, payload: &str) -> Vec<(&'static str, u64)> {
        let mut item = Item::new(kind, payload.as_bytes().to_vec());
        item.count = count;
        of_items(DiscardReason::SendError, [&item])
            .into_iter()
            .map(|(_, category, quantity)| (category.name(), quantity))
            .collect()
    }

    #[test]
    fn quantities_follow_the_rules_of_sentry() {
        assert_eq!(lost("event", None, "{}"), [("error", 1)]);
        assert_eq!(
            lost("transaction", None, "{\"spans\":[{},{}]}"),
            [("transaction", 1), ("span", 3)]
        );
        assert_eq!(
            lost(
                "log",
                Some(2),
                "{\"items\":[{\"body\":\"abc\",\"attributes\":{\"k\":{\"value\":\"vv\"},\"n\":{\"value\":1}}},{}]}"
            ),
            [("log_item", 2), ("log_byte", 3 + 3 + 9 + 1)]
        );
        assert_eq!(
            lost("trace_metric", Some(1), "{\"items\":[{\"name\":\"m\"}]}"),
            [("trace_metric", 1), ("trace_metric_byte", 9)]
        );
        assert_eq!(
            lost("attachment", None, "12345"),
            [("attachment", 5), ("attachment_item", 1)]
        );
        assert_eq!(lost("span", Some(7), "{}"), [("span", 7)]);
        assert_eq!(lost("client_report", None, "{}"), []);
        assert_eq!(lost("something_new", None, "{}"), []);
    }

    #[test]
    fn report_is_limited_to_4_kib_and_the_rest_waits() {
        let losses: Vec<Loss> = (0..120)
            .map(|n| {
                (
                    DiscardReason::RatelimitBackoff,
                    Category::TraceMetricByte,
                    n + 1_000_000,
                )
            })
            .collect();
        let (item, left) = report(&losses, "2026-11-21T00:00:00.000Z");
        assert!(item.payload.len() <= MAX_REPORT_BYTES && !left.is_empty());
        let mut all = reported(&item);
        all.extend(&left);
        assert_eq!(all, losses);
    }
}
