//! The definition of a metric of the application, and its checks. Names follow Prometheus's
//! data model (<https://prometheus.io/docs/concepts/data_model/>). Pure.

use std::sync::Arc;

use super::{
    super::{MetricKind, histogram},
    gauge_mode::GaugeMode,
};

/// Bytes of a name, of a label's name and of a help text at most.
const MAX_NAME: usize = 200;
const MAX_HELP: usize = 1000;
/// Labels of a metric at most.
pub const MAX_LABELS: usize = 16;
/// Bounds of a histogram at most; the bucket of all values comes on top.
pub const MAX_BUCKETS: usize = 64;
/// The label that the page adds to a gauge with the mode `liveall`.
pub(super) const PID_LABEL: &str = "pid";
/// Bounds of a histogram that is defined without any, in seconds; those of Prometheus's clients.
pub const DEFAULT_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// A metric that PHP code has defined, by `register()` or by its first use.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: MetricKind,
    /// Its help text, which may be empty.
    pub help: String,
    /// The names of its labels; empty: each call may name others.
    pub labels: Vec<String>,
    /// The upper bounds of a histogram's buckets, ascending; empty for other types.
    pub bounds: Arc<[f64]>,
    /// The processes that a gauge is of.
    pub mode: GaugeMode,
}

impl Definition {
    /// A metric that is used without a definition.
    ///
    /// # Errors
    /// As [`Definition::check`].
    pub fn undeclared(name: &str, kind: MetricKind) -> Result<Self, String> {
        Self {
            name: name.to_owned(),
            kind,
            help: String::new(),
            labels: Vec::new(),
            bounds: default_bounds(kind),
            mode: GaugeMode::default(),
        }
        .check()
    }

    /// Checks all parts, and gives a histogram without bounds the default ones.
    ///
    /// # Errors
    /// The rule that a part breaks: "must …", to follow the name of a setting or an argument.
    pub fn check(mut self) -> Result<Self, String> {
        check_name(&self.name)?;
        if self.help.len() > MAX_HELP {
            return Err(format!("must have a help text of at most {MAX_HELP} bytes"));
        }
        if self.labels.len() > MAX_LABELS {
            return Err(format!("must have at most {MAX_LABELS} labels"));
        }
        for (index, label) in self.labels.iter().enumerate() {
            check_label(label, self.kind)?;
            if self.labels.iter().take(index).any(|other| other == label) {
                return Err(format!(
                    "must have labels with different names, {label} is there twice"
                ));
            }
        }
        if self.mode.is_live() && self.kind != MetricKind::Gauge {
            return Err("must have a mode only if it is a gauge".into());
        }
        if self.mode == GaugeMode::LiveAll && self.labels.iter().any(|label| label == PID_LABEL) {
            return Err("must not have a label pid, which the page adds".into());
        }
        if self.kind != MetricKind::Histogram {
            match self.bounds.is_empty() {
                true => return Ok(self),
                false => return Err("must have buckets only if it is a histogram".into()),
            }
        }
        if self.bounds.is_empty() {
            self.bounds = default_bounds(self.kind);
        }
        let is_ascending = self
            .bounds
            .windows(2)
            .all(|pair| pair.first() < pair.last());
        if !is_ascending || !self.bounds.iter().all(|bound| bound.is_finite()) {
            return Err("must have finite buckets in ascending order".into());
        }
        match self.bounds.len() <= MAX_BUCKETS {
            true => Ok(self),
            false => Err(format!("must have at most {MAX_BUCKETS} buckets")),
        }
    }

    /// The number of words that a series of the metric counts in.
    pub(super) fn cells(&self) -> usize {
        match self.kind {
            MetricKind::Gauge => 1,
            MetricKind::Counter | MetricKind::Summary => 2,
            MetricKind::Histogram => histogram::width(self.bounds.len()),
        }
    }
}

fn default_bounds(kind: MetricKind) -> Arc<[f64]> {
    match kind {
        MetricKind::Histogram => DEFAULT_BUCKETS.into(),
        _ => Arc::default(),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME || !is_name(name, ":_") {
        return Err(format!(
            "must be a name of at most {MAX_NAME} letters, digits, _ and :, without a digit at its start"
        ));
    }
    let is_own = super::super::all().any(|metric| {
        let metric = metric.description();
        metric.name == name || is_name_of_numbers(name, metric.name, metric.kind)
    });
    match is_own || name.starts_with("pillion_") {
        true => Err("must not be the name of a metric of the extension".into()),
        false => Ok(()),
    }
}

/// The endings of the names under which a metric of this kind has its numbers on the page.
pub(super) const fn number_suffixes(kind: MetricKind) -> &'static [&'static str] {
    match kind {
        MetricKind::Counter | MetricKind::Gauge => &[],
        MetricKind::Summary => &["_sum", "_count"],
        MetricKind::Histogram => &["_bucket", "_sum", "_count"],
    }
}

/// Whether `name` is a name under which the metric `base` of this kind has its numbers.
pub(super) fn is_name_of_numbers(name: &str, base: &str, kind: MetricKind) -> bool {
    let suffix = name.strip_prefix(base);
    suffix.is_some_and(|suffix| number_suffixes(kind).contains(&suffix))
}

/// Checks the name of a label.
///
/// # Errors
/// As [`Definition::check`].
pub(super) fn check_label(label: &str, kind: MetricKind) -> Result<(), String> {
    if label.len() > MAX_NAME || !is_name(label, "_") || label.starts_with("__") {
        return Err(format!(
            "must have labels with names of at most {MAX_NAME} letters, digits and _, without a digit or __ at their start"
        ));
    }
    match (kind, label) {
        (MetricKind::Histogram, "le") | (MetricKind::Summary, "quantile") => Err(format!(
            "must not have a label {label}, which the page adds"
        )),
        _ => Ok(()),
    }
}

fn is_name(text: &str, others: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    !text.is_empty()
        && text.chars().all(is_allowed)
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(kind: MetricKind, labels: &[&str], bounds: &[f64]) -> Definition {
        Definition {
            name: "a_b".into(),
            kind,
            help: "Help.".into(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            bounds: bounds.into(),
            mode: GaugeMode::default(),
        }
    }

    #[test]
    fn definition_survives_its_bytes() {
        for made in [
            definition(MetricKind::Histogram, &["a", "b"], &[0.1, 7.0]),
            definition(MetricKind::Summary, &[], &[]),
            Definition {
                mode: GaugeMode::LiveMax,
                ..definition(MetricKind::Gauge, &["a"], &[])
            },
        ] {
            let bytes = made.encode();
            assert_eq!(Definition::decode(&bytes), Some(made));
            for end in 0..bytes.len() {
                let _ = Definition::decode(&bytes[..end]);
            }
        }
    }

    #[test]
    fn each_rule_is_checked() {
        let named = |name: &str| Definition::undeclared(name, MetricKind::Counter);
        assert!(named("app:orders_total").is_ok());
        for name in [
            "",
            "1a",
            "a-b",
            "ä",
            "velox_builds_total",
            "pillion_x",
            "velox_build_duration_seconds_sum",
        ] {
            assert!(named(name).is_err(), "{name}");
        }
        let check = |kind, labels, bounds| definition(kind, labels, bounds).check();
        assert!(check(MetricKind::Gauge, &["le"], &[]).is_ok());
        assert!(check(MetricKind::Gauge, &["a"; 2], &[]).is_err());
        assert!(check(MetricKind::Gauge, &["__a"], &[]).is_err());
        assert!(check(MetricKind::Histogram, &["le"], &[]).is_err());
        assert!(check(MetricKind::Gauge, &[], &[1.0]).is_err());
        assert!(check(MetricKind::Histogram, &[], &[1.0, 1.0]).is_err());
        assert!(check(MetricKind::Histogram, &[], &[f64::NAN]).is_err());
        let live = |kind, labels: &[&str]| Definition {
            mode: GaugeMode::LiveAll,
            ..definition(kind, labels, &[])
        };
        assert!(live(MetricKind::Gauge, &["a"]).check().is_ok());
        assert!(live(MetricKind::Gauge, &["pid"]).check().is_err());
        assert!(live(MetricKind::Counter, &[]).check().is_err());
        let defaults = check(MetricKind::Histogram, &[], &[]).unwrap();
        assert_eq!(&*defaults.bounds, DEFAULT_BUCKETS);
    }
}
