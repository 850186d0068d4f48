//! The files of `examples/monitoring/` name metrics of the page. Prometheus itself checks their syntax
//! (`tests-php/hosts/cli/prometheus.php`).

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use super::{Family, MetricKind, snapshot};

/// The rules of an alert file of Prometheus: names and expressions.
#[derive(Deserialize)]
struct AlertFile {
    groups: Vec<AlertGroup>,
}

#[derive(Deserialize)]
struct AlertGroup {
    rules: Vec<AlertRule>,
}

#[derive(Deserialize)]
struct AlertRule {
    alert: String,
    expr: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring")
}

/// Names of series on the page, and the one that Prometheus itself adds.
fn series_names() -> BTreeSet<String> {
    let name = |family: Family| match family.kind {
        MetricKind::Histogram | MetricKind::Summary => ["_bucket", "_sum", "_count"]
            .map(|suffix| format!("{}{suffix}", family.name))
            .to_vec(),
        MetricKind::Counter | MetricKind::Gauge => vec![family.name.to_string()],
    };
    let mut names: BTreeSet<String> = snapshot(&[]).into_iter().flat_map(name).collect();
    names.insert("up".into());
    names
}

/// The names of series in an expression: words that are no function, keyword, label or number.
fn names(expression: &str) -> BTreeSet<&str> {
    // Aggregations may have their labels before their parenthesis.
    const KEYWORDS: [&str; 8] = ["and", "or", "unless", "bool", "sum", "max", "min", "count"];
    const WITH_LABELS: [&str; 6] = [
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$');
    let mut names = BTreeSet::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c| is_word(c) || "{[\"'".contains(c)) {
        let (_, tail) = rest.split_at(start);
        let end = match tail.chars().next() {
            Some('{') => tail.find('}').unwrap() + 1,
            Some('[') => tail.find(']').unwrap() + 1,
            Some(quote @ ('"' | '\'')) => tail.get(1..).unwrap().find(quote).unwrap() + 2,
            _ => tail.find(|c| !is_word(c)).unwrap_or(tail.len()),
        };
        let (word, after) = tail.split_at(end);
        rest = after;
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if WITH_LABELS.contains(&word) {
            let labels = after.trim_start();
            rest = labels
                .split_once(')')
                .filter(|_| labels.starts_with('('))
                .unwrap()
                .1;
        } else if is_name && !KEYWORDS.contains(&word) && !after.trim_start().starts_with('(') {
            names.insert(word);
        }
    }
    names
}

#[track_caller]
fn check(origin: &str, expression: &str, known: &BTreeSet<String>) {
    let found = names(expression);
    assert!(!found.is_empty(), "{origin}: {expression}");
    for name in found {
        assert!(known.contains(name), "{origin}: {name} in {expression}");
    }
}

#[test]
fn words_of_an_expression_are_told_apart() {
    let expression = r#"
        sum by (a_total) (rate(b_total{c=~"d|e", f!="g"}[$__rate_interval])) > 0.5e3
          and on (h) time() - max without (i) (j_seconds) > bool 900
          or absent(k_info) * 64"#;
    assert_eq!(names(expression), ["b_total", "j_seconds", "k_info"].into());
}

#[test]
fn alert_rules_name_metrics_of_the_page() {
    let known = series_names();
    let mut alerts = BTreeSet::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let file: AlertFile = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for AlertRule { alert, expr } in file.groups.into_iter().flat_map(|group| group.rules) {
            check(&alert, &expr, &known);
            assert!(alerts.insert(alert.clone()), "{alert} twice");
        }
    }
    assert_eq!(alerts.len(), 29);
}

#[test]
fn grafana_dashboard_names_metrics_of_the_page() {
    let known = series_names();
    let text = fs::read(directory().join("grafana-hosts.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&text).unwrap();
    let panels = dashboard.get("panels").and_then(Value::as_array).unwrap();
    let mut ids = BTreeSet::new();
    let mut expressions = 0;
    for panel in panels {
        assert!(ids.insert(panel.get("id").and_then(Value::as_u64).unwrap()));
        let title = panel.get("title").and_then(Value::as_str).unwrap();
        let targets = panel.get("targets").and_then(Value::as_array);
        for target in targets.into_iter().flatten() {
            let expression = target.get("expr").and_then(Value::as_str).unwrap();
            check(title, expression, &known);
            expressions += 1;
        }
    }
    assert!(expressions > 40, "{expressions}");
}
