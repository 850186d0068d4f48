//! The page `docs/reference/metrics.md`, rendered from the declarations. A test compares it with the committed page.

use std::fmt::Write as _;

use super::{
    GROUPS, Scope,
    family::{Description, Label},
};

const INTRODUCTION: &str = "\
<!-- Generated from the declarations in `engine/src/metrics`; \
`PILLION_WRITE_DOCS=1 cargo test -p pillion-engine metrics_page` regenerates it. -->

# Metrics

`Pillion\\Metrics\\render()` returns them in Prometheus's text format, version 0.0.4, or as OpenMetrics where the scrape \
prefers it. Any worker may answer: the numbers are those of the host.

```php
$accept = $_SERVER['HTTP_ACCEPT'] ?? null;
header('Content-Type: ' . Pillion\\Metrics\\content_type($accept));
echo Pillion\\Metrics\\render($accept);
```

- **Counters and histograms** are in shared memory, `metrics-v1.seg` in `pillion.run_dir`, which all processes with that \
directory add to. They outlive workers, restarts of the service and killed processes. A process that can't open the \
file logs it once, and counts in its own memory.
- **Every series exists from the start**, at 0. A label takes the listed values; any other one counts as `other`. \
Labels without a list name a version or a worker.
- **Gauges** are read when the page is rendered: nothing of a process that died is on it.
- A process takes part once it uses a build, an artifact, an envelope or this page. Counts of Sentry's envelopes begin \
at 0 when the host boots, evictions when the index is created.
- **The application's own metrics** follow at the end of the page: [guide](../guides/metrics.md).
";

/// Renders the page as Markdown.
#[must_use]
pub fn render() -> String {
    let mut page = INTRODUCTION.to_owned();
    for group in GROUPS {
        let _ = write!(
            page,
            "\n## {}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n",
            group.title
        );
        let descriptions = group.metrics.iter().map(|metric| metric.description());
        for metric in descriptions.filter(|metric| metric.scope == Scope::Host) {
            row(&mut page, metric);
        }
    }
    page
}

fn row(page: &mut String, metric: &Description) {
    let labels: Vec<String> = metric.labels.iter().map(label).collect();
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} |",
        metric.name,
        metric.kind.name(),
        labels.join("<br>"),
        metric.help
    );
}

fn label(label: &Label) -> String {
    match label.values {
        [] => format!("`{}`", label.name),
        values => format!("`{}`: {}", label.name, values.join(", ")),
    }
}
