//! Metrics of the application as they are configured: RoadRunner's map of its section `metrics`, and a notation for one
//! line. Pure functions.

use super::{suggest, text::shorten};
use crate::metrics::{
    MetricKind,
    application::{GaugeMode, definition::Definition},
};

/// Metrics of a configuration at most.
const MAX_METRICS: usize = 1000;
/// Refused entries of a configuration that are reported one by one.
const MAX_REFUSED: usize = 20;
/// The keys of a metric; the last one has no effect, because summaries have no quantiles.
const KEYS: &[&str] = &[
    "type",
    "help",
    "labels",
    "buckets",
    "namespace",
    "subsystem",
    "mode",
    "objectives",
];

/// The metrics of a configuration. A wrong entry takes no other metric from the application: it is left out, with the
/// reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricList {
    /// The valid ones, each name once.
    pub valid: Vec<Definition>,
    /// The refused ones, each to be reported; the last one stands for all beyond a limit.
    pub refused: Vec<RefusedMetric>,
}

/// An entry that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMetric {
    /// Its line, where it has one.
    pub line: Option<u64>,
    /// Its text, where it is one.
    pub text: String,
    /// The reason, a noun phrase.
    pub reason: String,
}

impl MetricList {
    /// The list of entries with line and text; of two metrics of one name the first one counts.
    pub(in crate::config) fn of<'a>(
        entries: impl Iterator<Item = (Option<u64>, &'a str, Result<Definition, String>)>,
    ) -> Self {
        let mut list = Self::default();
        let mut omitted = 0;
        for (line, text, entry) in entries {
            let reason = match entry {
                Err(reason) => reason,
                Ok(metric) if list.valid.iter().any(|known| known.name == metric.name) => {
                    format!("the metric {:?} twice", shorten(&metric.name))
                }
                Ok(_) if list.valid.len() == MAX_METRICS => {
                    format!("more than {MAX_METRICS} metrics")
                }
                Ok(metric) => {
                    list.valid.push(metric);
                    continue;
                }
            };
            if list.refused.len() == MAX_REFUSED {
                omitted += 1;
                continue;
            }
            list.refused.push(RefusedMetric {
                line,
                text: text.to_owned(),
                reason,
            });
        }
        if omitted > 0 {
            list.refused.push(RefusedMetric {
                line: None,
                text: String::new(),
                reason: format!("{omitted} more wrong entries"),
            });
        }
        list
    }
}

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
        mode: GaugeMode::of_name(one("mode")).ok_or_else(|| {
            within(format!(
                "mode {:?}, not one of mostrecent, livesum, liveall, livemax, livemin",
                shorten(one("mode"))
            ))
        })?,
    };
    definition
        .check()
        .map_err(|rule| within(format!("a definition that {rule}")))
}

/// Parses the notation of INI and environment: `name type=counter labels=a/b buckets=0.1/1, name …`.
pub(super) fn parse_list(text: &str) -> MetricList {
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    MetricList::of(entries.map(|entry| (None, entry, parse_entry(entry))))
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
        if metric.mode.is_live() {
            entry += &format!(" mode={}", metric.mode.name());
        }
        if !metric.bounds.is_empty() {
            let bounds: Vec<String> = metric.bounds.iter().map(f64::to_string).collect();
            entry += &format!(" buckets={}", bounds.join("/"));
        }
        entry
    });
    entries.collect::<Vec<_>>().join(", ")
}
