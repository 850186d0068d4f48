//! Renders Prometheus's text format, version 0.0.4 (`text/plain; version=0.0.4`). Numbers have the notation of its Go
//! client, because `le` is a label and a dashboard may use its value: `le="1.048576e+07"`.

use std::fmt::Write as _;

use super::family::{Family, Reading};

/// Renders the page.
#[must_use]
pub fn render(families: &[Family]) -> String {
    let mut page = String::new();
    for family in families {
        let name = &family.name;
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(
            page,
            "# HELP {name} {help}\n# TYPE {name} {}\n",
            family.kind.name()
        );
        for sample in &family.samples {
            match &sample.reading {
                Reading::Number(value) => line(&mut page, name, &sample.labels, None, *value),
                Reading::Buckets { below, sum, count } => {
                    let bucket = format!("{name}_bucket");
                    let above = (f64::INFINITY, *count);
                    for (bound, count) in below.iter().copied().chain([above]) {
                        line(
                            &mut page,
                            &bucket,
                            &sample.labels,
                            Some(bound),
                            count as f64,
                        );
                    }
                    line(
                        &mut page,
                        &format!("{name}_sum"),
                        &sample.labels,
                        None,
                        *sum,
                    );
                    line(
                        &mut page,
                        &format!("{name}_count"),
                        &sample.labels,
                        None,
                        *count as f64,
                    );
                }
            }
        }
    }
    page
}

fn line<S: AsRef<str>>(
    page: &mut String,
    name: &str,
    labels: &[(S, S)],
    le: Option<f64>,
    value: f64,
) {
    page.push_str(name);
    let mut separator = '{';
    for (label, value) in labels {
        let _ = write!(
            page,
            "{separator}{}=\"{}\"",
            label.as_ref(),
            escape(value.as_ref())
        );
        separator = ',';
    }
    if let Some(le) = le {
        let _ = write!(page, "{separator}le=\"{}\"", number(le));
        separator = ',';
    }
    if separator == ',' {
        page.push('}');
    }
    let _ = writeln!(page, " {}", number(value));
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Formats like Go's `strconv.FormatFloat(value, 'g', -1, 64)`: the fewest digits that parse back to the same value,
/// with an exponent below 1e-4 and from 1e6 on.
fn number(value: f64) -> String {
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
            render(&[family(MetricKind::Counter, vec![sample])]),
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
        let page = render(&[family(MetricKind::Histogram, vec![sample])]);
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
}
