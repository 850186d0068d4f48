//! Counters of the metrics page, as a scraper sees them over the lives of several servers.

use std::collections::BTreeMap;

/// The highest value of each series until now.
#[derive(Debug, Default)]
pub struct Counters(BTreeMap<String, f64>);

impl Counters {
    /// Reads a page. Returns the series that are lower than before, or not there any more.
    pub fn read(&mut self, page: &str) -> Vec<String> {
        let now: BTreeMap<&str, f64> = page.lines().filter_map(counter).collect();
        let mut lost = Vec::new();
        for (series, before) in &self.0 {
            match now.get(series.as_str()) {
                Some(value) if value >= before => {}
                value => lost.push(format!("{series}: {before}, then {value:?}")),
            }
        }
        for (series, value) in now {
            let highest = self.0.entry(series.to_owned()).or_default();
            *highest = highest.max(value);
        }
        lost
    }

    /// The sum of the series of a name.
    pub fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &&String| series.split('{').next() == Some(name);
        let found = self.0.keys().filter(of_name);
        found.filter_map(|series| self.0.get(series)).sum()
    }
}

/// A counter of the host that the processes of this scenario increase.
fn counter(line: &str) -> Option<(&str, f64)> {
    const NAMES: [&str; 5] = [
        "velox_builds_total",
        "velox_cache_hits_total",
        "velox_cache_misses_total",
        "velox_stream_ttfb_seconds_count",
        "chaos_events_total",
    ];
    let (series, value) = line.rsplit_once(' ')?;
    let name = series.split('{').next()?;
    NAMES.contains(&name).then_some(())?;
    Some((series, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_and_missing_series_are_lost() {
        let mut counters = Counters::default();
        let page =
            "# HELP x\nvelox_builds_total{status=\"success\"} 3\nchaos_events_total 5\nother 9\n";
        assert!(counters.read(page).is_empty());
        assert!(counters.read(page).is_empty());
        assert_eq!(counters.sum("velox_builds_total"), 3.0);
        let lost = counters.read("chaos_events_total 4\n");
        assert_eq!(lost.len(), 2, "{lost:?}");
    }
}
