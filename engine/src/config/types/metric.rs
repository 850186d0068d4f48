//! Metrics of the application as they are configured: RoadRunner's map of its section `metrics`, and a notation for one
//! line. Pure functions.

use super::{suggest, text::shorten};
use crate::metrics::{MetricKind, application::definition::Definition};

/// Metrics of a configuration at most.
const MAX_METRICS: usize = 1000;
/// The keys of a metric; the last one has no effect, because summaries have no quantiles.
const KEYS: &[&str] = &[
    "type",
    "help",
    "labels",
    "buckets",
    "namespace",
    "subsystem",
    "objectives",
];

/// A metric from its name and the values of its keys; lists have several values.
///
/// # Errors
/// The reason as a noun phrase, with the metric.
pub(in crate::config) fn parse(
    name: &str,
    values: &[(String, Vec<String>)],
) -> Result<Definition, String> {
    let shown = shorten(name);
    let within = |reason: String| format!("{reason} in the metric {shown:?}");
    let one = |wanted: &str| {
        let value = values.iter().find(|(key, _)| key == wanted);
        value
            .and_then(|(_, values)| values.first())
            .map_or("", String::as_str)
    };
    let many = |wanted: &str| {
        let value = values.iter().find(|(key, _)| key == wanted);
        value.map_or(&[][..], |(_, values)| values)
    };
    for (key, _) in values {
        if !KEYS.contains(&key.as_str()) {
            let suggestion = suggest::closest(key, KEYS.iter().copied())
                .map(|known| format!("; did you mean {known}?"))
                .unwrap_or_default();
            return Err(within(format!(
                "unknown key {:?}{suggestion}",
                shorten(key)
            )));
        }
    }
    let kind = MetricKind::of_name(one("type")).ok_or_else(|| {
        within(format!(
            "type {:?}, not one of counter, gauge, histogram, summary",
            shorten(one("type"))
        ))
    })?;
    let bounds = many("buckets").iter().map(|bound| {
        bound
            .trim()
            .parse()
            .map_err(|_| within(format!("bucket {:?}, not a number", shorten(bound))))
    });
    let parts = [one("namespace"), one("subsystem"), name];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let definition = Definition {
        name: parts.join("_"),
        kind,
        help: one("help").to_owned(),
        labels: many("labels").to_vec(),
        bounds: bounds.collect::<Result<_, _>>()?,
    };
    definition
        .check()
        .map_err(|rule| within(format!("a definition that {rule}")))
}

/// Parses the notation of INI and environment: `name type=counter labels=a/b buckets=0.1/1, name …`.
pub(super) fn parse_list(text: &str) -> Result<Vec<Definition>, String> {
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    check_list(entries.map(parse_entry).collect::<Result<_, _>>()?)
}

fn parse_entry(entry: &str) -> Result<Definition, String> {
    let mut words = entry.split_whitespace();
    let name = words.next().unwrap_or_default();
    let values = words.map(|word| {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{:?} without a value", shorten(word)))?;
        Ok((
            key.to_owned(),
            value.split('/').map(str::to_owned).collect(),
        ))
    });
    parse(name, &values.collect::<Result<Vec<_>, String>>()?)
}

/// Formats the metrics as [`parse_list`] reads them, without their help texts.
pub(super) fn format_list(metrics: &[Definition]) -> String {
    let entries = metrics.iter().map(|metric| {
        let mut entry = format!("{} type={}", metric.name, metric.kind.name());
        if !metric.labels.is_empty() {
            entry += &format!(" labels={}", metric.labels.join("/"));
        }
        if !metric.bounds.is_empty() {
            let bounds: Vec<String> = metric.bounds.iter().map(f64::to_string).collect();
            entry += &format!(" buckets={}", bounds.join("/"));
        }
        entry
    });
    entries.collect::<Vec<_>>().join(", ")
}

/// Checks the metrics together.
///
/// # Errors
/// There are too many, or two of one name.
pub(in crate::config) fn check_list(metrics: Vec<Definition>) -> Result<Vec<Definition>, String> {
    if metrics.len() > MAX_METRICS {
        return Err(format!("more than {MAX_METRICS} metrics"));
    }
    let mut names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => {
            let name = pair.first().copied().unwrap_or_default();
            Err(format!("the metric {:?} twice", shorten(name)))
        }
        None => Ok(metrics),
    }
}
