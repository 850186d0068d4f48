//! Renders Prometheus's text format and OpenMetrics
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). Numbers have the notation of Prometheus's Go client, because `le` is a label and a dashboard may use its value: `le="1.048576e+07"`.

use std::{collections::HashSet, fmt::Write as _};

use super::family::{Family, Labels, MetricKind, Reading, Sample};

/// A text format of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that a header `Accept` asks for: OpenMetrics if it is named and has no lower weight.
    #[must_use]
    pub fn of_accept(accept: &str) -> Self {
        let weight = |wanted: &[&str]| {
            let ranges = accept.split(',').filter_map(|range| {
                let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
                let name = name.trim();
                let is_wanted = wanted
                    .iter()
                    .any(|wanted| name.eq_ignore_ascii_case(wanted));
                let mut parameters = parameters
                    .split(';')
                    .filter_map(|part| part.split_once('='));
                let quality = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case("q"));
                let quality = quality.map_or(1.0, |(_, q)| q.trim().parse().unwrap_or(0.0));
                is_wanted.then_some(quality)
            });
            ranges.fold(0.0, f64::max)
        };
        let open = weight(&["application/openmetrics-text"]);
        let is_open = open > 0.0 && open >= weight(&["text/plain"]);
        if is_open {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The header `Content-Type` of the page.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Renders the page.
#[must_use]
pub fn render(families: &[Family], format: Format) -> String {
    let mut page = String::new();
    let is_open = format == Format::OpenMetrics;
    let names: HashSet<&str> = families.iter().map(|family| &*family.name).collect();
    for family in families {
        let name = &family.name;
        // OpenMetrics demands `_total` of a counter, and its family has the name without it. A counter with another
        // name, or beside a family with that name, has the type that demands nothing, so that its name is the same in
        // both formats.
        let (family_name, kind) = match (
            is_open && family.kind == MetricKind::Counter,
            name.strip_suffix("_total")
                .filter(|base| !names.contains(base)),
        ) {
            (false, _) => (&**name, family.kind.name()),
            (true, Some(base)) => (base, "counter"),
            (true, None) => (&**name, "unknown"),
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let help = if is_open {
            help.replace('"', "\\\"")
        } else {
            help
        };
        if !help.is_empty() {
            let _ = writeln!(page, "# HELP {family_name} {help}");
        }
        let _ = writeln!(page, "# TYPE {family_name} {kind}");
        for sample in &family.samples {
            samples(&mut page, name, sample, format);
        }
    }
    if is_open {
        page.push_str("# EOF\n");
    }
    page
}

/// Writes the lines of a series.
fn samples(page: &mut String, name: &str, sample: &Sample, format: Format) {
    let labels = &sample.labels;
    let total = |page: &mut String, sum: f64, count: u64| {
        line(page, &[name, "_sum"], labels, None, sum);
        line(page, &[name, "_count"], labels, None, count as f64);
    };
    match &sample.reading {
        Reading::Number(value) => line(page, &[name], labels, None, *value),
        Reading::Buckets { below, sum, count } => {
            let above = (f64::INFINITY, *count);
            for (bound, count) in below.iter().copied().chain([above]) {
                let le = bucket_bound(bound, format);
                line(page, &[name, "_bucket"], labels, Some(&le), count as f64);
            }
            total(page, *sum, *count);
        }
        Reading::Total { sum, count } => total(page, *sum, *count),
    }
}

/// The value of `le`: OpenMetrics demands a number that is recognizable as a float.
fn bucket_bound(bound: f64, format: Format) -> String {
    let text = number(bound);
    let is_whole = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    match format {
        Format::OpenMetrics if is_whole => text + ".0",
        _ => text,
    }
}

fn line(page: &mut String, name: &[&str], labels: &Labels, le: Option<&str>, value: f64) {
    name.iter().for_each(|part| page.push_str(part));
    let mut separator = '{';
    for (label, value) in labels {
        page.push(separator);
        page.push_str(label);
        page.push_str("=\"");
        escape(page, value);
        page.push('"');
        separator = ',';
    }
    if let Some(le) = le {
        let _ = write!(page, "{separator}le=\"{le}\"");
        separator = ',';
    }
    if separator == ',' {
        page.push('}');
    }
    page.push(' ');
    page.push_str(&number(value));
    page.push('\n');
}

/// Appends the value of a label.
fn escape(page: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => page.push_str("\\\\"),
            '"' => page.push_str("\\\""),
            '\n' => page.push_str("\\n"),
            other => page.push(other),
        }
    }
}

/// Formats like Go's `strconv.FormatFloat(value, 'g', -1, 64)`: the fewest digits that parse back to the same value,
/// with an exponent below 1e-4 and from 1e6 on.
fn number(value: f64) -> String {
    let is_short = value.fract() == 0.0 && value.abs() < 1e6;
    if is_short && !(value == 0.0 && value.is_sign_negative()) {
        return (value as i64).to_string();
    }
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family::{MetricKind, Sample};

    fn family(kind: MetricKind, samples: Vec<Sample>) -> Family {
        Family {
            name: "a_b".into(),
            help: "One\nline \\ here.".into(),
            kind,
            samples,
        }
    }

    #[test]
    fn labels_and_help_are_escaped() {
        let sample = Sample {
            labels: vec![("x".into(), "a\"b\\c\nd".into()), ("y".into(), "é".into())],
            reading: Reading::Number(2.0),
        };
        assert_eq!(
            render(
                &[family(MetricKind::Counter, vec![sample])],
                Format::Prometheus
            ),
            "# HELP a_b One\\nline \\\\ here.\n# TYPE a_b counter\na_b{x=\"a\\\"b\\\\c\\nd\",y=\"é\"} 2\n"
        );
    }

    #[test]
    fn histogram_ends_with_infinity_sum_and_count() {
        let sample = Sample {
            labels: vec![("os".into(), "linux".into())],
            reading: Reading::Buckets {
                below: vec![(0.005, 1), (10_485_760.0, 3)],
                sum: 1.5,
                count: 4,
            },
        };
        let page = render(
            &[family(MetricKind::Histogram, vec![sample])],
            Format::Prometheus,
        );
        let lines: Vec<&str> = page.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "a_b_bucket{os=\"linux\",le=\"0.005\"} 1",
                "a_b_bucket{os=\"linux\",le=\"1.048576e+07\"} 3",
                "a_b_bucket{os=\"linux\",le=\"+Inf\"} 4",
                "a_b_sum{os=\"linux\"} 1.5",
                "a_b_count{os=\"linux\"} 4",
            ]
        );
    }

    #[test]
    fn numbers_have_the_notation_of_go() {
        for (value, text) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (600.0, "600"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1e21, "1e+21"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1e-7, "1e-07"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn counter_beside_a_gauge_of_its_name_has_its_own_family() {
        let sample = || {
            vec![Sample {
                labels: Labels::new(),
                reading: Reading::Number(1.0),
            }]
        };
        let named = |name: &'static str, kind| Family {
            name: name.into(),
            help: String::new().into(),
            ..family(kind, sample())
        };
        let families = [
            named("u", MetricKind::Gauge),
            named("u_total", MetricKind::Counter),
        ];
        let page = render(&families, Format::OpenMetrics);
        assert_eq!(
            page,
            "# TYPE u gauge\nu 1\n# TYPE u_total unknown\nu_total 1\n# EOF\n"
        );
    }

    #[test]
    fn openmetrics_keeps_the_names_of_series() {
        let number = |value| Sample {
            labels: vec![],
            reading: Reading::Number(value),
        };
        let named = |name: &'static str, kind, sample| Family {
            name: name.into(),
            ..family(kind, vec![sample])
        };
        let buckets = Sample {
            labels: vec![],
            reading: Reading::Buckets {
                below: vec![(1.0, 2), (0.5, 2)],
                sum: 1.0,
                count: 2,
            },
        };
        let total = Sample {
            labels: vec![],
            reading: Reading::Total { sum: 2.5, count: 2 },
        };
        let page = render(
            &[
                named("a_total", MetricKind::Counter, number(2.0)),
                named("b", MetricKind::Counter, number(3.0)),
                named("c", MetricKind::Histogram, buckets),
                named("d", MetricKind::Summary, total),
            ],
            Format::OpenMetrics,
        );
        let lines: Vec<&str> = page
            .lines()
            .filter(|line| !line.starts_with("# HELP"))
            .collect();
        assert_eq!(
            lines,
            [
                "# TYPE a counter",
                "a_total 2",
                "# TYPE b unknown",
                "b 3",
                "# TYPE c histogram",
                "c_bucket{le=\"1.0\"} 2",
                "c_bucket{le=\"0.5\"} 2",
                "c_bucket{le=\"+Inf\"} 2",
                "c_sum 1",
                "c_count 2",
                "# TYPE d summary",
                "d_sum 2.5",
                "d_count 2",
                "# EOF",
            ]
        );
    }

    #[test]
    fn accept_chooses_the_format() {
        for (accept, format) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            (
                "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.9",
                Format::OpenMetrics,
            ),
            (
                "application/openmetrics-text;q=0.2, text/plain;q=0.9",
                Format::Prometheus,
            ),
            ("application/openmetrics-text; q=0", Format::Prometheus),
            ("Application/OpenMetrics-Text", Format::OpenMetrics),
        ] {
            assert_eq!(Format::of_accept(accept), format, "{accept}");
        }
    }
}
