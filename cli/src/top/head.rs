//! The lines above the workers: totals, problems and builds. Pure.

use serde_json::Value;

use crate::units::{bytes, float, list, number, printable, seconds, text};

/// Builds and problems that are shown.
const MAX_BUILDS: usize = 4;
const MAX_PROBLEMS: usize = 2;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
/// The width of the names before totals.
const NAME: usize = 11;

/// Totals after their name: as many on a line as have room.
fn totals(name: &str, parts: &[String], columns: usize) -> Vec<String> {
    let mut lines = vec![format!("{name:<NAME$}")];
    for part in parts {
        let is_first = lines.last().is_some_and(|line| line.len() == NAME);
        let gap = if is_first { "" } else { "  " };
        let used = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if is_first || used + gap.len() + part.chars().count() <= columns => {
                line.push_str(gap);
                line.push_str(part);
            }
            _ => lines.push(format!("{:<NAME$}{part}", "")),
        }
    }
    lines
}

/// The lines above the workers, with their style.
pub(super) fn head(
    state: &Value,
    columns: usize,
    has_colours: bool,
) -> Vec<(&'static str, String)> {
    let style = |style| if has_colours { style } else { "" };
    let number = |pointer: &str| number(state, &format!("/overview{pointer}"));
    let size = |pointer: &str| bytes(number(pointer));
    let rate = float(state, "/overview/workers/requests_per_second");
    let hits = float(state, "/overview/cache/hit_ratio");
    let leader = match number("/leader/pid") {
        0 => "no leader".to_owned(),
        pid => format!("leader {} {pid}", text(state, "/overview/leader/mode")),
    };
    let first = format!(
        "pillion {} on {}, {leader}",
        text(state, "/overview/version"),
        text(state, "/overview/hostname"),
    );
    let workers = [
        format!(
            "{} ({} busy)",
            number("/workers/total"),
            number("/workers/busy")
        ),
        format!(
            "{} requests{}",
            number("/workers/requests"),
            rate.map_or(String::new(), |rate| format!(", {rate:.1}/s")),
        ),
        format!("memory {}", size("/workers/memory")),
        format!("leaks {}", number("/workers/leaks")),
    ];
    let builds = [
        format!(
            "{} active, {} built, {} failed",
            number("/builds/active"),
            number("/builds/success"),
            number("/builds/failed"),
        ),
        format!(
            "artifacts {}, {}",
            number("/artifacts/entries"),
            size("/artifacts/bytes"),
        ),
        format!(
            "delivered {} ({} held)",
            number("/delivery/total"),
            number("/delivery/held"),
        ),
    ];
    let cache = [
        format!(
            "{} entries, {} of {}{}",
            number("/cache/entries"),
            size("/cache/bytes_used"),
            size("/cache/bytes_limit"),
            hits.map_or(String::new(), |hits| format!(
                ", {:.1} % hits",
                hits * 100.0
            )),
        ),
        format!(
            "sentry {} queued, {} sent, {} dead",
            number("/sentry/queued"),
            number("/sentry/sent"),
            number("/sentry/dead_letters"),
        ),
    ];
    let mut lines = vec![(style(BOLD), first)];
    for (name, parts) in [
        ("workers", &workers[..]),
        ("builds", &builds),
        ("cache", &cache),
    ] {
        let wrapped = totals(name, parts, columns).into_iter();
        lines.extend(wrapped.map(|line| ("", line)));
    }
    let problems = list(state, "/overview/problems").iter().take(MAX_PROBLEMS);
    for problem in problems.filter_map(Value::as_str) {
        lines.push((style(RED), format!("problem    {}", printable(problem))));
    }
    for build in list(state, "/builds/active").iter().take(MAX_BUILDS) {
        let last = list(build, "/lines").last().and_then(Value::as_str);
        lines.push((
            "",
            format!(
                "build      {} {} {} {}",
                text(build, "/key"),
                text(build, "/state"),
                seconds(float(build, "/elapsed").unwrap_or(0.0)),
                printable(last.unwrap_or_default()),
            ),
        ));
    }
    lines.push(("", String::new()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_wrapped_and_not_cut() {
        let parts = [
            "0 active, 0 built, 0 failed",
            "artifacts 12, 3.1 GiB",
            "delivered 7 (0 held)",
        ];
        let parts = parts.map(str::to_owned);
        assert_eq!(
            totals("builds", &parts, 80),
            [
                "builds     0 active, 0 built, 0 failed  artifacts 12, 3.1 GiB",
                "           delivered 7 (0 held)",
            ]
        );
        assert_eq!(totals("builds", &parts, 200).len(), 1);
        assert_eq!(totals("builds", &parts, 1).len(), 3);
    }
}
